import logging
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from botbox_cli.domain.account import Account, Mode, Venue
from botbox_cli.errors import ConfigError, StorageError
from botbox_cli.services.lease import COMMAND_BUDGET_S, LEASE_TTL_S
from botbox_cli.storage import engine, sqlite_file
from botbox_cli.storage.engine import Database, parse_url
from botbox_cli.storage.migrate import upgrade
from botbox_cli.storage.sqlite_file import connect
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW
from tests.support.postgres import PostgresServer


def failure(url: str) -> StorageError:
    """Return what opening the database raises."""
    with pytest.raises(StorageError) as error:
        SqlStore(url)
    return error.value


# -- another process is in the way


@contextmanager
def somebody_writing(url: str, account: Account) -> Iterator[None]:
    other = SqlStore(url)
    with other.write(account):
        yield
    other.close()


def test_database_that_stays_locked_is_busy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_S", 0.2)
    store = SqlStore(url)
    account = store.save_account(Mode.PAPER, "1001", "hash", Venue.MAINNET)

    with somebody_writing(url, account), pytest.raises(StorageError) as error, store.write(account):
        pytest.fail("a second writer got in")

    assert error.value.code == "storage_busy"
    assert error.value.retryable
    assert (
        error.value.message
        == f"{store.database.name} is busy: another process has been writing to it for 0.2 s"
    )
    assert error.value.hint == "try again; `botbox doctor` tells whether another botbox is running"
    with store.write(account) as books:
        books.set_marker("free", "again")
    store.close()


def test_after_one_long_wait_in_vain_the_next_are_short_until_the_database_is_free(
    sqlite_copy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def connecting(path: Path | None, busy_s: float) -> sqlite3.Connection:
        waited.append(busy_s)
        return connect(path, 0.01)

    monkeypatch.setattr(sqlite_file, "connect", connecting)
    store = SqlStore(sqlite_copy)
    account = store.save_account(Mode.PAPER, "1001", "hash", Venue.MAINNET)
    with somebody_writing(sqlite_copy, account):
        waited.clear()
        for _ in range(3):
            with pytest.raises(StorageError), store.write(account):
                pytest.fail("a second writer got in")

    for number in range(3):
        with store.write(account) as books:
            books.set_marker("number", str(number))

    # The first is the connection that was idle, at its full patience; the last two keep one that has it again.
    assert waited == [1, 1, 1, 20]
    store.close()


def test_reader_waits_for_no_writer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_S", 0.2)
    store = SqlStore(url)
    account = store.save_account(Mode.PAPER, "1001", "hash", Venue.MAINNET)

    with somebody_writing(url, account), store.read(account) as books:
        assert books.setups() == []
    store.close()


@pytest.mark.postgres
def test_writers_of_two_accounts_do_not_wait_for_each_other(
    postgres_copy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_S", 0.2)
    store = SqlStore(postgres_copy)
    one = store.save_account(Mode.PAPER, "1", "a", Venue.MAINNET)
    two = store.save_account(Mode.PAPER, "2", "b", Venue.MAINNET)

    with somebody_writing(postgres_copy, one), store.write(two) as books:
        books.set_marker("mine", "written")
    store.close()


# -- files


@pytest.fixture
def locked_up(sqlite_template: Path) -> Iterator[Path]:
    """A database that this user may read, not write, nor its directory."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "botbox.db"
    shutil.copy(sqlite_template, path)
    path.chmod(0o444)
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:  # Root may write everything.
        os.seteuid(65534)
    yield path
    if is_root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_read_only_database_is_named(locked_up: Path) -> None:
    error = failure(f"sqlite:///{locked_up}")

    assert error.code == "storage_read_only"
    assert error.message.startswith(f"{locked_up} can't be written: ")
    assert error.hint == "check the permissions of the file and of its directory"


def test_database_can_not_be_made_in_a_read_only_directory(locked_up: Path) -> None:
    path = locked_up.with_name("new.db")

    with pytest.raises(StorageError, match=rf"^{path} can't be made: Permission denied$") as error:
        upgrade(f"sqlite:///{path}")

    assert error.value.code == "storage_read_only"


def test_read_only_file_refuses_the_first_write(sqlite_copy: str) -> None:
    store = SqlStore(sqlite_copy)
    with store.database.reads() as hand:
        hand.driver.execute("PRAGMA query_only = ON")

    with pytest.raises(StorageError, match="can't be written: attempt to write a readonly database") as error:
        store.start_job("scan", NOW)

    assert error.value.code == "storage_read_only"
    store.close()


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 100)

    error = failure(f"sqlite:///{path}")

    assert error.message == f"{path} is no SQLite database"
    assert error.code == "storage_corrupt"
    assert path.read_text() == "Dear diary, " * 100


def test_database_of_another_program_sends_to_init(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()

    error = failure(f"sqlite:///{path}")

    assert error.message == f"{path} lacks botbox's tables: no such table: alembic_version"
    assert error.hint == "run `botbox init`"


def test_full_disk_is_named(sqlite_copy: str) -> None:
    store = SqlStore(sqlite_copy)
    with store.database.reads() as hand:
        hand.driver.execute("PRAGMA max_page_count = 1")

    with pytest.raises(StorageError, match="can't grow: database or disk is full") as error:
        store.save_account(Mode.PAPER, "1", "x" * 1_000_000, Venue.MAINNET)

    assert error.value.code == "storage_full"
    store.close()


# -- servers


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_server_that_does_not_run_is_named_without_the_password(closed_port: int) -> None:
    error = failure(f"postgresql://me:s3cret@127.0.0.1:{closed_port}/botbox")

    assert error.message.startswith(f"can't reach PostgreSQL at 127.0.0.1:{closed_port}: ")
    assert "Connection refused" in error.message
    assert "s3cret" not in error.message + error.hint
    assert error.code == "storage_unreachable"
    assert error.retryable


def test_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.CONNECT_S <= COMMAND_BUDGET_S / 2, "a name may have two addresses"
    monkeypatch.setattr(engine, "CONNECT_S", 2)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        error = failure(f"postgresql://me:s3cret@127.0.0.1:{port}/botbox")

    assert error.message.startswith(f"can't reach PostgreSQL at 127.0.0.1:{port}: ")
    assert "s3cret" not in error.message
    assert error.code == "storage_unreachable"


@pytest.mark.postgres
def test_wrong_password_is_refused_and_not_repeated(postgres_server: PostgresServer) -> None:
    url = postgres_server.url("postgres").replace(postgres_server.password, "s3cret")

    error = failure(url)

    assert error.message == f"PostgreSQL at 127.0.0.1:{postgres_server.port} refuses user 'botbox'"
    assert error.code == "storage_refused"


@pytest.mark.postgres
def test_server_without_the_database_is_named(postgres_server: PostgresServer) -> None:
    error = failure(postgres_server.url("nowhere"))

    assert error.message == f"PostgreSQL at 127.0.0.1:{postgres_server.port} has no database 'nowhere'"
    assert error.hint == "run `createdb nowhere`"


@pytest.mark.postgres
def test_user_who_may_only_read_is_named(postgres_copy: str) -> None:
    store = SqlStore(postgres_copy)
    with store.database.writing() as connection:
        connection.execute(text("SET ROLE pg_read_all_data"))

    with pytest.raises(StorageError, match="can't be written: permission denied for table jobs") as error:
        store.start_job("scan", NOW)

    assert error.value.code == "storage_read_only"
    store.close()


@pytest.mark.postgres
def test_commits_are_waited_for_also_where_the_server_would_not(postgres_copy: str) -> None:
    """The tests' server is one: it would lose the newest commits, an order's intent too, in a crash."""
    database = Database(postgres_copy)
    with database.writing() as connection:
        answer = connection.execute(text("SHOW synchronous_commit")).scalar_one()
    database.close()

    assert answer == "on"


@pytest.mark.postgres
def test_connection_that_broke_while_idle_is_made_anew(postgres_copy: str) -> None:
    store = SqlStore(postgres_copy)
    _end_connections_of(store)

    assert store.accounts() == []
    store.close()


@pytest.mark.postgres
def test_ctrl_c_in_the_middle_of_a_statement_stays_a_ctrl_c(
    postgres_copy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was asked is still under way then, and so its transaction can't even be rolled back."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    store = SqlStore(postgres_copy)

    def break_off_a_statement() -> None:
        with store.database.writes() as hand:
            hand.driver.pgconn.send_query(b"SELECT pg_sleep(60)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off_a_statement()

    assert capsys.readouterr().err == ""
    assert store.save_account(Mode.PAPER, "1001", "hash", Venue.MAINNET).user_id == "1001"
    store.close()


@pytest.mark.postgres
def test_connection_that_breaks_in_a_transaction_is_reported_and_undone(postgres_copy: str) -> None:
    store = SqlStore(postgres_copy)
    account = store.save_account(Mode.PAPER, "1", "a", Venue.MAINNET)

    def lose_the_server_halfway() -> None:
        with store.write(account) as books:
            books.set_marker("half", "done")
            _end_connections_of(store)
            books.set_marker("other", "half")

    with pytest.raises(StorageError) as error:
        lose_the_server_halfway()

    assert error.value.code == "storage_unreachable"
    with store.read(account) as books:
        assert books.marker("half") is None
    store.close()


def _end_connections_of(store: SqlStore) -> None:
    """End all connections of the store's database from the server's side."""
    admin = Database(store.database.url.set(drivername="postgresql").render_as_string(hide_password=False))
    with admin.writing() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    admin.close()


# -- URLs


@pytest.mark.parametrize(
    "url",
    [
        "nonsense s3cret",
        "postgresql://me:s3cret@host:port/db",
        "mysql://me:s3cret@host/db",
        "postgresql+asyncpg://me:s3cret@host/db",
        "",
    ],
)
def test_url_that_names_no_database_of_ours_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_url(url)

    assert "s3cret" not in error.value.message + error.value.hint
    assert "DATABASE_URL" in error.value.message
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgres://me:s3cret@db.example/botbox", "PostgreSQL at db.example:5432"),
        ("postgresql://me:s3cret@db.example:6543/botbox?sslmode=require", "PostgreSQL at db.example:6543"),
        ("postgresql+psycopg://me:s3cret@db.example/botbox", "PostgreSQL at db.example:5432"),
        ("sqlite:////srv/botbox.db", "/srv/botbox.db"),
    ],
)
def test_database_is_named_without_its_password(url: str, name: str) -> None:
    database = Database(url)

    assert database.name == name
    assert "s3cret" not in repr(database.url)


def test_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(ConfigError) as error:
        Database("postgresql://me:s3cret@127.0.0.1/botbox")

    assert error.value.hint == "run `pip install 'botbox[postgres]'`"


def test_our_own_errors_pass_unchanged(sqlite_copy: str) -> None:
    store = SqlStore(sqlite_copy)

    with suppress(KeyError), store.database.writing():
        raise KeyError("x")
    with pytest.raises(ValueError, match=r"^mine$"), store.database.writing():
        raise ValueError("mine")
    store.close()


def test_others_outwait_a_process_that_is_frozen_past_its_lease() -> None:
    assert LEASE_TTL_S < engine.BUSY_S < COMMAND_BUDGET_S
