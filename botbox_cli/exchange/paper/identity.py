"""Who a paper account is: its user id and API key, made once with its file. Imports little, for quick starts."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

BUSY_TIMEOUT_S = 30.0


class Identity(NamedTuple):
    """A paper account's numeric user id, API key and API secret (a secret of play money, but shown nowhere)."""

    user_id: str
    api_key: str
    api_secret: str

    def __repr__(self) -> str:
        return f"Identity(user_id={self.user_id!r})"


# The account of an exchange that lives in memory only.
IN_MEMORY = Identity("10000001", "paperKey0000000001", "paperSecret00000000000000000000000001")


def connect(path: Path) -> sqlite3.Connection:
    """Open the state file, creating it with its meta table when it is missing; transactions are begun by hand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"
        )
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def read_identity(connection: sqlite3.Connection) -> Identity:
    """Return the account's identity, made at random the first time; safe when several processes are first at once."""
    found = _stored(connection)
    if found is None:
        connection.execute("BEGIN IMMEDIATE")
        found = _stored(connection)
        if found is None:
            found = _new()
            connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", found._asdict().items())
        connection.execute("COMMIT")
    return found


def identity(path: Path) -> Identity:
    """Return the identity of the account kept in `path`; a missing file is created."""
    with closing(connect(path)) as connection:
        return read_identity(connection)


def _stored(connection: sqlite3.Connection) -> Identity | None:
    rows = dict(
        connection.execute("SELECT name, value FROM meta WHERE name IN ('user_id', 'api_key', 'api_secret')")
    )
    return Identity(rows["user_id"], rows["api_key"], rows["api_secret"]) if len(rows) == 3 else None


def _new() -> Identity:
    number = 100_000_000 + int.from_bytes(os.urandom(4)) % 800_000_000
    return Identity(str(number), "paper" + os.urandom(7).hex(), os.urandom(18).hex())
