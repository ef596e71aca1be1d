"""Which version of the tables this program needs, checked with one SELECT and without Alembic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botbox_cli.errors import StorageError

REVISIONS = ("0001", "0002", "0003")
"""All versions, oldest first; the last is the one this program works with."""
HEAD = REVISIONS[-1]

STATE = "SELECT version_num, (SELECT tag FROM installation) FROM alembic_version"
RETIRED = "retired"
"""Stands for a version in a database that must not be worked with any more (see `retired`): nobody knows it."""
RETIRED_HINT = "let DATABASE_URL name the other one, here and wherever else botbox runs"


Ask = Callable[[str], Any]
"""Runs SQL and returns a cursor: the driver's `execute`, or SQLAlchemy's `exec_driver_sql`."""


def checked_tag(ask: Ask, name: str) -> str:
    """Return the installation tag of a database whose schema is current.

    Raises:
        StorageError: If the schema is older or newer than the program's, or not there at all.
    """
    row = ask(STATE).fetchone()
    revision = None if row is None else row[0]
    refuse_retired(ask, revision, name)
    check_revision(revision, name)
    if row is None or row[1] is None:
        raise StorageError(f"{name} has no installation tag", "run `botbox init`", code="storage_missing")
    return str(row[1])


def refuse_retired(ask: Ask, revision: str | None, name: str) -> None:
    """Raise StorageError for a database that was retired."""
    if revision == RETIRED:
        why = ask("SELECT why FROM retired").fetchone()[0]
        raise StorageError(f"{name} is not used any more: {why}", RETIRED_HINT, code="storage_moved")


def check_revision(revision: str | None, name: str) -> None:
    """Raise StorageError unless `revision` is this program's."""
    refuse_newer(revision, name)
    if revision != HEAD:
        raise StorageError(
            f"{name} has schema {revision or 'none'}, this botbox needs {HEAD}",
            "run `botbox init` to migrate it",
            code="storage_outdated",
        )


def refuse_newer(revision: str | None, name: str) -> None:
    """Raise StorageError if `revision` is unknown to this program."""
    if revision is not None and revision not in REVISIONS:
        raise StorageError(
            f"{name} has schema {revision}, which is newer than this botbox knows ({HEAD})",
            "update botbox",
            code="storage_newer",
        )
