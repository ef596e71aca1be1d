"""Stored candles as rows."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.errors import NotFound, UsageError
from botbox_cli.services.candles import CandleRow, candle_rows
from botbox_cli.storage.store import SqlStore
from tests.support.candle_store import MemoryCandles
from tests.support.candles import HOUR, START_MS, recorded, walk
from tests.support.market import instrument

V = Venue.REPLAY


class Desk:
    def __init__(self) -> None:
        self.store, self.candles = SqlStore("sqlite://"), MemoryCandles()
        self.candles.put(V, "BTCUSDT", "60", walk(50))

    def rows(self, symbol: str = "BTCUSDT", **options) -> list[CandleRow]:
        return candle_rows(self.store, self.candles, V, symbol, **options)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.store.close()


def test_newest_candles_come_oldest_first(desk: Desk):
    rows = desk.rows(limit=3)

    assert [row.open_time for row in rows] == [from_ms(START_MS) + timedelta(hours=n) for n in (47, 48, 49)]


def test_all_stored_candles_come_when_there_are_fewer(desk: Desk):
    assert len(desk.rows()) == 50


def test_prices_are_exact_decimals_and_indicators_numbers(desk: Desk):
    candles = recorded("BTCUSDT", "60")
    desk.candles.put(V, "BTCUSDT", "60", candles)
    seen = indicators_of(candles, HOUR)

    row = desk.rows(limit=1)[0]

    assert (row.open, row.close) == (
        Decimal(repr(float(candles.open[-1]))),
        Decimal(repr(float(candles.close[-1]))),
    )
    assert (row.volume, row.turnover) == (
        Decimal(repr(float(candles.volume[-1]))),
        Decimal(repr(float(candles.turnover[-1]))),
    )
    assert (row.bb_upper, row.rsi, row.atr) == (seen.bb_upper[-1], seen.rsi[-1], seen.atr[-1])
    assert type(row.rsi) is float


def test_indicators_that_are_not_defined_are_none(desk: Desk):
    first = desk.rows()[0]

    names = ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr", "volume_ma")
    assert [getattr(first, name) for name in names] == [None] * 6


def test_unknown_interval_is_not_found(desk: Desk):
    with pytest.raises(NotFound, match="no such interval: 'M'"):
        desk.rows(timeframe="M")


def test_unknown_symbol_is_not_found_with_the_nearest_recorded(desk: Desk):
    with pytest.raises(NotFound, match="no such symbol: 'BTCUSD'") as raised:
        desk.rows("BTCUSD")

    assert raised.value.hint == "did you mean BTCUSDT?"


def test_unknown_symbol_unlike_any_other_says_how_to_record_it(desk: Desk):
    with pytest.raises(NotFound) as raised:
        desk.rows("XYZ")

    assert raised.value.hint == "run `botbox record --symbol XYZ` first"


def test_series_of_a_known_symbol_that_is_not_recorded_is_empty(desk: Desk):
    desk.store.save_instruments(V, [instrument("ETHUSDT")], from_ms(START_MS))

    assert desk.rows("ETHUSDT") == []
    assert desk.rows("BTCUSDT", timeframe="15") == []


def test_limit_below_one_is_refused(desk: Desk):
    with pytest.raises(UsageError, match="at least 1, not 0"):
        desk.rows(limit=0)
