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
    return Holder(_host(), pid, _started(pid) or "", token)


def is_dead(holder: Holder) -> bool:
    """Tell whether the holder's process is proved gone. False on another machine: nothing can be proved there."""
    if holder.host != _host():
        return False
    if not _has_proc():
        return not _exists(holder.pid)
    return _started(holder.pid) != holder.started


def _host() -> str:
    """Return a name for the space in which a pid means something: machine, its boot, its pid namespace."""
    if not _has_proc():
        return socket.gethostname()
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    namespace = (PROC / "self/ns/pid").readlink()
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _has_proc() -> bool:
    return (PROC / "self/ns/pid").is_symlink()


def _started(pid: int) -> str | None:
    """Return when a process started, in ticks since boot; None if there is none, or only its unreaped remains."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
        return None
    # The name, in parentheses, may itself contain spaces and parentheses.
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
