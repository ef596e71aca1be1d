"""Opening SQLite's file with the driver alone: the same way for the engine and for those who only read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

BUSY_S = 20
"""How long to wait for another process before giving up: longer than a lease lives (15 s), so that a process which was
frozen in the middle of a write is not noticed by the others when it wakes; below the 30 s that one command may take."""


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
