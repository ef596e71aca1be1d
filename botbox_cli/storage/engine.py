"""From a URL to transactions, and from a driver's error to ours. Nothing else knows which database it is."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botbox_cli.errors import ConfigError, Conflict, StorageError
from botbox_cli.storage.run import SQLITE, Hand, hand_of
from botbox_cli.storage.schema import RETIRED_HINT
from botbox_cli.storage.sqlite_file import BUSY_S, Connections, connect, path_of

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

READ, WRITE, REPEATABLE, WHOLE = 0, 1, 2, -1
"""Ways to begin: for reading, for writing, for writing what can be repeated; the last is none of them."""

CONNECT_S = 10
"""Many processes that start at once on a busy machine wait for PostgreSQL longer than it seems reasonable."""
IDLE_IN_TRANSACTION_S = 60
"""A frozen process must not keep an account's books locked for ever."""

URL_HINT = "DATABASE_URL is sqlite:///path/to/file, or postgresql://user:password@host:port/database"


class Database:
    """One URL, and its transactions. `name` is what a message may call it: never with the password.

    Books are read and written with the driver's own connection (`reads`, `writes`); what needs SQLAlchemy's gets that
    (`reading`, `writing`). For a SQLite file SQLAlchemy is not imported before that.

    Raises:
        ConfigError: If the URL names no database that botbox speaks, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._text = url
        self._lock = threading.Lock()
        self._local = threading.local()
        self._engines: tuple[Engine, ...] = ()
        self.path = path_of(url)
        self.is_sqlite = self.path is not None or self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.path is None:
            self.path = _sqlite_path(self.url)
        self.is_memory = self.is_sqlite and self.path is None
        self.name = _name(self.url, self.path) if self.path is None else str(self.path)
        # A database in memory has one connection: its transactions take turns.
        self._turn = threading.Lock() if self.is_memory else nullcontext()
        if self.is_sqlite:
            self._connections = Connections(self.path)
        else:
            self._engine(WHOLE)  # A missing driver is complained of at once.

    @property
    def url(self) -> URL:
        """The URL as SQLAlchemy has it."""
        return parse_url(self._text)

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return SQLITE if self.is_sqlite else "postgresql"

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine, made when it is first asked for."""
        return self._engine(WHOLE)

    def close(self) -> None:
        """Close the idle connections. (A process that ends without it loses nothing.)"""
        if self._engines:
            self.engine.dispose()
        if self.is_sqlite:
            self._connections.close()

    def reads(self) -> AbstractContextManager[Hand]:
        """Open a transaction that sees one moment of the database, whatever others write meanwhile."""
        return self._on_driver(READ)

    def writes(self, *, durable: bool = True) -> AbstractContextManager[Hand]:
        """Open a transaction that commits on leaving and rolls back on an exception. On SQLite writers take turns.

        `durable`: what was committed survives a loss of power. Without it the newest commits may be lost, all or
        nothing of each: for what can be fetched again.
        """
        return self._on_driver(WRITE if durable else REPEATABLE)

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction as `reads` does, with SQLAlchemy's connection."""
        return self._on_engine(READ)

    def writing(self, *, durable: bool = True) -> AbstractContextManager[Connection]:
        """Open a transaction as `writes` does, with SQLAlchemy's connection."""
        return self._on_engine(WRITE if durable else REPEATABLE)

    @contextmanager
    def _on_driver(self, way: int) -> Iterator[Hand]:
        if not self.is_sqlite:
            with self._on_engine(way) as connection:
                yield hand_of(connection)
            return
        with self._alone():
            driver = self._connections.take()
            try:
                for statement in _SQLITE_BEGIN[way]:
                    driver.execute(statement)
                yield Hand(driver)
                driver.commit()
            except BaseException as e:
                driver.rollback()
                if getattr(e, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                    self._connections.is_hurried = True
                raise
            finally:
                self._connections.give_back(driver)
            if way != READ:
                self._connections.is_hurried = False

    @contextmanager
    def _on_engine(self, way: int) -> Iterator[Connection]:
        with self._alone(), self._engine(way).begin() as connection:
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a second transaction of this thread, and translate what goes wrong."""
        if getattr(self._local, "is_busy", False):
            raise RuntimeError(
                "a transaction inside a transaction: the inner one would wait for the outer one"
            )
        self._local.is_busy = True
        try:
            with self._turn, self.translated():
                yield
        finally:
            self._local.is_busy = False

    def _engine(self, way: int) -> Engine:
        with self._lock:
            if not self._engines:
                engine = self._sqlite_engine() if self.is_sqlite else self._postgres_engine()
                options = _SQLITE_OPTIONS if self.is_sqlite else _POSTGRES_OPTIONS
                self._engines = (*(engine.execution_options(**o) for o in options), engine)
        return self._engines[way]

    def _sqlite_engine(self) -> Engine:
        from sqlalchemy import QueuePool, StaticPool, create_engine, event

        pool: dict[str, Any] = (
            {"poolclass": StaticPool, "creator": self._connections.take}
            if self.is_memory
            else {"poolclass": QueuePool, "max_overflow": -1, "creator": self.connect_sqlite}
        )
        engine = create_engine("sqlite://", paramstyle="named", **pool)
        # The driver would begin by itself, late and never IMMEDIATE: it is told not to, and we do.
        event.listen(engine, "begin", _begin)
        return engine

    def connect_sqlite(self) -> sqlite3.Connection:
        """Return a new connection of the driver to a file that must exist."""
        return connect(self.path, BUSY_S)

    def _postgres_engine(self) -> Engine:
        import logging

        from sqlalchemy import create_engine

        # What can't be rolled back is complained of there with a traceback, and to the person by us.
        logging.getLogger("sqlalchemy.pool").handlers[:] = [logging.NullHandler()]
        settings = {
            "timezone": "UTC",
            # What was saved before an order is sent must outlive a crash of the server, however that is tuned.
            "synchronous_commit": "on",
            "lock_timeout": f"{BUSY_S}s",
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_S}s",
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        arguments = {"connect_timeout": CONNECT_S, "options": options, "application_name": "botbox"}
        try:
            return create_engine(
                self.url,
                connect_args={name: v for name, v in arguments.items() if name not in self.url.query},
                pool_pre_ping=True,
            )
        except ImportError as e:
            raise ConfigError(
                "PostgreSQL needs the driver psycopg, which is not installed",
                "run `pip install 'botbox[postgres]'`",
            ) from e

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn every error of SQLAlchemy and of the driver into StorageError, or Conflict for a unique key.

        One in the wake of a Ctrl-C is that Ctrl-C.
        """
        try:
            yield
        except sqlite3.Error as e:
            raise self._translation(e) from e
        except Exception as e:
            # Neither SQLAlchemy nor PostgreSQL's driver is imported for everybody: they are recognised by name.
            if type(e).__module__.split(".")[0] not in ("sqlalchemy", "psycopg"):
                raise
            raise self._translation(e) from e

    def _translation(self, error: Exception) -> BaseException:
        interrupt = _interrupt_behind(error)
        if interrupt is not None:
            return interrupt
        cause = getattr(error, "orig", None) or error
        if _is_taken(cause):
            return Conflict("another process has stored the same thing", "look at it again: it has moved on")
        return self._storage_error(cause)

    def _storage_error(self, cause: BaseException) -> StorageError:
        meaning = (_explain_sqlite if self.is_sqlite else _explain_postgres)(cause, self)
        facts = {
            "name": self.name,
            "cause": _cause_text(cause, self.url.password),
            "busy_s": BUSY_S,
            "database": self.url.database,
            "user": self.url.username,
        }
        translated = StorageError(
            meaning.text.format(**facts), meaning.hint.format(**facts), code=meaning.code
        )
        translated.retryable = meaning.retryable
        return translated


def parse_url(text: str) -> URL:
    """Return the URL that `text` spells, with psycopg as PostgreSQL's driver.

    Raises:
        ConfigError: For anything but SQLite and PostgreSQL. The message never repeats the URL: it may hold a password.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError("DATABASE_URL is not a database URL", URL_HINT) from None
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite":
        return url
    raise ConfigError(f"DATABASE_URL names {url.drivername!r}, which botbox does not speak", URL_HINT)


def _sqlite_path(url: URL) -> Path | None:
    return None if url.database in (None, "", ":memory:") else Path(str(url.database)).expanduser()


def _name(url: URL, path: Path | None) -> str:
    if url.get_backend_name() == "sqlite":
        return str(path) if path else "the database in memory"
    return f"PostgreSQL at {url.host or 'localhost'}:{url.port or 5432}"


def _begin(connection: Connection) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    for statement in connection.get_execution_options().get("begin", ("BEGIN",)):
        driver.execute(statement)


_SQLITE_BEGIN: tuple[tuple[str, ...], ...] = (
    ("BEGIN",),
    ("PRAGMA synchronous = FULL", "BEGIN IMMEDIATE"),
    ("PRAGMA synchronous = NORMAL", "BEGIN IMMEDIATE"),
)
_SQLITE_OPTIONS = tuple({"begin": statements} for statements in _SQLITE_BEGIN)
_POSTGRES_OPTIONS: tuple[dict[str, Any], ...] = (
    {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    {},
    {},
)


def _interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the Ctrl-C in whose wake an error came: what it breaks off in the middle can't be rolled back, either."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


def _is_taken(cause: BaseException) -> bool:
    """Tell whether a unique key refused a row."""
    name, state = getattr(cause, "sqlite_errorname", ""), getattr(cause, "sqlstate", "")
    return name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY") or state == "23505"


INIT_HINT = "run `botbox init`"


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a driver's error means: `text` and `hint` are filled with its facts."""

    code: str
    text: str
    hint: str
    retryable: bool = False


_MISSING = _Meaning("storage_missing", "{name} lacks botbox's tables: {cause}", INIT_HINT)
_BUSY = _Meaning(
    "storage_busy",
    "{name} is busy: another process has been writing to it for {busy_s} s",
    "try again; `botbox doctor` tells whether another botbox is running",
    retryable=True,
)
_FULL = _Meaning("storage_full", "{name} can't grow: {cause}", "free some space on its disk")
_RETIRED = _Meaning("storage_moved", "{name} is not used any more: {cause}", RETIRED_HINT)
_OTHER = _Meaning("storage", "{name} failed: {cause}", "run `botbox doctor`")

_SQLITE_READ_ONLY = _Meaning(
    "storage_read_only",
    "{name} can't be written: {cause}",
    "check the permissions of the file and of its directory",
)
_SQLITE = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_READONLY": _SQLITE_READ_ONLY,
    "SQLITE_PERM": _SQLITE_READ_ONLY,
    "SQLITE_CANTOPEN": _SQLITE_READ_ONLY,
    "SQLITE_NOTADB": _Meaning("storage_corrupt", "{name} is no SQLite database", "check DATABASE_URL"),
    "SQLITE_CORRUPT": _Meaning("storage_corrupt", "{name} is damaged: {cause}", "restore it from a backup"),
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": _Meaning("storage", "{name} failed: {cause}", "see whether its disk is full, or failing"),
}
"""By the primary name of SQLite's result code."""
_NO_FILE = _Meaning("storage_missing", "there is no database at {name}", INIT_HINT)


def _explain_sqlite(cause: BaseException, database: Database) -> _Meaning:
    name = "_".join(getattr(cause, "sqlite_errorname", "").split("_")[:2])
    if name == "SQLITE_CANTOPEN" and database.path is not None and not database.path.exists():
        return _NO_FILE
    if getattr(cause, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_TRIGGER":
        return _RETIRED  # There are no other triggers.
    if str(cause).startswith(("no such table", "no such column")):
        return _MISSING
    return _SQLITE.get(name, _OTHER)


_UNREACHABLE = _Meaning(
    "storage_unreachable",
    "can't reach {name}: {cause}",
    "check that the server runs and that DATABASE_URL is right",
    retryable=True,
)
_NO_DATABASE = _Meaning("storage_missing", "{name} has no database {database!r}", "run `createdb {database}`")
_REFUSED = _Meaning("storage_refused", "{name} refuses user {user!r}", "check DATABASE_URL")
_POSTGRES_READ_ONLY = _Meaning(
    "storage_read_only", "{name} can't be written: {cause}", "give user {user!r} the right to write"
)
_POSTGRES = {
    "08": _UNREACHABLE,
    "57P": _UNREACHABLE,
    "28": _REFUSED,
    "3D000": _NO_DATABASE,
    "42P01": _MISSING,
    "42703": _MISSING,
    "25006": _POSTGRES_READ_ONLY,
    "42501": _POSTGRES_READ_ONLY,
    "55P03": _BUSY,
    "40": _BUSY,
    "53100": _FULL,
    "BB001": _RETIRED,
}
"""By the beginning of PostgreSQL's SQLSTATE."""


def _explain_postgres(cause: BaseException, database: Database) -> _Meaning:
    text, state = str(cause), getattr(cause, "sqlstate", None)
    if state is None and type(cause).__name__ in ("OperationalError", "ConnectionTimeout"):
        # A connection that never stood has no SQLSTATE, only the server's words.
        if "authentication failed" in text or "no password supplied" in text:
            return _REFUSED
        return _NO_DATABASE if f'database "{database.url.database}" does not exist' in text else _UNREACHABLE
    return next((m for prefix, m in _POSTGRES.items() if (state or "").startswith(prefix)), _OTHER)


def _cause_text(cause: BaseException, password: object) -> str:
    """Return the driver's words in one line without the password."""
    lines = [line.strip(" -\t") for line in str(cause).splitlines()]
    text = next(
        (line for line in lines if line and not line.startswith("Multiple connection")), "no reason given"
    )
    return text.replace(str(password), "***") if password else text
