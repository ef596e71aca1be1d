"""Make or migrate a database. Alembic is imported inside the functions: no other command waits for it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from botbox_cli.errors import StorageError
from botbox_cli.storage.engine import Database
from botbox_cli.storage.schema import HEAD, refuse_newer, refuse_retired
from botbox_cli.storage.sqlite_file import BUSY_S
from botbox_cli.storage.store import random_tag
from botbox_cli.storage.tables import save_tag

if TYPE_CHECKING:
    from alembic.config import Config

# Any constant: two `botbox init` at once take turns. SQLite's BEGIN IMMEDIATE does the same.
_MIGRATION_LOCK = text("SELECT pg_advisory_xact_lock(7305812)")
_ATTEMPTS = 200
_REVISION = text("SELECT version_num FROM alembic_version")


def upgrade(url: str, *, new_tag: Callable[[], str] = random_tag) -> bool:
    """Bring the database at `url` to this program's schema, making it if it is not there; tell if anything changed.

    Raises:
        StorageError: If it can't be made or reached, or if its schema is newer than the program's.
    """
    database = Database(url)
    try:
        return _upgrade(database, new_tag)
    finally:
        database.close()


def _upgrade(database: Database, new_tag: Callable[[], str]) -> bool:
    if database.is_memory:
        raise StorageError("a database in memory is made new each time: there is nothing to migrate")
    _make_sqlite_file(database)
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(_MIGRATION_LOCK)
        revision = _revision(connection)
        refuse_retired(connection.exec_driver_sql, revision, database.name)
        refuse_newer(revision, database.name)
        if revision == HEAD:
            return False
        _run_alembic(connection)
        save_tag(connection, new_tag())
        return True


def current(url: str) -> str | None:
    """Return the schema version of the database at `url`; None if it has none yet. Raises StorageError."""
    database = Database(url)
    try:
        with database.reading() as connection:
            return _revision(connection)
    finally:
        database.close()


def alembic_config() -> Config:
    """Return the configuration that names our migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "botbox_cli.storage:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _run_alembic(connection: Connection) -> None:
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(_REVISION).scalar()
    return revision


def _make_sqlite_file(database: Database) -> None:
    """Make the file and its directory if need be, readable by their owner only, and turn on its write-ahead log."""
    path = database.path
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as e:
        raise StorageError(
            f"{path} can't be made: {e.strerror}",
            "check the directory's permissions, or set DATABASE_URL",
            code="storage_read_only",
        ) from e
    with database.translated(), closing(database.connect_sqlite()) as connection:
        _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file over, for good. SQLite does not wait for another process that does the same: we do."""
    for attempt in count(1):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as e:
            if e.sqlite_errorname != "SQLITE_BUSY" or attempt == _ATTEMPTS:
                raise
            time.sleep(BUSY_S / _ATTEMPTS)
        else:
            return
