"""Taking a database over to another server or file, every row compared, and closing the old one for good."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect, text

from botbox_cli.errors import Denied, StorageError, UsageError
from botbox_cli.storage import tables as t
from botbox_cli.storage.backup import look_at
from botbox_cli.storage.copies import (
    Check,
    Copied,
    PaperFiles,
    copy_papers,
    has_tables,
    opened,
    refuse_existing,
    refuse_workers,
)
from botbox_cli.storage.engine import Database
from botbox_cli.storage.migrate import upgrade
from botbox_cli.storage.retired import retire
from botbox_cli.storage.rows import Fingerprint, Side, differing
from botbox_cli.storage.schema import checked_tag

_FOR_LONG = text("SET LOCAL idle_in_transaction_session_timeout = 0")


def move(url: str, to_url: str, papers: PaperFiles, check: Check, now: datetime) -> Copied:
    """Copy all to the empty database at `to_url`, compare every row, and retire the one at `url`.

    Nobody can write to the old one meanwhile. One that was killed midway goes on when it is called again.

    Raises:
        Conflict: If a process is at work on the old one.
        Denied: If the new one holds something else.
        StorageError: If a row differs. The old one is as it was then.
    """
    with opened(url) as old, opened(to_url) as new, ExitStack() as stack:
        if old.name == new.name and old.url.database == new.url.database:
            raise UsageError(f"{old.name} can't be moved to itself", "name another database")
        with old.reading() as connection:
            tag = checked_tag(connection.exec_driver_sql, old.name)
        _refuse_other(new, tag)
        source = Side(old, stack.enter_context(old.writing()))
        _lock(source)
        refuse_workers(source, now)
        upgrade(to_url, new_tag=lambda: tag)
        ours = source.fingerprints()
        is_done = _is_done(new, ours)
        if not is_done:
            _copy(source, new)
            _compare(new, ours)
        made = _move_papers(papers(old.path, tag), papers(new.path, tag), anew=is_done)
        look_at(to_url, check)
        place = _place(new)
        retire(old, source.connection, f"it was moved to {place} at {now:%Y-%m-%d %H:%M} UTC")
    return Copied(place, ours, made, old.name)


def _place(database: Database) -> str:
    return database.name if database.is_sqlite else f"{database.name}, database {database.url.database}"


def _lock(side: Side) -> None:
    if not side.database.is_sqlite:
        side.connection.execute(_FOR_LONG)
        names = ", ".join(table.name for table in t.metadata.sorted_tables)
        side.connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _refuse_other(new: Database, tag: str) -> None:
    """Refuse a target with anything in it but what an earlier try has left there."""
    if new.path is not None and not new.path.exists():
        return
    with new.reading() as connection:
        side = Side(new, connection)
        if not has_tables(side):
            return
        is_botbox = inspect(connection).has_table("installation")
        if is_botbox and connection.execute(text("SELECT tag FROM installation")).scalar() == tag:
            return
    raise Denied(
        f"{_place(new)} is not empty",
        "make a new database for it: nothing is ever overwritten",
        code="not_empty",
    )


def _is_done(new: Database, ours: dict[str, Fingerprint]) -> bool:
    """Tell whether an earlier try has copied all; False for a target without a row. Raises Denied for another one."""
    with new.reading() as connection:
        side = Side(new, connection)
        if side.is_empty():
            return False
        if not differing(ours, side.fingerprints()):
            return True
    raise Denied(
        f"{_place(new)} holds an older copy of this database",
        "drop it, make it anew, and move again: nothing is ever overwritten",
        code="not_empty",
    )


def _copy(source: Side, new: Database) -> None:
    with new.writing() as connection:
        target = Side(new, connection)
        if not new.is_sqlite:
            connection.execute(_FOR_LONG)
        target.take_all(source)


def _compare(new: Database, ours: dict[str, Fingerprint]) -> None:
    with new.reading() as connection:
        differences = differing(ours, Side(new, connection).fingerprints())
    if differences:
        raise StorageError(
            f"the copy differs: {', '.join(differences)}",
            "the old database stays in use; drop the new one, and report it",
            code="copy_differs",
        )


def _move_papers(old: Mapping[str, Path], new: Mapping[str, Path], *, anew: bool) -> tuple[Path, ...]:
    """Copy the paper accounts' files; `anew`: also over the copies that an earlier try has made."""
    found = {market: path for market, path in old.items() if path.exists()}
    if anew:
        for market in found:
            new[market].unlink(missing_ok=True)
    refuse_existing([new[market] for market in found])
    return copy_papers(found, lambda market: new[market])
