"""Who this process is, so that another one on the same machine can prove it dead."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from botbox_cli.ports import Holder

PROC = Path("/proc")


def current_holder(token: str) -> Holder:
    """Return this process as the holder of a lease; `token` is random."""
    pid = os.getpid()
    stat = _stat(pid)
    return Holder(_host(), pid, stat[1] if stat else "", token)


def is_dead(holder: Holder) -> bool:
    """Tell whether the holder's process is proved gone. False on another machine: nothing can be proved there."""
    if holder.host != _host():
        return False
    stat = _stat(holder.pid)
    if stat is None:  # Gone, or hidden from this user, or a system without /proc.
        return not _exists(holder.pid)
    state, started = stat
    return state in "ZX" or started != holder.started


def _host() -> str:
    """Return a name for the space in which a pid means something: machine, its boot, its pid namespace."""
    if not (PROC / "self/ns/pid").is_symlink():
        return socket.gethostname()
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    namespace = (PROC / "self/ns/pid").readlink()
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _stat(pid: int) -> tuple[str, str] | None:
    """Return the state of a process (Z and X: only its remains) and when it started, in ticks since boot; or None."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, NotADirectoryError, PermissionError, ProcessLookupError):
        return None
    # The name, in parentheses, may itself contain spaces and parentheses.
    state, *rest = stat.rpartition(")")[2].split()
    return state, rest[18]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
