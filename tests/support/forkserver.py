"""The real command, started quickly: a parent with everything imported forks one process for each command.

What runs is `botbox_cli.__main__.main` in a process of its own, with its own environment, directory and output. Only
the half second of imports is not paid each time, nor the clearing of the memory at the end. `tests/crash` shows with
the installed command that nothing else differs.

The parent is `python -m tests.support.forkserver`; it takes a line of JSON for each thing to do.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0
"""A command that is still running after this hangs."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code (a signal as a negative number), and all it said."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed with --json."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Running:
    """A command at work."""

    pid: int
    argv: tuple[str, ...]
    output: Path
    server: Forkserver

    def wait(self) -> Ended:
        """Return how it ended."""
        code = self.server.ask(wait=self.pid)
        return Ended(
            self.argv,
            code,
            self.output.with_suffix(".out").read_text(),
            self.output.with_suffix(".err").read_text(),
        )

    def wait_until_frozen(self) -> bool:
        """Wait until it has stopped itself; False if it has ended instead."""
        return bool(self.server.ask(frozen=self.pid))

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)


class Forkserver:
    """The tests' end of the warm parent."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forkserver"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], folder: Path) -> Running:
        """Start `botbox ARGV…` with exactly this environment, in `folder`, which takes its output."""
        output = folder / f"command-{next(self._numbers)}"
        pid = self.ask(argv=list(argv), env=dict(env), folder=str(folder), output=str(output))
        return Running(pid, tuple(argv), output, self)

    def run(self, argv: Sequence[str], *, env: Mapping[str, str], folder: Path) -> Ended:
        """Run a command to its end."""
        return self.start(argv, env=env, folder=folder).wait()

    def ask(self, **what: Any) -> Any:
        """Let the parent do something; return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer == "hangs":
            raise TimeoutError(f"still running after {LIMIT_S} s: {what}")
        return answer

    def close(self) -> None:
        """End the parent. Commands that still run are killed."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()


@contextmanager
def a_forkserver() -> Iterator[Forkserver]:
    """Start a warm parent and end it."""
    server = Forkserver()
    try:
        yield server
    finally:
        server.close()


# -- the parent


class _Parent:
    def __init__(self) -> None:
        self.living: set[int] = set()
        self.frozen: set[int] = set()
        self.ended: dict[int, int] = {}

    def wait(self, pid: int) -> int | str:
        while pid not in self.ended:
            if not self._hear():
                os.kill(pid, signal.SIGKILL)
                return "hangs"
        return self.ended.pop(pid)

    def wait_until_frozen(self, pid: int) -> bool | str:
        while pid not in self.frozen and pid not in self.ended:
            if not self._hear():
                os.kill(pid, signal.SIGKILL)
                return "hangs"
        if pid in self.ended:
            return False
        self.frozen.discard(pid)
        return True

    def _hear(self) -> bool:
        """Wait for news of any child; False when there was none for too long."""
        if signal.sigtimedwait([signal.SIGCHLD], LIMIT_S) is None:
            return False
        while self.living:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                break
            if os.WIFSTOPPED(status):
                self.frozen.add(pid)
            else:
                self.living.discard(pid)
                self.ended[pid] = os.waitstatus_to_exitcode(status)
        return True

    def kill_all(self) -> None:
        for pid in self.living:
            os.kill(pid, signal.SIGKILL)


def _serve() -> list[str] | None:
    """Do what is asked until nobody asks any more. In a child, return its arguments."""
    parent = _Parent()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    for line in sys.stdin:
        wanted = json.loads(line)
        answer: Any
        if "wait" in wanted:
            answer = parent.wait(wanted["wait"])
        elif "frozen" in wanted:
            answer = parent.wait_until_frozen(wanted["frozen"])
        else:
            answer = os.fork()
            if answer == 0:
                _become(wanted)
                argv: list[str] = wanted["argv"]
                return argv
            parent.living.add(answer)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    parent.kill_all()
    return None


def _become(wanted: Mapping[str, Any]) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["folder"])
    for number, name in ((0, os.devnull), (1, wanted["output"] + ".out"), (2, wanted["output"] + ".err")):
        file = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = Path(os.devnull).open()  # noqa: SIM115  # Forget what the parent has read ahead.


_OF = {
    "botbox_cli": ("bootstrap", "documents", "faultpoint"),
    "botbox_cli.cli": ("app", "confirm", "passes", "render", "warnings"),
    "botbox_cli.cli.commands": (
        "approve",
        "close",
        "execute",
        "halt",
        "monitor",
        "propose",
        "reconcile",
        "run",
    ),
    "botbox_cli.exchange": (
        "bybit",
        "limiter",
        "session",
        "paper.bundled",
        "paper.clocks",
        "paper.replay",
        "paper.store",
        "paper.transport",
    ),
    "botbox_cli.services": (
        "close",
        "decide",
        "execute",
        "flatten",
        "halt",
        "monitor",
        "reconcile",
        "trades",
    ),
    "botbox_cli.storage": ("candles", "migrate", "store"),
}
WARM = (
    *(f"{of}.{name}" for of, names in _OF.items() for name in names),
    "alembic.command",
    "platformdirs",
    "pybit.unified_trading",
)
"""What a command imports when it comes to it; what is missing here is only imported each time."""


def _warm() -> None:
    for name in WARM:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _warm()
    if (arguments := _serve()) is not None:
        from botbox_cli.__main__ import main

        sys.argv = ["botbox", *arguments]
        try:
            main()
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else end.code is not None)
