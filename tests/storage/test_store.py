import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest

from botbox_cli.domain.account import Account, Mode, Venue
from botbox_cli.domain.instrument import Instrument
from botbox_cli.ports import JobRun
from botbox_cli.storage.store import SqlStore, random_tag
from tests.support.books import NOW, a_setup

BTC = Instrument(
    "BTCUSDT",
    "BTC",
    "USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.000001"),
    min_qty=Decimal("0.000048"),
    min_value=Decimal(5),
    max_market_qty=Decimal("71.73956243"),
    margin_trading="both",
)


@pytest.fixture
def second(url: str, store: SqlStore) -> Iterator[SqlStore]:
    """Another process's view of the same database."""
    second = SqlStore(url)
    yield second
    second.close()


# -- transactions


def test_write_is_undone_by_an_exception(store: SqlStore, account: Account) -> None:
    with suppress(ZeroDivisionError), store.write(account) as books:
        books.add_setup(a_setup())
        raise ZeroDivisionError

    with store.read(account) as books:
        assert books.setups() == []


def test_write_is_seen_by_others_once_committed(store: SqlStore, second: SqlStore, account: Account) -> None:
    with store.write(account) as books:
        books.add_setup(a_setup())
        with second.read(account) as others:
            assert others.setups() == []

    with second.read(account) as others:
        assert len(others.setups()) == 1


def test_read_sees_one_moment(store: SqlStore, second: SqlStore, account: Account) -> None:
    with second.read(account) as books:
        assert books.setups() == []
        with store.write(account) as others:
            others.add_setup(a_setup())

        assert books.setups() == []


def test_transaction_inside_a_transaction_is_a_bug(store: SqlStore, account: Account) -> None:
    with store.write(account), pytest.raises(RuntimeError, match="a transaction inside a transaction"):
        store.instrument(Venue.MAINNET, "BTCUSDT")

    assert store.instrument(Venue.MAINNET, "BTCUSDT") is None


def test_database_in_memory_starts_empty_with_the_given_tag() -> None:
    store = SqlStore("sqlite://", new_tag=lambda: "abc123")

    assert store.installation == "abc123"
    assert store.accounts() == []
    store.close()


# -- the installation


def test_installation_tag_stays(store: SqlStore, second: SqlStore) -> None:
    assert re.fullmatch("[a-z0-9]{6}", store.installation)
    assert second.installation == store.installation


def test_installation_tags_differ() -> None:
    assert len({random_tag() for _ in range(20)}) == 20


# -- accounts


def test_account_is_recognised_by_its_key(store: SqlStore) -> None:
    account = store.save_account(Mode.DEMO, "1001", "hash", Venue.MAINNET)

    assert store.account_by_key(Mode.DEMO, "hash") == account
    assert store.account_by_key(Mode.LIVE, "hash") is None
    assert store.account_by_key(Mode.DEMO, "other") is None


def test_account_keeps_its_id_when_its_key_is_renewed(store: SqlStore) -> None:
    first = store.save_account(Mode.DEMO, "1001", "old", Venue.MAINNET)
    renewed = store.save_account(Mode.DEMO, "1001", "new", Venue.MAINNET)

    assert renewed.id == first.id
    assert store.account_by_key(Mode.DEMO, "new") == renewed
    assert store.account_by_key(Mode.DEMO, "old") is None


def test_modes_of_one_user_are_accounts_apart(store: SqlStore) -> None:
    demo = store.save_account(Mode.DEMO, "1001", "a", Venue.MAINNET)
    live = store.save_account(Mode.LIVE, "1001", "b", Venue.MAINNET)

    assert demo.id != live.id
    assert store.accounts() == [demo, live]


# -- instruments


def test_instrument_comes_back_as_it_was_recorded_last(store: SqlStore) -> None:
    store.save_instruments(Venue.MAINNET, [BTC], NOW)
    newer = Instrument("BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(1), Decimal(10))
    store.save_instruments(Venue.TESTNET, [BTC], NOW)
    store.save_instruments(Venue.MAINNET, iter([newer]), NOW)

    assert store.instrument(Venue.MAINNET, "BTCUSDT") == newer
    assert store.instrument(Venue.TESTNET, "BTCUSDT") == BTC
    assert store.instrument(Venue.MAINNET, "ETHUSDT") is None


def test_saving_no_instruments_changes_nothing(store: SqlStore) -> None:
    store.save_instruments(Venue.MAINNET, [], NOW)

    assert store.instrument(Venue.MAINNET, "BTCUSDT") is None


# -- jobs


def test_job_is_running_until_it_is_finished(store: SqlStore) -> None:
    assert store.last_job("scan") is None
    run = store.start_job("scan", NOW)
    store.start_job("record", NOW)
    assert store.last_job("scan") == JobRun("scan", NOW, id=run)

    end = NOW + timedelta(seconds=3)
    store.finish_job(run, end, ok=True, detail="10 symbols")

    assert store.last_job("scan") == JobRun("scan", NOW, end, ok=True, detail="10 symbols", id=run)


def test_last_job_is_the_newest(store: SqlStore) -> None:
    store.finish_job(store.start_job("scan", NOW), NOW, ok=True, detail="")
    newest = store.start_job("scan", NOW + timedelta(minutes=1))

    last = store.last_job("scan")
    assert last is not None
    assert last.id == newest
