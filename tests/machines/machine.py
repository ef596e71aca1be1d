"""A machine of its own, as far as botbox can tell: another host name, other process ids, one process group to pull."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

UNSHARE = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
BOTBOX = str(Path(sys.executable).with_name("botbox"))
PATIENCE_S = 180.0
"""Longer than anything takes on a machine that is busy with other things."""


@cache
def has_namespaces() -> bool:
    """Whether this user may make namespaces. Without them a machine is a process group only, on the same host."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*UNSHARE, "sh", "-c", "hostname elsewhere"], capture_output=True, check=False)
    return tried.returncode == 0


class Machine:
    """Runs commands. Pulling its plug kills all of them at once, whatever they are doing."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name, self._folder = name, folder
        self._environment = {"PATH": os.environ["PATH"], **environment}
        self._running: list[subprocess.Popen[bytes]] = []
        self.output = folder / f"{name}.out"

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start a command; all that this machine says goes to one file."""
        command = [BOTBOX, *argv]
        if has_namespaces():
            command = [*UNSHARE, "sh", "-c", f'hostname {self.name}; exec "$0" "$@"', *command]
        with self.output.open("ab") as out:
            process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def run(self, *argv: str) -> int:
        """Run a command to its end; return its exit code."""
        return self.start(*argv).wait(PATIENCE_S)

    def pull_the_plug(self) -> None:
        """Kill everything that runs on it."""
        for process in self._running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_S)
        self._running.clear()

    def events(self) -> Iterator[dict[str, Any]]:
        """Return what `watch --json` has told; a line that was cut off by a death is left out."""
        for line in self.output.read_bytes().splitlines() if self.output.exists() else ():
            try:
                document = json.loads(line)
            except ValueError:
                continue
            if isinstance(document, dict) and "event" in document:
                yield document

    def wait_for(self, event: str, **wanted: Any) -> dict[str, Any]:
        """Wait until `watch` has told of something, and return the newest such event."""
        ends_at = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_at:
            found = [e for e in self.events() if e["event"] == event and wanted.items() <= e.items()]
            if found:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError(f"{self.name} tells of no {event}: {self.output.read_text()[-2000:]}")
