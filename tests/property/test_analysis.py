"""What holds for any candles: nothing looks ahead, a scan agrees with the whole history, a tail with the series."""

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from botbox_cli.analysis.columns import cut, cut_indicators
from botbox_cli.analysis.indicators import WARM_UP, indicators_of
from botbox_cli.analysis.regime import atr_ratio, ratio_known_at
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.rule import Evidence, Finds, setup_of
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import CandleBatch
from botbox_cli.services.scan import scan
from botbox_cli.storage.store import SqlStore
from tests.support.candle_store import MemoryCandles
from tests.support.candles import FOUR_HOURS, HOUR, recorded, walk
from tests.support.market import instrument

RULE = BbMeanReversion(rsi_low=48, rsi_high=52, volume_factor=0.5, close_beyond=0.02)
"""Loose limits, so that random walks are full of finds."""
NAMES = ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr", "volume_ma")

seeds = st.integers(0, 2**32 - 1)


def gapped(candles: CandleBatch, gaps: set[int]) -> CandleBatch:
    return cut(candles, np.delete(np.arange(len(candles.open_ms)), sorted(gaps)))


def evidence_of(hours: CandleBatch, fours: CandleBatch) -> Evidence:
    ratio = atr_ratio(indicators_of(fours, FOUR_HOURS).atr)
    known = ratio_known_at(hours.open_ms + HOUR.length_ms, ratio, fours.open_ms, FOUR_HOURS)
    return Evidence(hours, indicators_of(hours, HOUR), known)


def rows_of(finds: Finds) -> list[tuple[object, ...]]:
    columns = (finds.rows, finds.entry, finds.stop, finds.take_profit_1, finds.take_profit_2)
    figures = [values for _, values in finds.signals]
    return list(zip(*(c.tolist() for c in (*columns, *figures)), strict=True))


@given(seed=seeds, count=st.integers(260, 479), gaps=st.sets(st.integers(0, 479), max_size=4))
@settings(max_examples=50)
def test_longer_history_never_changes_an_earlier_setup(seed: int, count: int, gaps: set[int]):
    hours, fours = gapped(walk(480, seed=seed), gaps), walk(120, seed=seed + 1, interval=FOUR_HOURS)
    moment = int(walk(480).open_ms[count])
    past = evidence_of(
        cut(hours, hours.open_ms < moment), cut(fours, fours.open_ms + FOUR_HOURS.length_ms <= moment)
    )

    whole, part = RULE.find(evidence_of(hours, fours)), RULE.find(past)

    for later, earlier in zip(whole, part, strict=True):
        known = len(past.candles.open_ms)
        assert [row for row in rows_of(later) if row[0] < known] == rows_of(earlier)


def test_random_walks_are_full_of_finds():
    """Else the property above would hold for want of setups."""
    for seed in (1, 7, 20, 33):
        finds = RULE.find(evidence_of(walk(480, seed=seed), walk(120, seed=seed + 1, interval=FOUR_HOURS)))

        assert sum(len(f.rows) for f in finds) > 10


def test_scan_of_a_candle_equals_the_setups_of_the_whole_history_there():
    hours, fours = recorded("BTCUSDT", "60"), recorded("BTCUSDT", "240")
    evidence = evidence_of(hours, fours)
    pair = instrument("BTCUSDT", tick="0.1")
    store = SqlStore("sqlite://")
    store.save_instruments(Venue.REPLAY, [pair], from_ms(0))
    account = store.save_account(Mode.PAPER, "1", "hash", Venue.REPLAY)
    all_finds = BbMeanReversion().find(evidence)
    found = {int(row): (finds, n) for finds in all_finds for n, row in enumerate(finds.rows)}
    silent = {row for row in range(300, len(hours.open_ms), 97) if row not in found}
    assert len(found) > 10

    for row in sorted(found.keys() | silent):
        closed = int(hours.open_ms[row]) + HOUR.length_ms
        clock = ManualClock(from_ms(closed) + timedelta(minutes=1))
        candles = MemoryCandles()
        candles.put(Venue.REPLAY, "BTCUSDT", "60", cut(hours, slice(row + 1)))
        candles.put(
            Venue.REPLAY, "BTCUSDT", "240", cut(fours, fours.open_ms + FOUR_HOURS.length_ms <= closed)
        )
        detected = scan(store, candles, account, None, clock, symbols=["BTCUSDT"]).detected

        expected = []
        if row in found:
            finds, number = found[row]
            setup = setup_of(
                finds,
                number,
                evidence,
                rule="bb-mean-reversion@1",
                timeframe="60",
                instrument=pair,
                detected_at=clock.now(),
            )
            expected = [setup] if setup.level_fault() is None else []
        assert [(s.kind, s.entry_price, s.stop_loss, s.take_profit_1, s.signals) for s in detected] == [
            (s.kind, s.entry_price, s.stop_loss, s.take_profit_1, s.signals) for s in expected
        ]
    store.close()


@given(
    seed=seeds,
    price=st.sampled_from([1e-7, 1.0, 60_000.0]),
    new=st.integers(1, 300),
    gaps=st.sets(st.integers(0, 999), max_size=3),
)
@settings(max_examples=50)
def test_newest_candles_on_their_warm_up_equal_the_whole_series(
    seed: int, price: float, new: int, gaps: set[int]
):
    candles = gapped(walk(1000, seed=seed, price=price), gaps)

    whole = cut_indicators(indicators_of(candles, HOUR), slice(-new, None))
    tail = indicators_of(cut(candles, slice(-new - WARM_UP, None)), HOUR)

    for name in NAMES:
        np.testing.assert_allclose(
            getattr(tail, name)[-new:], getattr(whole, name), rtol=1e-9, atol=0, err_msg=name
        )
