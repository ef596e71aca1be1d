"""Backups: a copy of one moment, believed only after it was restored and compared row by row."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from botbox_cli.errors import StorageError
from botbox_cli.storage import pg_tools
from botbox_cli.storage.copies import (
    Check,
    Copied,
    PaperFiles,
    beside,
    copy_papers,
    copy_sqlite,
    freeze_intents,
    opened,
    refuse_damaged,
    refuse_existing,
    snapshot,
    stamp,
)
from botbox_cli.storage.rows import Fingerprint, Side, differing
from botbox_cli.storage.schema import checked_tag
from botbox_cli.storage.store import SqlStore

SQLITE_ENDING, POSTGRES_ENDING = ".sqlite", ".dump"


def file_for(url: str, target: Path, now: datetime) -> Path:
    """Return the file to write: `target`, or one with the time in its name if that is a folder."""
    if not target.is_dir():
        return target
    with opened(url) as database:
        ending = SQLITE_ENDING if database.is_sqlite else POSTGRES_ENDING
    return target / f"botbox-{stamp(now)}{ending}"


def backup(url: str, file: Path, papers: PaperFiles, check: Check) -> Copied:
    """Write a backup of the database to `file`, with the paper accounts' files beside it.

    All of them are of one moment. Others go on working; they wait only while the (small) paper files are copied.

    Raises:
        Denied: If one of the files is there already.
        StorageError: If it can't be written, or what comes back from it is not what went in. Nothing is left then.
    """
    new = file.with_name(f".{file.name}.new")
    target_of = beside(file)
    with opened(url) as database, opened(url) as other, ExitStack() as stack:
        with database.reading() as connection:
            tag = checked_tag(connection.exec_driver_sql, database.name)
        found = papers(database.path, tag)
        refuse_existing([file, *(target_of(market) for market in found)])
        undo = stack.enter_context(ExitStack())
        undo.callback(_remove, [new, *(target_of(market) for market in found)])
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            with ExitStack() as frozen:
                freeze_intents(frozen, other)
                side = snapshot(stack, database)
                made = copy_papers(found, target_of)
            tables = side.fingerprints()
            if database.is_sqlite:
                copy_sqlite(side.driver, new)
                _compare_sqlite(new, tables, check)
            else:
                _dump(side, new)
                _compare_postgres(url, new, tables, check)
            new.rename(file)
        except OSError as e:
            raise StorageError(
                f"the backup {file} can't be written: {e.strerror}",
                "check the folder, its permissions and the room on its disk",
            ) from e
        undo.pop_all()
    return Copied(str(file), tables, made)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _compare_sqlite(file: Path, tables: dict[str, Fingerprint], check: Check) -> None:
    """Restore the copy into a folder that is thrown away, and look at it there."""
    with tempfile.TemporaryDirectory(prefix=".botbox-check-", dir=file.parent) as folder:
        scratch = Path(folder) / "botbox.sqlite"
        with opened(f"sqlite:///{file}") as copy, copy.reading() as connection:
            copy_sqlite(Side(copy, connection).driver, scratch)
        url = f"sqlite:///{scratch}"
        with opened(url) as restored:
            refuse_damaged(restored)
        compare(url, tables)
        look_at(url, check)


def compare(url: str, tables: dict[str, Fingerprint]) -> None:
    """Raise StorageError unless the database at `url` has these very rows."""
    with opened(url) as restored, restored.reading() as connection:
        differences = differing(tables, Side(restored, connection).fingerprints())
    if differences:
        raise StorageError(
            f"the copy differs: {', '.join(differences)}",
            "nothing was kept of it; try again, and if it stays so report it",
            code="copy_differs",
        )


def look_at(url: str, look: Check) -> None:
    """Open the books of a copy for `look`."""
    store = SqlStore(url)
    try:
        look(store)
    finally:
        store.close()


def _dump(side: Side, file: Path) -> None:
    snapshot_id = side.connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    program = pg_tools.tool("pg_dump", pg_tools.server_version(side.connection))
    file.touch(mode=0o600)
    pg_tools.run(
        program,
        side.database.url,
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot_id}",
        f"--file={file}",
    )


def _compare_postgres(url: str, file: Path, tables: dict[str, Fingerprint], check: Check) -> None:
    """Restore the dump into a database that is dropped afterwards, and look at it there."""
    with opened(url) as server:
        name = f"{server.url.database}_check_{secrets.token_hex(4)}"
        with pg_tools.scratch(server, name) as scratch:
            load(scratch, file)
            compare(scratch, tables)
            look_at(scratch, check)


def load(url: str, file: Path) -> None:
    """Read a dump into the empty database at `url`."""
    with opened(url) as target:
        with target.reading() as connection:
            program = pg_tools.tool("pg_restore", pg_tools.server_version(connection))
        pg_tools.run(
            program,
            target.url,
            "--no-owner",
            "--no-privileges",
            "--exit-on-error",
            "--single-transaction",
            str(file),
        )
