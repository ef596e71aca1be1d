"""Remembered replays never disagree with the candles: whatever is appended, mended or rewritten."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botbox_cli.analysis.columns import cut
from botbox_cli.analysis.replay import Exit, ReplayTerms
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.domain.account import Venue
from botbox_cli.domain.instrument import Instrument
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import CandleBatch
from botbox_cli.services import past
from botbox_cli.services.past import Rows, Source, past_of, rows_until
from botbox_cli.services.series_writer import SeriesWriter
from tests.support.candle_store import MemoryCandles
from tests.support.candles import FOUR_HOURS, HOUR, walk
from tests.support.market import instrument
from tests.support.world import START, a_world

VENUE = Venue.REPLAY
RULE = BbMeanReversion(close_beyond=0.02, rsi_low=45, rsi_high=55, volume_factor=0.5)
"""Finds far more than the real one does."""
TERMS = ReplayTerms()
HOURS = 1200


class Instruments:
    """The part of a store that a replay needs."""

    def __init__(self) -> None:
        self.tick = "0.01"

    def instrument(self, venue: Venue, symbol: str) -> Instrument:
        return instrument(symbol, self.tick)


class Stored:
    """Candles of a symbol, recorded step by step, and what the past of them is."""

    def __init__(self) -> None:
        self.candles = MemoryCandles()
        self.instruments = Instruments()

    def source(self, candles: MemoryCandles) -> Source:
        return Source(self.instruments, candles, VENUE, ManualClock(START))  # type: ignore[arg-type]

    def append(self, batch: CandleBatch, first: int, after: int, symbol: str = "BTCUSDT") -> None:
        """Record the hours from `first` up to `after`, and the four hours that they complete."""
        SeriesWriter(self.candles, VENUE, symbol, HOUR).append(cut(batch, slice(first, after)))
        fours = _fours(batch)
        whole = cut(fours, slice(first // 4, after // 4))
        SeriesWriter(self.candles, VENUE, symbol, FOUR_HOURS).append(whole)

    def known(self, terms: ReplayTerms = TERMS, rule: BbMeanReversion = RULE) -> Rows:
        """Return what is known with the help of what is remembered."""
        return past_of(self.source(self.candles), rule, HOUR, terms, first="BTCUSDT").rows["BTCUSDT"]

    def anew(self, terms: ReplayTerms = TERMS, rule: BbMeanReversion = RULE) -> Rows:
        """Return the same from the candles alone."""
        fresh = MemoryCandles()
        fresh.columns = dict(self.candles.columns)
        return past_of(self.source(fresh), rule, HOUR, terms, first="BTCUSDT").rows["BTCUSDT"]


def _fours(hours: CandleBatch) -> CandleBatch:
    count = len(hours.open_ms) // 4 * 4
    by_four = {
        name: getattr(hours, name)[:count].reshape(-1, 4) for name in ("high", "low", "volume", "turnover")
    }
    return CandleBatch(
        hours.open_ms[:count:4],
        hours.open[:count:4],
        by_four["high"].max(axis=1),
        by_four["low"].min(axis=1),
        hours.close[3:count:4],
        by_four["volume"].sum(axis=1),
        by_four["turnover"].sum(axis=1),
    )


def same(known: Rows, anew: Rows) -> bool:
    return known.tobytes() == anew.tobytes()


def test_there_is_something_to_remember() -> None:
    stored = Stored()
    stored.append(walk(HOURS), 0, HOURS)

    rows = stored.known()

    assert len(rows) > 30
    assert {Exit.STOP, Exit.TARGET} <= set(rows["reason"].tolist())


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 50),
    steps=st.lists(st.integers(1, 120), min_size=1, max_size=6),
    ahead=st.integers(0, 30),
)
def test_what_is_appended_joins_what_is_remembered(seed: int, steps: list[int], ahead: int) -> None:
    """The regime's series may lag: its candles come later than the hours that they explain."""
    stored, batch = Stored(), walk(HOURS + 800, seed=seed)
    at = HOURS
    stored.append(batch, 0, at)
    stored.known()
    for step in steps:
        SeriesWriter(stored.candles, VENUE, "BTCUSDT", HOUR).append(cut(batch, slice(at, at + step + ahead)))
        assert same(stored.known(), stored.anew())
        at += step
        fours = _fours(batch)
        SeriesWriter(stored.candles, VENUE, "BTCUSDT", FOUR_HOURS).append(cut(fours, slice(300, at // 4)))

        assert same(stored.known(), stored.anew())


def test_only_what_is_not_settled_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, batch = Stored(), walk(HOURS + 1)
    stored.append(batch, 0, HOURS)
    stored.known()
    read: list[int] = []
    between = stored.candles.between

    def counted(*arguments: int) -> object:
        found = between(*arguments)  # type: ignore[arg-type]
        read.append(len(found[0].open_ms))
        return found

    monkeypatch.setattr(stored.candles, "between", counted)
    stored.known()
    assert read == []
    stored.append(batch, HOURS, HOURS + 1)
    stored.known()

    assert 0 < sum(read) < 300


def test_mended_gap_is_replayed() -> None:
    stored, batch = Stored(), walk(HOURS)
    stored.append(batch, 0, 500)
    stored.append(batch, 540, HOURS)
    with_gap = stored.known()

    SeriesWriter(stored.candles, VENUE, "BTCUSDT", HOUR).fill(cut(batch, slice(500, 540)))

    assert same(stored.known(), stored.anew())
    assert not same(stored.known(), with_gap)


@pytest.mark.parametrize("interval", [HOUR, FOUR_HOURS])
def test_rewritten_candle_is_replayed(interval: object) -> None:
    stored, batch = Stored(), walk(HOURS)
    stored.append(batch, 0, HOURS)
    before = stored.known()
    assert interval in (HOUR, FOUR_HOURS)
    candles, indicators = stored.candles.columns[VENUE, "BTCUSDT", interval.code]  # type: ignore[attr-defined]
    wider = replace(indicators, atr=indicators.atr * np.where(np.arange(len(indicators.atr)) % 7, 1.0, 3.0))

    stored.candles.upsert(VENUE, "BTCUSDT", interval, candles, wider)  # type: ignore[arg-type]

    assert same(stored.known(), stored.anew())
    assert not same(stored.known(), before)


def test_history_put_before_the_first_candle_is_replayed() -> None:
    stored, batch = Stored(), walk(HOURS)
    stored.append(batch, 600, HOURS)
    stored.known()

    for interval, whole in ((HOUR, batch), (FOUR_HOURS, _fours(batch))):
        count = 600 * HOUR.length_ms // interval.length_ms
        SeriesWriter(stored.candles, VENUE, "BTCUSDT", interval).fill(cut(whole, slice(0, count)))

    assert same(stored.known(), stored.anew())


def test_other_terms_rule_tick_or_code_are_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Stored()
    stored.append(walk(HOURS), 0, HOURS)
    before = stored.known()

    dearer = ReplayTerms(fee_rate=0.01)
    assert same(stored.known(dearer), stored.anew(dearer))
    assert not same(stored.known(dearer), before)
    stricter = replace(RULE, rsi_low=40.0)
    assert same(stored.known(rule=stricter), stored.anew(rule=stricter))
    stored.instruments.tick = "0.5"
    assert same(stored.known(), stored.anew())
    assert not same(stored.known(), before)
    stored.instruments.tick = "0.01"
    stored.known()
    monkeypatch.setattr(past, "code_stamp", lambda rule: "other code")
    asked: list[int] = []
    monkeypatch.setattr(past, "replay", lambda *a, **k: asked.append(1) or replay_of(*a, **k))
    assert same(stored.known(), before)
    assert asked


replay_of = past.replay


def test_finer_candles_that_come_later_decide() -> None:
    stored, batch = Stored(), walk(HOURS)
    stored.append(batch, 0, HOURS)
    stored.known()
    quarter = replace(HOUR, code="15", length_ms=HOUR.length_ms // 4)
    fine = walk(HOURS * 4, seed=3, interval=quarter)
    stored.candles.put(VENUE, "BTCUSDT", "15", fine)

    assert same(stored.known(), stored.anew())


def test_symbols_without_time_left_are_counted_and_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, batch = Stored(), walk(HOURS)
    for symbol in ("ADAUSDT", "BTCUSDT", "ETHUSDT"):
        stored.append(batch, 0, HOURS, symbol)
    monkeypatch.setattr(past, "_is_over", lambda clock, ends_at: True)

    found = past_of(stored.source(stored.candles), RULE, HOUR, TERMS, first="BTCUSDT")
    assert (list(found.rows), found.left_out) == (["BTCUSDT"], 2)
    monkeypatch.undo()
    found = past_of(stored.source(stored.candles), RULE, HOUR, TERMS, first="BTCUSDT")
    assert (sorted(found.rows), found.left_out) == (["ADAUSDT", "BTCUSDT", "ETHUSDT"], 0)


class PassingClock(ManualClock):
    """Each look at it takes a while."""

    def now(self) -> datetime:
        self.sleep(0.6)
        return super().now()


def test_the_person_is_told_once_what_takes_so_long() -> None:
    stored, batch = Stored(), walk(HOURS)
    for symbol in ("ADAUSDT", "BTCUSDT", "ETHUSDT", "XRPUSDT"):
        stored.append(batch, 0, HOURS, symbol)
    told: list[tuple[int, int]] = []
    source = replace(stored.source(stored.candles), clock=PassingClock(START))

    past_of(source, RULE, HOUR, TERMS, first="BTCUSDT", waiting=lambda *seen: told.append(seen))

    assert told == [(1, 4)]


def test_trades_that_ended_later_are_unfinished_then() -> None:
    stored = Stored()
    stored.append(walk(HOURS), 0, HOURS)
    rows = stored.known()
    until_ms = int(np.median(rows["exit_ms"]))

    ended, unfinished = rows_until(rows, until_ms)

    assert 0 < len(ended) < len(rows)
    assert ended["exit_ms"].max() <= until_ms
    assert len(ended) + unfinished == (rows["entry_ms"] < until_ms).sum()


def test_world_without_candles_has_no_past() -> None:
    with a_world() as world:
        source = Source(world.store, MemoryCandles(), VENUE, world.clock)

        assert past_of(source, RULE, HOUR, TERMS, first="BTCUSDT").rows == {}
