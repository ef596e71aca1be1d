"""Databases that must not be worked with any more, because their rows live on elsewhere.

A process that has such a database open already must notice, too, and so must older versions of this program: so every
write is refused by triggers, and the schema's version is one that nobody knows.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from botbox_cli.storage import tables as t
from botbox_cli.storage.engine import Database
from botbox_cli.storage.schema import RETIRED

SQLSTATE = "BB001"
_OPERATIONS = ("INSERT", "UPDATE", "DELETE")
_SET_VERSION = text("UPDATE alembic_version SET version_num = :version")


def retire(database: Database, connection: Connection, why: str) -> None:
    """Refuse every write from now on; `why` completes "the database is not used any more: it was …"."""
    connection.execute(_SET_VERSION, {"version": RETIRED})
    connection.exec_driver_sql("CREATE TABLE retired (why TEXT NOT NULL)")
    connection.execute(text("INSERT INTO retired (why) VALUES (:why)"), {"why": why})
    if not database.is_sqlite:
        connection.exec_driver_sql(
            "CREATE FUNCTION botbox_retired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE EXCEPTION '%', (SELECT why FROM retired) USING ERRCODE = '{SQLSTATE}'; END $$".replace(
                "%", "%%"
            )
        )
    for table in t.metadata.sorted_tables:
        if not database.is_sqlite:
            connection.exec_driver_sql(
                f"CREATE TRIGGER retired BEFORE INSERT OR UPDATE OR DELETE ON {table.name} "
                "FOR EACH STATEMENT EXECUTE FUNCTION botbox_retired()"
            )
            continue
        said = why.replace("'", "''")
        for operation in _OPERATIONS:
            connection.exec_driver_sql(
                f"CREATE TRIGGER retired_{table.name}_{operation} BEFORE {operation} ON {table.name} "
                f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
            )


def revive(database: Database, connection: Connection, revision: str) -> None:
    """Undo `retire` in a copy that is to be worked with."""
    for table in t.metadata.sorted_tables:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"DROP TRIGGER retired ON {table.name}")
            continue
        for operation in _OPERATIONS:
            connection.exec_driver_sql(f"DROP TRIGGER retired_{table.name}_{operation}")
    if not database.is_sqlite:
        connection.exec_driver_sql("DROP FUNCTION botbox_retired()")
    connection.exec_driver_sql("DROP TABLE retired")
    connection.execute(_SET_VERSION, {"version": revision})
