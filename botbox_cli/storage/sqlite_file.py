"""SQLite's file with the driver alone: opened the same way for all, and kept open between transactions."""

from __future__ import annotations

import sqlite3
from collections import deque
from pathlib import Path

SCHEME = "sqlite:///"

BUSY_S = 20
"""How long to wait for another process before giving up: longer than a lease lives (15 s), so that a process which was
frozen in the middle of a write is not noticed by the others when it wakes; below the 30 s that one command may take."""
BUSY_AGAIN_S = 1
"""The same after that wait was in vain, until the database is written again: a command has 30 s in all."""


def connect(path: Path | None, busy_s: float) -> sqlite3.Connection:
    """Return a new connection to a file that must exist, or to a new database in memory. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        ":memory:" if path is None else f"{path.absolute().as_uri()}?mode=rw",
        uri=path is not None,
        timeout=busy_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute("PRAGMA foreign_keys = ON")
    # On macOS only this makes a sync reach the disk. It has no effect elsewhere.
    connection.execute("PRAGMA fullfsync = ON")
    return connection


def path_of(url: str) -> Path | None:
    """Return the file of a plain SQLite URL, as SQLAlchemy finds it; None for every other URL."""
    name = url.removeprefix(SCHEME)
    if name == url or name in ("", ":memory:") or set("?%") & set(name):
        return None
    return Path(name).expanduser()


IDLE_MAX = 5


class Connections:
    """Connections to a file, one for each transaction under way; some are kept open for the next ones.

    A database in memory has a single one, and its transactions must take turns.
    """

    def __init__(self, path: Path | None) -> None:
        self.is_hurried = False
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._only = None if path is not None else connect(None, BUSY_S)

    def take(self) -> sqlite3.Connection:
        """Return a connection that nobody else uses. Raises sqlite3.Error."""
        if self._only is not None:
            return self._only
        if self.is_hurried:
            return connect(self._path, BUSY_AGAIN_S)
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._path, BUSY_S)

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Keep a connection for the next transaction; one whose transaction could not be ended is closed.

        So is one of somebody in a hurry: it waits too shortly for the next.
        """
        if connection is self._only:
            return
        if self.is_hurried or connection.in_transaction or len(self._idle) >= IDLE_MAX:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle."""
        if self._only is not None:
            self._only.close()
        while self._idle:
            self._idle.pop().close()
