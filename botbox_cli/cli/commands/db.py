"""`botbox db backup`, `botbox db restore` and `botbox db move`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, parse_word
from botbox_cli.cli.session import Session, begin
from botbox_cli.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botbox_cli.documents import Document

_DATED = re.compile(r"botbox-[0-9]{8}T[0-9]{6}Z\.(sqlite|dump)")


def db(
    ctx: typer.Context,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="backup, restore or move.")],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="The backup (backup also takes a folder, and dates the file); for move the other database's URL.",
        ),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="restore: over a database with books too; they are kept aside.")
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep", metavar="N", min=1, help="backup into a folder: delete all but the N newest there."
        ),
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Back the database up, restore it, or move it to another.

    A backup is of one moment, made while others work (SQLite's online backup, `pg_dump`), restored on the spot and
    compared row by row. Paper accounts' files lie beside it. `restore` leaves new entries halted: look at
    `botbox reconcile`, then `botbox resume`. `move` copies every row between SQLite and PostgreSQL, compares them all,
    and closes the old database for good. A password in its URL is better kept in ~/.pgpass.

    \b
    Examples:
      botbox db backup backups/ --keep 14
      botbox db restore backups/botbox-20260131T090000Z.sqlite
      botbox db move postgresql://botbox@localhost/botbox
    """
    word = parse_word(action, ("backup", "restore", "move"), "ACTION")
    if force and word != "restore":
        raise UsageError("--force belongs to `db restore`", "see `botbox db --help`")
    if keep is not None and (word != "backup" or not _is_folder(target)):
        raise UsageError("--keep belongs to `db backup FOLDER/`", "see `botbox db --help`")
    session = begin(ctx, as_json, env_file)
    do = {"backup": _backup, "restore": _restore, "move": _move}[word]
    document, lines, advice = do(session, target, force)
    if keep is not None:
        _thin_out(Path(target), keep)
    if as_json:
        session.console.document(document)
    else:
        for line in lines:
            session.console.write(line)
        for line in advice:
            session.console.say(line)
    return 0


Outcome = tuple["Document", "Sequence[str]", "Sequence[str]"]
"""The document; what is written; what is said beside it."""


def _is_folder(target: str) -> bool:
    return target.endswith(os.sep) or Path(target).is_dir()


def _thin_out(folder: Path, keep: int) -> None:
    """Delete the oldest of the dated backups, with the paper accounts' files beside them."""
    dated = sorted(p for p in folder.iterdir() if _DATED.fullmatch(p.name))
    for old in dated[:-keep]:
        for part in (old, *folder.glob(f"{old.stem}-paper-*.sqlite")):
            part.unlink(missing_ok=True)


def _backup(session: Session, target: str, _force: bool) -> Outcome:
    from botbox_cli import bootstrap

    if _is_folder(target):
        try:
            Path(target).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as e:
            raise StorageError(f"{target} can't be made: {e.strerror}", "check its permissions") from e
    done = bootstrap.backup(session.settings, Path(target), bootstrap.SystemClock().now())
    papers = [str(p) for p in done.papers]
    document = {"backup": done.place, "papers": papers, "tables": _tables(done.tables), "verified": True}
    rows = f"{done.rows} rows in {len(done.tables)} tables, restored and compared"
    return document, [f"{done.place}: {rows}", *(f"{p}: paper account" for p in papers)], []


def _restore(session: Session, target: str, force: bool) -> Outcome:
    from botbox_cli import bootstrap

    done = bootstrap.restore(session.settings, Path(target), bootstrap.SystemClock(), force=force)
    papers = [str(p) for p in done.papers]
    document = {
        "database": done.place,
        "papers": papers,
        "tables": _tables(done.tables),
        "aside": done.aside or None,
        "halted": True,
    }
    lines = [f"{done.place}: {done.rows} rows in {len(done.tables)} tables restored"]
    if done.aside:
        lines.append(f"{done.aside}: what was there before")
    lines += [f"{p}: paper account" for p in papers]
    return (
        document,
        lines,
        [
            "new entries are halted: the exchange may know trades that these books don't",
            "next: `botbox monitor --once`, `botbox reconcile`, then `botbox resume`",
        ],
    )


def _move(session: Session, target: str, _force: bool) -> Outcome:
    from botbox_cli import bootstrap, config

    to_url, secrets = config.other_database(target)
    session.console.hide(secrets)
    done = bootstrap.move(session.settings, to_url, bootstrap.SystemClock().now())
    papers = [str(p) for p in done.papers]
    shown = config.without_password(to_url)
    document = {
        "database": done.place,
        "url": shown,
        "papers": papers,
        "tables": _tables(done.tables),
        "closed": done.aside,
    }
    lines = [
        f"{done.place}: {done.rows} rows in {len(done.tables)} tables copied and compared",
        *(f"{p}: paper account" for p in papers),
        f"{done.aside}: closed for good; every botbox that opens it is refused",
    ]
    return document, lines, [f"next: set DATABASE_URL={shown} wherever botbox runs, then `botbox doctor`"]


def _tables(tables: object) -> Document:
    assert isinstance(tables, dict)
    return {name: {"rows": found.rows, "sha256": found.digest} for name, found in tables.items()}
