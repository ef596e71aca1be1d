"""What holds for any candles: the walk is the one a patient person would make, and nothing looks ahead."""

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from botbox_cli.analysis.columns import cut, exact
from botbox_cli.analysis.replay import Exit, Path, ReplayTerms, Trades, follow, replay
from botbox_cli.analysis.replay.ticks import Ticks
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.registry import parse_identity
from botbox_cli.analysis.rules.rule import Rule, identity, setup_of
from botbox_cli.analysis.rules.trend_pullback import TrendPullback
from botbox_cli.analysis.statistics import summary
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.number import ceil_to_step, floor_to_step, round_to_step
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import CandleBatch
from botbox_cli.services.scan import scan
from botbox_cli.storage.store import SqlStore
from tests.property.test_analysis import evidence_of, gapped
from tests.support.candle_store import MemoryCandles
from tests.support.candles import FOUR_HOURS, HOUR, recorded, walk
from tests.support.market import instrument

LOOSE = BbMeanReversion(rsi_low=48, rsi_high=52, volume_factor=0.5, close_beyond=0.02)
PULLBACK = TrendPullback(trend_atr=0.5, reward_r=0.3)
PAIR = instrument("BTCUSDT", tick="0.01")
seeds = st.integers(0, 2**32 - 1)


def patient(
    bars: CandleBatch, end: int, sign: int, row: int, levels: tuple[float, ...], has_part: bool
) -> tuple[int, float, int, float]:
    """Walk one position candle by candle, price by price: (last row, price, reason, price at TP1)."""
    entry, stop, tp1, tp2 = (level * sign for level in levels)
    target, even, took = tp1, stop, math.nan
    for at in range(row, end):
        first, second = (bars.low, bars.high) if sign > 0 else (bars.high, bars.low)
        opened = bars.open[at] * sign
        before = opened
        for number, price in enumerate((opened, first[at] * sign, second[at] * sign, bars.close[at] * sign)):
            while True:
                low, high = min(before, price), max(before, price)
                reason = Exit.STOP if math.isnan(took) else Exit.BREAK_EVEN
                if low <= even and (price <= before or number == 0):
                    return at, (price if number == 0 else min(before, even)) * sign, reason, took * sign
                if high < target:
                    break
                met = price if number == 0 else max(before, target)
                if math.isnan(took) and has_part and not math.isnan(tp2):
                    took, target, even = met, tp2, max(stop, entry)
                    if met <= even:
                        return at, met * sign, Exit.BREAK_EVEN, took * sign
                    before = met
                    continue
                return at, met * sign, Exit.TARGET, took * sign
            before = price
    unfinished = Exit.END if end == len(bars.open_ms) else Exit.GAP
    return end - 1, bars.close[end - 1], unfinished, took * sign


@given(
    seed=seeds,
    sign=st.sampled_from([1, -1]),
    has_part=st.booleans(),
    width=st.floats(0.001, 0.2),
    gaps=st.sets(st.integers(0, 119), max_size=3),
)
@settings(max_examples=200)
def test_walk_is_that_of_a_patient_person(seed: int, sign: int, has_part: bool, width: float, gaps: set[int]):
    bars = gapped(walk(120, seed=seed), gaps)
    # Opens that jump, so that levels are gapped over.
    jumps = 1 + np.random.default_rng(seed).normal(0, width / 4, len(bars.open))
    opened = bars.open * jumps
    bars = replace(bars, open=opened, high=np.maximum(bars.high, opened), low=np.minimum(bars.low, opened))
    path = Path.of(bars, HOUR)
    rows = np.arange(0, len(opened), 3)
    entry = opened[rows]
    stop, tp1 = entry * (1 - sign * width), entry * (1 + sign * width)
    tp2 = np.where(rows % 2 == 0, entry * (1 + sign * 2 * width), np.nan)

    legs = follow(path, sign, rows, entry, stop, tp1, tp2, has_part=has_part)

    for n, row in enumerate(rows.tolist()):
        levels = tuple(float(c[n]) for c in (entry, stop, tp1, tp2))
        expected = patient(bars, int(path.run_end[row]), sign, row, levels, has_part)
        got = (int(legs.piece[n]), float(legs.price[n]), int(legs.reason[n]), float(legs.tp1_price[n]))
        assert got[:3] == expected[:3], (row, levels)
        assert got[3] == expected[3] or math.isnan(got[3]) == math.isnan(expected[3]) is True


def rows_of(trades: Trades) -> set[tuple[object, ...]]:
    columns = [getattr(trades, name).tolist() for name in Trades.__slots__]
    return {tuple(map(repr, row)) for row in zip(*columns, strict=True)}


@given(
    seed=seeds,
    count=st.integers(260, 479),
    gaps=st.sets(st.integers(0, 479), max_size=4),
    rule=st.sampled_from([LOOSE, PULLBACK]),
    part=st.sampled_from([1.0, 0.5]),
)
@settings(max_examples=40)
def test_longer_history_never_changes_a_trade_that_had_ended(
    seed: int, count: int, gaps: set[int], rule: Rule, part: float
):
    hours, fours = gapped(walk(480, seed=seed), gaps), walk(120, seed=seed + 1, interval=FOUR_HOURS)
    moment = int(walk(480).open_ms[count])
    past = evidence_of(
        cut(hours, hours.open_ms < moment), cut(fours, fours.open_ms + FOUR_HOURS.length_ms <= moment)
    )
    now = evidence_of(hours, fours)
    terms = ReplayTerms(tp1_fraction=part)

    early = replay(past, rule.find(past), HOUR, PAIR, terms).trades
    late = replay(now, rule.find(now), HOUR, PAIR, terms).trades

    assert rows_of(early.take(early.decided)) <= rows_of(late)


def test_random_walks_are_full_of_trades():
    """Else the properties would hold for want of trades."""
    for seed in (1, 7, 20, 33):
        now = evidence_of(walk(480, seed=seed), walk(120, seed=seed + 1, interval=FOUR_HOURS))
        assert len(replay(now, LOOSE.find(now), HOUR, PAIR, ReplayTerms()).trades) > 10
    found = [
        len(PULLBACK.find(evidence_of(walk(480, seed=s), walk(120, seed=s, interval=FOUR_HOURS)))[0].rows)
        for s in range(8)
    ]
    assert sum(found) > 5


def check_scan_agrees(rule: Rule, *, step: int) -> int:
    """Scan at every candle with a find and at some without; return how many setups were compared."""
    hours, fours = recorded("SOLUSDT", "60"), recorded("SOLUSDT", "240")
    evidence = evidence_of(hours, fours)
    pair = instrument("SOLUSDT", tick="0.01")
    store = SqlStore("sqlite://")
    store.save_instruments(Venue.REPLAY, [pair], from_ms(0))
    account = store.save_account(Mode.PAPER, "1", "hash", Venue.REPLAY)
    finds = rule.find(evidence)
    # What the replay enters has the levels of its setup; what it does not enter for a moved price had them, too.
    terms = ReplayTerms(max_drift_r=1e9)
    trades = replay(evidence, finds, HOUR, pair, terms).trades
    levels = {
        (int(row), str(kind)): (float(stop), float(tp1))
        for row, kind, stop, tp1 in zip(
            trades.signal_row, trades.kind, trades.stop, trades.take_profit_1, strict=True
        )
    }
    found = {int(row): (f, n) for f in finds for n, row in enumerate(f.rows)}
    rows = sorted([*list(found)[::step], *range(300, len(hours.open_ms), 211)])
    compared = 0
    for row in rows:
        closed = int(hours.open_ms[row]) + HOUR.length_ms
        clock = ManualClock(from_ms(closed) + timedelta(minutes=1))
        candles = MemoryCandles()
        candles.put(Venue.REPLAY, "SOLUSDT", "60", cut(hours, slice(row + 1)))
        known = fours.open_ms + FOUR_HOURS.length_ms <= closed
        candles.put(Venue.REPLAY, "SOLUSDT", "240", cut(fours, known))
        detected = scan(store, candles, account, None, clock, symbols=["SOLUSDT"], rule=rule).detected
        expected = []
        if row in found and not math.isnan(evidence.regime_ratio[row]):
            of, n = found[row]
            setup = setup_of(
                of, n, evidence, rule=identity(rule), timeframe="60", instrument=pair, detected_at=clock.now()
            )
            expected = [setup] if setup.level_fault() is None else []
        assert [replace(s, id=0) for s in detected] == expected
        for setup in expected:
            compared += 1
            if (row, setup.kind) in levels:
                assert levels[row, setup.kind] == (float(setup.stop_loss), float(setup.take_profit_1))
            assert parse_identity(setup.rule) == rule
    store.close()
    return compared


def test_scan_of_a_candle_equals_the_replay_there():
    assert check_scan_agrees(BbMeanReversion(rsi_low=40.5, volume_factor=0.9), step=3) > 15


def test_scan_with_a_rule_that_looks_back_equals_the_replay_there():
    assert check_scan_agrees(TrendPullback(trend_atr=1.5), step=3) > 10


@given(r=st.lists(st.floats(-3, 5), max_size=60), seed=st.integers(0, 9))
def test_intervals_hold_what_they_are_about(r: list[float], seed: int):
    s = summary(np.array(r), seed=seed, resamples=200)

    assert s == summary(np.array(r), seed=seed, resamples=200)
    if s.hit_rate is not None:
        assert s.hit_low is not None
        assert s.hit_high is not None
        assert 0 <= s.hit_low <= s.hit_rate + 1e-12
        assert s.hit_rate - 1e-12 <= s.hit_high <= 1
    if s.expectancy_low is not None:
        assert s.expectancy_low <= s.expectancy_high
        assert min(r) - 1e-9 <= s.expectancy_low
        assert s.expectancy_high <= max(r) + 1e-9


@given(
    places=st.integers(0, 8),
    units=st.sampled_from([1, 2, 5, 25]),
    counts=st.lists(st.integers(1, 10**9), min_size=1, max_size=20),
    nudge=st.sampled_from([0.0, 0.5, 1e-9, -1e-9, 0.499999999, 0.500000001, 0.25]),
)
def test_ticks_of_columns_are_those_of_decimals(places: int, units: int, counts: list[int], nudge: float):
    tick = Decimal(units).scaleb(-places)
    prices = np.array([(count + nudge) * float(tick) for count in counts])
    ticks = Ticks(tick)

    for columns, one in (
        (ticks.floor, floor_to_step), (ticks.ceil, ceil_to_step), (ticks.nearest, round_to_step)
    ):  # fmt: skip
        assert columns(prices).tolist() == [float(one(exact(price), tick)) for price in prices]
