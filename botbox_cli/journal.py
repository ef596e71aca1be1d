"""The log file: one line an event, from any number of processes at once, never larger than it may be.

Nothing is imported, opened or computed until BOTBOX_LOG_FILE names a file. A line that can't be written is lost, and
nothing else: no trade waits for a log.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

    from botbox_cli.errors import BotboxError

INFO, WARNING, ERROR = "info", "warning", "error"
_TRIES = 20
"""How often the file may be rotated by others between opening and locking it."""
_LOCK_WAIT_S, _LOCK_LOOK_S, _LOCK_REST_S = 2.0, 0.005, 60.0
"""A process that is frozen with the lock holds nobody up for longer: who has waited writes without it, for a while."""


class Journal:
    """Writes lines to `path`. What is full becomes `path.1`, that one `path.2`, and so on; `keep` of them stay."""

    def __init__(
        self,
        path: Path,
        *,
        as_json: bool,
        max_bytes: int,
        keep: int,
        scrub: Callable[[str], str],
        command: str,
    ) -> None:
        self._path, self._as_json, self._max_bytes, self._keep = path, as_json, max_bytes, keep
        self._scrub, self._command = scrub, command
        self._began = time.monotonic()
        self._handler: logging.Handler | None = None
        self._waits_from = 0.0

    def note(self, event: str, level: str = INFO, **facts: Any) -> None:
        """Write a line. Raises OSError."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"at": at, "level": level, "event": event, "command": self._command, "pid": os.getpid()}
        line = json.dumps(head | facts, default=str) if self._as_json else _text(head | facts)
        self._append((self._scrub(line) + "\n").encode())

    def begin(self, arguments: str) -> None:
        """Note that a command has begun, and from now on what libraries warn of. Raises OSError."""
        self.note("command_started", arguments=arguments)
        self._handler = _attached(self)

    def end(self, exit_code: int) -> None:
        """Note how the command ended."""
        if self._handler is not None:
            _detach(self._handler)
        with suppress(OSError):
            seconds = round(time.monotonic() - self._began, 3)
            self.note(
                "command_ended", INFO if exit_code == 0 else ERROR, exit_code=exit_code, seconds=seconds
            )

    def _append(self, line: bytes) -> None:
        for _ in range(_TRIES):
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if not self._is_locked(file):
                    os.write(file, line)
                    return
                mine = os.fstat(file)
                if not _is_same(mine, self._path):
                    continue  # Another process has rotated it between our opening and locking it.
                if mine.st_size and mine.st_size + len(line) > self._max_bytes:
                    self._rotate()
                    continue
                os.write(file, line)
                return
            finally:
                os.close(file)

    def _is_locked(self, file: int) -> bool:
        """Lock the file; False if another process does not let go of it."""
        until = time.monotonic() + (_LOCK_WAIT_S if time.monotonic() >= self._waits_from else 0.0)
        while not _lock(file):
            if time.monotonic() >= until:
                self._waits_from = time.monotonic() + _LOCK_REST_S
                return False
            time.sleep(_LOCK_LOOK_S)
        return True

    def _rotate(self) -> None:
        """Move every file on by one. Only the holder of the lock on the present one comes here."""
        names = [
            self._path,
            *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._keep + 1)),
        ]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        if not self._keep:
            self._path.unlink()


_journal: Journal | None = None


def start(journal: Journal, arguments: str) -> None:
    """Let this process write to `journal` from now on. Raises OSError if that can't be written."""
    global _journal  # noqa: PLW0603  # one process, one log file
    journal.begin(arguments)
    _journal = journal


def stop(exit_code: int) -> None:
    """Note the end of the command, if anything was begun."""
    global _journal  # noqa: PLW0603
    if _journal is not None:
        _journal.end(exit_code)
        _journal = None


def note(event: str, level: str = INFO, **facts: Any) -> None:
    """Write a line if there is a log file."""
    if _journal is not None:
        with suppress(OSError):
            _journal.note(event, level, **facts)


def note_error(error: BotboxError, **where: Any) -> None:
    """Write a line on an error if there is a log file."""
    note("error", ERROR, code=error.code, exit_code=error.exit_code, message=error.message, **where)


def _text(facts: dict[str, Any]) -> str:
    at, level, event = facts.pop("at"), facts.pop("level"), facts.pop("event")
    return " ".join(
        [at, f"{level.upper():7}", event, *(f"{k}={json.dumps(v, default=str)}" for k, v in facts.items())]
    )


def _lock(file: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: lines of two processes may mix.
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(mine: os.stat_result, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (mine.st_ino, mine.st_dev) == (there.st_ino, there.st_dev)


def _attached(journal: Journal) -> logging.Handler:
    """Let warnings and errors that go through the standard library's logging come into the journal, too."""
    import logging

    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with suppress(OSError):
                facts = {"logger": record.name, "message": record.getMessage()}
                if record.exc_info and record.exc_info[1] is not None:
                    facts["exception"] = repr(record.exc_info[1])
                journal.note("log", record.levelname.lower(), **facts)

    handler = Forward(logging.WARNING)
    root = logging.getLogger()
    if not root.handlers and logging.lastResort is not None:
        root.addHandler(logging.lastResort)  # What went to stderr still does.
    root.addHandler(handler)
    return handler


def _detach(handler: logging.Handler) -> None:
    import logging

    root = logging.getLogger()
    root.removeHandler(handler)
    if logging.lastResort is not None:
        root.removeHandler(logging.lastResort)
