"""Reading many symbols at once, and a whole recording and scan on a real database."""

from datetime import timedelta

import numpy as np
import pytest

from botbox_cli.analysis.columns import cut
from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.services.record import record
from botbox_cli.services.scan import scan
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.store import SqlStore
from tests.support.candles import HOUR, recorded, walk
from tests.support.market import Market

V = Venue.REPLAY
NAMES = ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr", "volume_ma")


@pytest.fixture
def candles(store: SqlStore) -> SqlCandles:
    return SqlCandles(store.database)


def test_many_symbols_come_as_each_alone(candles: SqlCandles) -> None:
    for seed, symbol in enumerate(("AUSDT", "BUSDT", "CUSDT")):
        batch = walk(40, seed=seed)
        candles.upsert(V, symbol, HOUR, batch, indicators_of(batch, HOUR))
    first, last = int(walk(40).open_ms[10]), int(walk(40).open_ms[29])

    found = candles.between_many(V, ["BUSDT", "AUSDT", "XUSDT"], HOUR, first, last)

    assert found.keys() == {"AUSDT", "BUSDT"}
    for symbol, (batch, indicators) in found.items():
        alone, its_indicators = candles.between(V, symbol, HOUR, first, last)
        assert len(batch.open_ms) == 20
        np.testing.assert_array_equal(batch.close, alone.close)
        np.testing.assert_array_equal(indicators.bb_upper, its_indicators.bb_upper)


def test_no_symbols_or_none_known_is_nothing(candles: SqlCandles) -> None:
    assert candles.between_many(V, [], HOUR, 0, 1) == {}
    assert candles.between_many(V, ["XUSDT"], HOUR, 0, 1) == {}


def test_recording_interrupted_by_gaps_ends_with_the_indicators_of_the_whole(
    store: SqlStore, candles: SqlCandles
) -> None:
    history = recorded("BTCUSDT", "60")
    clock = ManualClock(from_ms(int(history.open_ms[-1])) + timedelta(hours=1, minutes=1))
    market = Market(clock)
    kept = np.flatnonzero((np.arange(len(history.open_ms)) < 700) | (np.arange(len(history.open_ms)) > 720))
    market.list_candles("BTCUSDT", "60", cut(history, kept))
    options = {"venue": V, "symbols": ["BTCUSDT"], "timeframes": ["60"], "since_ms": int(history.open_ms[0])}

    first = record(store, candles, market, clock, **options)
    market.list_candles("BTCUSDT", "60", history)
    second = record(store, candles, market, clock, **options)

    assert (first.recorded, first.repaired, first.series[0].gaps) == (1464 - 21, 0, 21)
    assert (second.recorded, second.repaired, second.series[0].gaps) == (21, 21, 0)
    stored, indicators = candles.tail(V, "BTCUSDT", HOUR, 5000)
    whole = indicators_of(history, HOUR)
    np.testing.assert_array_equal(stored.close, history.close)
    for name in NAMES:
        np.testing.assert_allclose(getattr(indicators, name), getattr(whole, name), rtol=1e-9, err_msg=name)


def test_setup_found_in_stored_candles_is_kept_with_its_signals(store: SqlStore, candles: SqlCandles) -> None:
    hours, fours = recorded("BTCUSDT", "60"), recorded("BTCUSDT", "240")
    clock = ManualClock(from_ms(int(hours.open_ms[0])) + timedelta(days=20))
    market = Market(clock)
    market.list_candles("BTCUSDT", "60", hours)
    market.list_candles("BTCUSDT", "240", fours)
    account = store.save_account(Mode.PAPER, "1", "hash", V)

    found = []
    for _ in range(200):
        clock.sleep(3600)
        record(store, candles, market, clock, venue=V, symbols=["BTCUSDT"], timeframes=["60", "240"])
        found += scan(store, candles, account, market, clock, symbols=["BTCUSDT"]).detected
        if found:
            break

    assert found
    with store.read(account) as books:
        assert [s for s in books.setups() if s.id == found[0].id] == [found[0]]
    assert [s.type[:5] for s in found[0].signals] == ["PRICE", "RSI_O", "VOLUM", "RANGI"]
