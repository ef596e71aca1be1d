"""Every storage test runs on SQLite (a file) and on PostgreSQL, on a copy of one migrated database."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from botbox_cli.domain.account import Account, Mode, Venue
from botbox_cli.storage.engine import Database
from botbox_cli.storage.migrate import upgrade
from botbox_cli.storage.store import SqlStore
from botbox_cli.storage.tables import metadata
from tests.support.postgres import PostgresServer

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables; on SQLite without even a file."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'empty' / 'botbox.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database without a row. Its schema must stay as it is."""
    return str(request.getfixturevalue({"sqlite": "sqlite_copy", "postgres": "postgres_swept"}[backend]))


@pytest.fixture
def own_url(backend: str, request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database of this test's own."""
    return str(request.getfixturevalue(f"{backend}_copy"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "botbox.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_copy(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "botbox.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.create_database()
    upgrade(postgres_server.url(name))
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
def postgres_copy(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    name = postgres_server.create_database(postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def postgres_shared(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    name = postgres_server.create_database(postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def postgres_swept(postgres_shared: str) -> Iterator[str]:
    """One database for many tests, emptied after each: a copy takes twenty times as long."""
    yield postgres_shared
    database = Database(postgres_shared)
    swept = [name for name in metadata.tables if name != "installation"]
    with database.writing() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(swept)} RESTART IDENTITY"))
    database.close()


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url)
    yield store
    store.close()


@pytest.fixture
def account(store: SqlStore) -> Account:
    return store.save_account(Mode.PAPER, "1001", "hash", Venue.MAINNET)


@pytest.fixture
def stranger(store: SqlStore) -> Account:
    """Another account in the same database."""
    return store.save_account(Mode.PAPER, "2002", "other hash", Venue.MAINNET)
