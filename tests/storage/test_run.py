from sqlalchemy import text

from botbox_cli.domain.account import Mode, Venue
from botbox_cli.storage import run
from botbox_cli.storage.engine import Database
from botbox_cli.storage.store import SqlStore
from tests.support.books import a_setup


def use_once() -> None:
    store = SqlStore("sqlite://")
    account = store.save_account(Mode.PAPER, "1001", "hash", Venue.MAINNET)
    with store.write(account) as books:
        books.add_setup(a_setup())
        assert len(books.setups()) == 1
    store.close()


def test_statements_are_compiled_once_for_all_databases() -> None:
    use_once()
    compiled = len(run._plans)

    use_once()

    assert len(run._plans) == compiled


def test_intents_survive_a_loss_of_power_and_candles_need_not(sqlite_copy: str) -> None:
    """SQLite, PRAGMA synchronous: FULL (2) syncs the log at each commit, NORMAL (1) may lose the newest commits."""
    database = Database(sqlite_copy)

    def level(*, durable: bool) -> int:
        with database.writing(durable=durable) as connection:
            return int(connection.execute(text("PRAGMA synchronous")).scalar_one())

    assert [level(durable=True), level(durable=False), level(durable=True)] == [2, 1, 2]
    database.close()
