"""A command on a terminal of its own, as a person has it."""

import os
import pty
import struct
import subprocess
import sys
from collections.abc import Sequence
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

BOTBOX = str(Path(sys.executable).with_name("botbox"))


def on_terminal(arguments: Sequence[str], home: Path, *, columns: int = 80, timeout_s: float = 60) -> str:
    """Return all that `botbox` with `arguments` writes on a terminal without colour, in UTC.

    It must end with exit code 0. `home` is its home, its working directory and its place for temporary files.
    """
    master, slave = pty.openpty()
    ioctl(slave, TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "TERM": "xterm",
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    command = [BOTBOX, *arguments]
    with subprocess.Popen(
        command, env=environment, cwd=home, stdin=slave, stdout=slave, stderr=slave
    ) as process:
        os.close(slave)
        shown = bytearray()
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # Linux: the terminal of a process that has ended.
                break
            if not part:
                break
            shown += part
        code = process.wait(timeout_s)
    os.close(master)
    text = shown.decode().replace("\r\n", "\n")
    assert code == 0, text
    return text
