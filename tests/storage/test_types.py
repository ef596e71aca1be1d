from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from botbox_cli.domain.account import Account, Venue
from botbox_cli.domain.number import plain
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import Trade
from botbox_cli.errors import StorageError
from botbox_cli.storage import tables as t
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW, a_setup, a_trade

DECIMALS = st.builds(
    lambda sign, digits, exponent: Decimal((sign, tuple(digits), exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=28),
    st.integers(-24, 12),
)
TIMES = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9990, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)
# Every example overwrites what the one before has left.
one_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def trade(store: SqlStore, account: Account) -> Trade:
    with store.write(account) as books:
        setup = books.add_setup(a_setup())
        assert setup is not None
        return books.add_trade(a_trade(setup))


@one_database
@given(amount=DECIMALS)
def test_decimal_comes_back_exactly(store: SqlStore, account: Account, trade: Trade, amount: Decimal) -> None:
    with store.write(account) as books:
        books.update_trade(trade.id, stop_loss=amount)
        stored = books.trade(trade.id).stop_loss

    assert stored == amount
    assert plain(stored) == plain(amount)


@one_database
@given(at=TIMES)
def test_time_comes_back_to_the_microsecond_in_utc(
    store: SqlStore, account: Account, trade: Trade, at: datetime
) -> None:
    with store.write(account) as books:
        books.update_trade(trade.id, entry_time=at)
        stored = books.trade(trade.id).entry_time

    assert stored == at
    assert stored is not None
    assert stored.tzinfo is UTC


def test_time_of_another_zone_is_stored_in_utc(store: SqlStore, account: Account, trade: Trade) -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))

    with store.write(account) as books:
        books.update_trade(trade.id, exit_time=tokyo)
        stored = books.trade(trade.id).exit_time

    assert stored is not None
    assert stored.isoformat() == NOW.isoformat()


@pytest.mark.parametrize(
    ("amount", "stored"), [("1E-8", "0.00000001"), ("1E+3", "1000"), ("0.50", "0.50"), ("-0.0", "-0.0")]
)
def test_sqlite_holds_decimals_as_text_in_plain_notation(amount: str, stored: str) -> None:
    store = SqlStore("sqlite://")
    row = {"venue": Venue.MAINNET, "symbol": "BTCUSDT", "tick_size": Decimal(amount)}

    with store.database.writing() as connection:
        connection.execute(insert(t.table(t.Instruments)), row)
        raw = connection.execute(text("SELECT tick_size, typeof(tick_size) FROM instruments")).one()
    store.close()

    assert tuple(raw) == (stored, "text")


@pytest.mark.parametrize("not_money", [Decimal("NaN"), Decimal("Infinity"), 1.5, "1.5"])
def test_what_is_not_an_exact_number_is_refused(
    store: SqlStore, account: Account, trade: Trade, not_money: object
) -> None:
    with pytest.raises((StorageError, TypeError, ValueError)), store.write(account) as books:
        books.update_trade(trade.id, stop_loss=not_money)

    with store.read(account) as books:
        assert books.trade(trade.id) == trade


def test_time_without_a_zone_is_refused(store: SqlStore, account: Account, trade: Trade) -> None:
    naive = NOW.replace(tzinfo=None)

    with pytest.raises((StorageError, ValueError)), store.write(account) as books:
        books.update_trade(trade.id, exit_time=naive)


def test_status_that_is_none_of_ours_is_refused_by_the_database(store: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        books.add_setup(a_setup())

    with pytest.raises(StorageError, match="ck_setups_status"), store.database.writing() as connection:
        connection.execute(text("UPDATE setups SET status = 'MAYBE'"))

    with store.read(account) as books:
        assert [s.status for s in books.setups()] == [SetupStatus.ACTIVE]


def test_row_without_its_parent_is_refused_by_the_database(store: SqlStore) -> None:
    with (
        pytest.raises(StorageError, match=r"(?i)foreign key"),
        store.database.writing() as connection,
    ):
        connection.execute(text("INSERT INTO markers (account_id, name, value) VALUES (77, 'a', 'b')"))
