import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from botbox_cli.errors import StorageError
from botbox_cli.storage import schema
from botbox_cli.storage.engine import Database
from botbox_cli.storage.migrate import alembic_config, current, upgrade
from botbox_cli.storage.store import SqlStore
from botbox_cli.storage.tables import full_metadata
from tests.support.postgres import PostgresServer


@pytest.fixture
def connection(own_url: str) -> Iterator[Connection]:
    """A connection to a migrated database."""
    database = Database(own_url)
    with database.writing() as connection:
        yield connection
    database.close()


def test_revisions_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())

    assert scripts.get_heads() == [schema.HEAD]
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == schema.REVISIONS


def test_empty_database_is_brought_to_the_head_once(empty_url: str) -> None:
    assert upgrade(empty_url) is True
    assert current(empty_url) == schema.HEAD
    assert upgrade(empty_url) is False


def test_installation_tag_is_made_once(empty_url: str) -> None:
    upgrade(empty_url, new_tag=lambda: "first1")
    upgrade(empty_url, new_tag=lambda: "second")

    store = SqlStore(empty_url)
    assert store.installation == "first1"
    store.close()


def test_migrated_tables_equal_the_metadata(connection: Connection) -> None:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )

    assert compare_metadata(context, full_metadata()) == []


def test_migrated_sqlite_tables_equal_the_ones_made_at_once(sqlite_copy: str) -> None:
    """Down to the checks, which Alembic does not compare."""
    migrated, made_at_once = Database(sqlite_copy), SqlStore("sqlite://").database
    query = "SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'"

    def statements(database: Database) -> dict[str, set[str]]:
        """Return the lines of each CREATE; the order of constraints means nothing."""
        with database.reading() as connection:
            rows = connection.execute(text(query))
            return {name: {line.strip(" \t,") for line in (sql or "").splitlines()} for name, sql in rows}

    made = statements(made_at_once)
    assert len(made) > 20
    assert statements(migrated) == made
    migrated.close()
    made_at_once.close()


@pytest.mark.postgres
def test_migrated_postgres_constraints_equal_the_ones_made_at_once(
    postgres_copy: str, postgres_server: PostgresServer
) -> None:
    """Down to the checks and the partial index, which Alembic does not compare."""
    name = postgres_server.create_database()
    migrated, made_at_once = Database(postgres_copy), Database(postgres_server.url(name))
    with made_at_once.writing() as connection:
        full_metadata().create_all(connection)
    query = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace AND conrelid <> coalesce(to_regclass('alembic_version'), 0) "
        "UNION SELECT indexname, indexdef FROM pg_indexes "
        "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    )

    def definitions(database: Database) -> set[tuple[str, ...]]:
        with database.reading() as connection:
            return {tuple(row) for row in connection.execute(text(query))}

    made = definitions(made_at_once)
    assert len(made) > 40
    assert definitions(migrated) == made
    migrated.close()
    made_at_once.close()
    postgres_server.drop_database(name)


def test_migrations_go_down_again(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection

    command.downgrade(config, "base")

    context = MigrationContext.configure(connection)
    assert context.get_current_revision() is None
    assert {op for op, *_ in compare_metadata(context, full_metadata())} >= {"add_table"}


def test_database_that_is_not_there_yet_sends_to_init(empty_url: str) -> None:
    with pytest.raises(StorageError) as error:
        SqlStore(empty_url)

    assert error.value.code == "storage_missing"
    assert error.value.hint == "run `botbox init`"


def test_opening_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "botbox.db"

    with pytest.raises(StorageError, match=rf"^there is no database at {path}$"):
        SqlStore(f"sqlite:///{path}")

    assert not path.exists()


def test_newer_schema_is_refused_and_left_alone(own_url: str) -> None:
    database = Database(own_url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()

    for refused in (SqlStore, upgrade):
        with pytest.raises(
            StorageError, match="has schema 9999, which is newer than this botbox knows"
        ) as error:
            refused(own_url)
        assert error.value.code == "storage_newer"
    assert current(own_url) == "9999"


def test_older_schema_sends_to_init(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
    monkeypatch.setattr(schema, "HEAD", "9999")

    newest = schema.REVISIONS[-2]
    with pytest.raises(StorageError, match=f"has schema {newest}, this botbox needs 9999") as error:
        SqlStore(url)

    assert error.value.hint == "run `botbox init` to migrate it"


def test_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    def fail() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        upgrade(empty_url, new_tag=fail)

    assert current(empty_url) is None
    assert upgrade(empty_url) is True


def test_of_two_inits_at_once_one_migrates(empty_url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        changed = list(threads.map(upgrade, [empty_url] * 2))

    assert sorted(changed) == [False, True]


def test_sqlite_file_is_for_its_owner_only_and_has_a_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "data" / "botbox" / "botbox.db"

    upgrade(f"sqlite:///{path}")

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    database = Database(f"sqlite:///{path}")
    with database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    database.close()


def test_database_in_memory_has_nothing_to_migrate() -> None:
    with pytest.raises(StorageError, match="in memory"):
        upgrade("sqlite://")
