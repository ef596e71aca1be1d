"""The demo's session where nothing happens; what happens on recorded candles is told in tests/e2e/test_demo.py."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.errors import NotFound
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import Holder
from botbox_cli.services import demo
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.storage.store import SqlStore
from tests.support.candle_store import MemoryCandles
from tests.support.candles import FOUR_HOURS, START_MS, level
from tests.support.market import Market

HOURS = 600
SYMBOLS = ["BTCUSDT", "ETHUSDT"]


@pytest.fixture
def market() -> Market:
    """A market at rest, of which the clock has seen all but the last four days."""
    market = Market(ManualClock(from_ms(START_MS) + timedelta(hours=HOURS - 96)))
    for symbol in SYMBOLS:
        market.list_candles(symbol, "60", level(HOURS))
        market.list_candles(symbol, "240", level(HOURS // 4, interval=FOUR_HOURS))
    return market


@pytest.fixture
def desk(market: Market) -> Iterator[Desk]:
    store = SqlStore("sqlite://")
    account = store.save_account(Mode.PAPER, "1", "hash", Venue.REPLAY)
    yield Desk(
        store, MemoryCandles(), account, market, market.clock, Policy(), Holder("host", 1, "then", "token")
    )
    store.close()


def test_ends_without_a_trade_when_the_patience_is_over(
    desk: Desk, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "PATIENCE", timedelta(hours=5))
    start = market.clock.now()

    steps = list(demo.session(desk, SYMBOLS))

    assert [step.command.split()[1] for step in steps] == ["record", "scan", "trades", "stats"]
    assert steps[-1].at - start == timedelta(hours=5)
    assert steps[-2].result == demo.Ledger(())


def test_refuses_to_begin_where_nothing_is_recorded(desk: Desk, market: Market) -> None:
    market.clock.sleep(timedelta(days=5).total_seconds())

    with pytest.raises(NotFound, match="no candles before 2024-01-27 00:00 UTC are recorded"):
        list(demo.session(desk, SYMBOLS))
