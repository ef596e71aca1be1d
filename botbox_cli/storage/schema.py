"""Which version of the tables this program needs, checked with one SELECT and without Alembic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botbox_cli.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS = ("0001", "0002", "0003")
"""All versions, oldest first; the last is the one this program works with."""
HEAD = REVISIONS[-1]

STATE = "SELECT version_num, (SELECT tag FROM installation) FROM alembic_version"


def checked_tag(connection: Connection, name: str) -> str:
    """Return the installation tag of a database whose schema is current.

    Raises:
        StorageError: If the schema is older or newer than the program's, or not there at all.
    """
    row = connection.exec_driver_sql(STATE).fetchone()
    check_revision(None if row is None else row[0], name)
    if row is None or row[1] is None:
        raise StorageError(f"{name} has no installation tag", "run `botbox init`", code="storage_missing")
    return str(row[1])


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
