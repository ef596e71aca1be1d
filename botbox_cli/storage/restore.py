"""Putting a backup in the place of the database. Whatever was there is kept aside, and nothing is half done."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect, text

from botbox_cli.errors import Denied, NotFound, StorageError, UsageError
from botbox_cli.storage import pg_tools
from botbox_cli.storage.backup import compare, load, look_at
from botbox_cli.storage.copies import (
    Check,
    Contents,
    Copied,
    PaperFiles,
    beside,
    contents,
    copy_papers,
    copy_sqlite,
    name_aside,
    opened,
    refuse_damaged,
    refuse_workers,
    rename_sqlite,
    stamp,
)
from botbox_cli.storage.engine import Database
from botbox_cli.storage.migrate import current, upgrade
from botbox_cli.storage.retired import retire, revive
from botbox_cli.storage.rows import Fingerprint, Side
from botbox_cli.storage.schema import HEAD, RETIRED, refuse_newer

_KEPT_AS = ", and it is kept as "
_SQLITE_MAGIC, _DUMP_MAGIC = b"SQLite format 3\x00", b"PGDMP"


def restore(
    url: str, file: Path, papers: PaperFiles, check: Check, prepare: Check, now: datetime, *, force: bool
) -> Copied:
    """Make the backup `file` the database at `url`, with the paper accounts' files beside it.

    Args:
        check: Looks at what came out of the backup.
        prepare: Makes it ready for work.
        force: Also over a database that holds something.

    Raises:
        Denied: If there is something at `url`, without `force`.
        Conflict: If a process is at work there.
        StorageError: If the backup is damaged. The database at `url` is as it was then.
    """
    is_file_sqlite = _kind(file)
    with opened(url) as database:
        if database.is_sqlite is not is_file_sqlite:
            kind = "SQLite" if is_file_sqlite else "PostgreSQL"
            raise UsageError(
                f"{file} is a backup of {kind}, and DATABASE_URL names {database.name}",
                f"restore it into {kind}, then take it over with `botbox db move`",
            )
    if is_file_sqlite:
        return _Sqlite(url, file, papers, now).restore(check, prepare, force=force)
    return _postgres(url, file, papers, check, prepare, now, force=force)


def _kind(file: Path) -> bool:
    """Tell whether a backup is of SQLite (else of PostgreSQL). Raises NotFound, UsageError."""
    try:
        with file.open("rb") as stream:
            head = stream.read(16)
    except OSError as e:
        raise NotFound(f"the backup {file} can't be read: {e.strerror}") from e
    if head.startswith((_SQLITE_MAGIC, _DUMP_MAGIC)):
        return head.startswith(_SQLITE_MAGIC)
    raise UsageError(f"{file} is no backup that botbox has made", "name the .sqlite or .dump file")


def _refuse_contents(found: Contents, name: str, *, force: bool) -> None:
    if found.is_empty or force:
        return
    newest = "" if found.newest is None else f", its newest entry of {found.newest:%Y-%m-%d %H:%M} UTC"
    open_ = f"{found.open_trades} open trades" if found.open_trades != 1 else "1 open trade"
    raise Denied(
        f"{name} holds books with {open_}{newest}",
        "`--force` puts the backup in their place and keeps them aside",
        code="not_empty",
    )


class _Sqlite:
    """One restore of a SQLite file."""

    def __init__(self, url: str, file: Path, papers: PaperFiles, now: datetime) -> None:
        with opened(url) as database:
            assert database.path is not None
            self._path = database.path
        self._url, self._file, self._papers, self._now = url, file, papers, now
        self._is_second = False
        self._new = self._path.with_name(f".{self._path.name}.new")
        self._aside = name_aside(self._path, now)

    def restore(self, check: Check, prepare: Check, *, force: bool) -> Copied:
        is_there = self._path.exists() and self._path.stat().st_size > 0
        if is_there:
            self._look(force=force)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_new()
        try:
            tables = self._copied()
            new_url = f"sqlite:///{self._new}"
            if tables is not None:
                compare(new_url, tables)
            upgrade(new_url)
            tables = _fingerprints(new_url)
            look_at(new_url, check)
            look_at(new_url, prepare)
            made = self._swap(is_there=is_there)
        finally:
            self._remove_new()
        return Copied(str(self._path), tables, made, str(self._aside) if is_there else "")

    def _look(self, *, force: bool) -> None:
        """Refuse while somebody works on the present file, or if it holds something; a damaged one holds nothing."""
        with opened(self._url) as database:
            try:
                with database.reading() as connection:
                    side = Side(database, connection)
                    self._go_on(side)
                    found = contents(side)
                    if inspect(connection).has_table("leases"):
                        refuse_workers(side, self._now)
            except StorageError:
                found = Contents(False, 0, None)
        _refuse_contents(found, str(self._path), force=force)

    def _go_on(self, side: Side) -> None:
        """Keep the present file aside under the name that an earlier try, killed midway, has begun to use."""
        if inspect(side.connection).has_table("retired"):
            why = str(side.connection.execute(text("SELECT why FROM retired")).scalar())
            _, _, name = why.partition(_KEPT_AS)
            if name and not self._path.with_name(name).exists():
                self._aside, self._is_second = self._path.with_name(name), True

    def _copied(self) -> dict[str, Fingerprint] | None:
        """Copy the backup beside the present file; return its fingerprints if it has the present schema."""
        with opened(f"sqlite:///{self._file}") as backup:
            with backup.reading() as connection:
                copy_sqlite(Side(backup, connection).driver, self._new)
            revision = current(f"sqlite:///{self._file}")
        if revision is None:
            raise UsageError(
                f"{self._file} is no backup that botbox has made", "name the file with the books"
            )
        new_url = f"sqlite:///{self._new}"
        with opened(new_url) as copy:
            refuse_damaged(copy)
            if revision == RETIRED:
                with copy.writing() as connection:
                    revive(copy, connection, HEAD)
            else:
                refuse_newer(revision, str(self._file))
        return _fingerprints(f"sqlite:///{self._file}") if revision in (HEAD, RETIRED) else None

    def _swap(self, *, is_there: bool) -> tuple[Path, ...]:
        """Retire the present file, put it aside with its paper accounts, and put the new ones in its place.

        The books come last: until then nobody can work, whenever this process is killed.
        """
        tag = _tag(f"sqlite:///{self._new}")
        if is_there:
            self._retire()
        for market, path in self._papers(self._path, tag).items():
            kept = beside(self._aside)(market)
            if self._is_second and kept.exists():
                path.unlink(missing_ok=True)  # the copy that the earlier try has made
            elif path.exists():
                rename_sqlite(path, kept)
        made = copy_papers(self._papers_of_backup(), lambda market: self._papers(self._path, tag)[market])
        if is_there:
            rename_sqlite(self._path, self._aside)
        self._new.rename(self._path)
        return made

    def _papers_of_backup(self) -> dict[str, Path]:
        return {market: beside(self._file)(market) for market in self._papers(self._path, "")}

    def _retire(self) -> None:
        """Keep processes that have the present file open from writing to it. A damaged one can't be written."""
        with opened(self._url) as database, suppress(StorageError), database.writing() as connection:
            if current(self._url) != RETIRED:
                why = f"a backup was put in its place at {self._now:%Y-%m-%d %H:%M} UTC"
                retire(database, connection, f"{why}{_KEPT_AS}{self._aside.name}")
        with (
            suppress(sqlite3.Error),
            opened(self._url) as database,
            closing(database.connect_sqlite()) as driver,
        ):
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _remove_new(self) -> None:
        for ending in ("", "-wal", "-shm", "-journal"):
            self._new.with_name(self._new.name + ending).unlink(missing_ok=True)


def _tag(url: str) -> str:
    with opened(url) as database, database.reading() as connection:
        return str(connection.execute(text("SELECT tag FROM installation")).scalar_one())


def _fingerprints(url: str) -> dict[str, Fingerprint]:
    with opened(url) as database, database.reading() as connection:
        return Side(database, connection).fingerprints()


def _postgres(
    url: str, file: Path, papers: PaperFiles, check: Check, prepare: Check, now: datetime, *, force: bool
) -> Copied:
    with opened(url) as database:
        name = str(database.url.database)
        with opened(pg_tools.sibling(database.url, "postgres")) as server:
            found = _present(database, now)
            if found is not None:
                _refuse_contents(found, f"{database.name}, database {name}", force=force)
            new = f"{name}_new_{secrets.token_hex(4)}"
            pg_tools.make(server, new)
            new_url = pg_tools.sibling(database.url, new)
            try:
                load(new_url, file)
                upgrade(new_url)
                tables = _fingerprints(new_url)
                look_at(new_url, check)
                look_at(new_url, prepare)
                tag = _tag(new_url)
                aside = None if found is None else f"{name}_before_{stamp(now).lower()}"
                database.close()
                pg_tools.put_in_place(database, new, aside)
            except BaseException:
                pg_tools.drop(server, new)
                raise
    made = _swap_papers(file, papers, tag, now)
    return Copied(f"{database.name}, database {name}", tables, made, aside or "")


def _swap_papers(file: Path, papers: PaperFiles, tag: str, now: datetime) -> tuple[Path, ...]:
    targets = papers(None, tag)
    for path in targets.values():
        if path.exists():
            rename_sqlite(path, name_aside(path, now))
    return copy_papers({m: beside(file)(m) for m in targets}, lambda market: targets[market])


def _present(database: Database, now: datetime) -> Contents | None:
    """Return what the database holds; None if it is not there. Raises Conflict if a process is at work on it."""
    try:
        with database.reading() as connection:
            side = Side(database, connection)
            found = contents(side)
            if inspect(connection).has_table("leases"):
                refuse_workers(side, now)
            return found
    except StorageError as e:
        if e.code == "storage_missing":
            return None
        raise
