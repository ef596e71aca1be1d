"""What backup, restore and move share: files of SQLite copied while others write, and what a database holds."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from sqlalchemy import func, inspect, select, text

from botbox_cli.domain.trade import LIVING_TRADES
from botbox_cli.errors import Conflict, Denied, StorageError
from botbox_cli.ports import Holder
from botbox_cli.storage import tables as t
from botbox_cli.storage.engine import Database
from botbox_cli.storage.process import is_dead
from botbox_cli.storage.rows import Fingerprint, Side, candles
from botbox_cli.storage.sqlite_file import BUSY_S
from botbox_cli.storage.store import SqlStore

Check = Callable[[SqlStore], None]
"""Looks at a copy and raises StorageError if it does not hold."""
PaperFiles = Callable[[Path | None, str], Mapping[str, Path]]
"""The paper exchange's files by market, for a database's path (None: PostgreSQL) and its installation tag."""

_leases, _trades, _log = t.table(t.Leases), t.table(t.Trades), t.table(t.Log)
_accounts = t.table(t.Accounts)


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied to where: the tables as they were found to be in the copy, and the paper accounts' files."""

    place: str
    tables: Mapping[str, Fingerprint]
    papers: tuple[Path, ...]
    aside: str = ""
    """Where the database lies that was there before; "" if there was none."""

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open a database for a while."""
    with closing(Database(url)) as database:
        yield database


def beside(file: Path) -> Callable[[str], Path]:
    """Return where a paper account's file lies that belongs to the database copy `file`, by its market."""
    return lambda market: file.with_name(f"{file.stem}-paper-{market}.sqlite")


def copy_sqlite(source: sqlite3.Connection, target: Path) -> None:
    """Copy a whole SQLite file as `source` sees it into a new one, readable by its owner only, and sync it."""
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            # One file that is whole by itself, without a write-ahead log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        with target.open("rb") as file:
            os.fsync(file.fileno())
    except (OSError, sqlite3.Error) as e:
        reason = e.strerror if isinstance(e, OSError) else e
        raise StorageError(
            f"{target} can't be written: {reason}", "check its folder, and the room on its disk"
        ) from e


def copy_papers(found: Mapping[str, Path], target_of: Callable[[str], Path]) -> tuple[Path, ...]:
    """Copy the paper accounts that there are; return the new files."""
    made = []
    for market, path in found.items():
        if path.exists():
            target = target_of(market)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=BUSY_S)) as source:
                copy_sqlite(source, target)
            made.append(target)
    return tuple(made)


def refuse_existing(paths: Iterator[Path] | list[Path]) -> None:
    """Raise Denied if something is there already."""
    for path in paths:
        if path.exists():
            raise Denied(f"{path} is there already", "name another file; nothing is ever overwritten")


def refuse_damaged(database: Database) -> None:
    """Raise StorageError unless SQLite finds the file whole."""
    with database.reading() as connection:
        found = connection.execute(text("PRAGMA integrity_check(1)")).scalar_one()
    if found != "ok":
        raise StorageError(f"{database.name} is damaged: {found}", code="storage_corrupt")


def freeze_intents(stack: ExitStack, database: Database) -> None:
    """Let nobody save an intent as long as `stack` is open.

    Whatever a paper account's file holds meanwhile, the books have the intent of it.
    """
    connection = stack.enter_context(database.writing())
    if not database.is_sqlite:
        connection.execute(text("LOCK TABLE orders IN SHARE MODE"))


def snapshot(stack: ExitStack, database: Database) -> Side:
    """Return the database at one moment, for as long as `stack` is open."""
    connection = stack.enter_context(database.reading())
    if not database.is_sqlite:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    connection.execute(select(t.table(t.Installation).c.tag)).first()
    return Side(database, connection)


def refuse_workers(side: Side, now: datetime) -> None:
    """Raise Conflict if a process holds a lease and is not proved dead."""
    columns = (_leases.c.host, _leases.c.pid, _leases.c.started, _leases.c.token)
    for name, expires_at, *who in side.connection.execute(
        select(_leases.c.name, _leases.c.expires_at, *columns)
    ):
        holder = Holder(*who)
        if expires_at > now and not is_dead(holder):
            raise Conflict(
                f"a process is at work on {side.database.name}: pid {holder.pid} on "
                f"{holder.host.split('/', maxsplit=1)[0]} holds {name}",
                "stop cron, `botbox watch` and `botbox serve` on every machine, wait a minute, and try again",
            )


def has_tables(side: Side) -> bool:
    """Tell whether there is any table at all."""
    return bool(inspect(side.connection).get_table_names())


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds that would be missed: accounts or candles at all, open trades, how new its log is."""

    is_empty: bool
    open_trades: int
    newest: datetime | None


def contents(side: Side) -> Contents:
    """Return what the database holds."""
    if not inspect(side.connection).has_table("alembic_version"):
        return Contents(not has_tables(side), 0, None)
    open_ = select(func.count()).select_from(_trades).where(_trades.c.status.in_(LIVING_TRADES))
    newest = select(_log.c.at).order_by(_log.c.id.desc()).limit(1)
    run = side.connection.execute
    firsts = (run(select(table.c[0]).select_from(table).limit(1)).first() for table in (_accounts, candles))
    return Contents(not any(firsts), run(open_).scalar_one(), run(newest).scalar())


def stamp(now: datetime) -> str:
    """Return a time as it can stand in a file's name."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def name_aside(path: Path, now: datetime) -> Path:
    """Return a name that nothing has, nor a paper account beside it, for what `path` holds until `now`."""
    stem = f"{path.stem}-before-{stamp(now)}"
    for number in count(1):
        found = path.with_name(f"{stem}{'' if number == 1 else f'-{number}'}.sqlite")
        if not found.exists() and not list(path.parent.glob(f"{found.stem}-paper-*")):
            return found
    raise AssertionError("numbers do not end")


def rename_sqlite(path: Path, target: Path) -> None:
    """Rename a SQLite file with what lies beside it. Raises Denied if the name is taken."""
    refuse_existing([target])
    for ending in ("-wal", "-shm", ""):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(target.with_name(target.name + ending))
