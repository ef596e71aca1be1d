"""The installed command as a person runs it: a process of its own, in a pipe or on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOTBOX = Path(sys.executable).with_name("botbox")
LIMIT_S = 60.0


@dataclass(frozen=True)
class Person:
    """Somebody with a home, a folder to work in, and settings in the environment."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        given = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TZ": "Europe/Berlin", "LANG": "C.UTF-8"}
        return given | self.settings

    def start(
        self,
        *args: object,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a command without waiting for it."""
        command = [str(BOTBOX), *(str(arg) for arg in args)]
        return subprocess.Popen(
            command, env=self.environment, cwd=self.home, stdin=stdin, stdout=stdout, stderr=stderr
        )

    def runs(self, *args: object) -> subprocess.CompletedProcess[str]:
        """Run a command in a pipe, with nobody at the keyboard."""
        process = self.start(*args)
        out, err = process.communicate(timeout=LIMIT_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())

    def document(self, *args: object) -> Any:
        """Return the document of a command that must end well."""
        done = self.runs(*args, "--json")
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def types(self, *args: object, columns: int = 80, answer: str = "") -> tuple[int, str]:
        """Run a command on a terminal and type `answer`; return its exit code and all that was on the screen."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = self.start(*args, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        if answer:
            os.write(master, answer.encode())
        screen = b""
        while chunk := _read(master):
            screen += chunk
        os.close(master)
        return process.wait(LIMIT_S), screen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other side is closed.
        return b""
