"""The replay engine by trades computed by hand, each on a few candles that show one rule of the model.

Unless a test says otherwise: no fee, no slippage, no spread, and a long found in candle 0 with entry 100, stop 90,
TP1 120 (R = 10), entered at the open of candle 1.
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from botbox_cli.analysis.replay import Exit, ReplayTerms, Trades, replay
from botbox_cli.analysis.replay.engine import Refusal, Replayed
from botbox_cli.analysis.rules.rule import Evidence, Finds
from botbox_cli.domain.candle import INTERVALS
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.setup import Direction
from botbox_cli.ports import CandleBatch, Indicators
from tests.support.candles import HOUR, START_MS
from tests.support.market import instrument

FREE = ReplayTerms(fee_rate=0, slippage=0, spread_ticks=0, hourly_interest=0)
PAIR = instrument("BTCUSDT", tick="0.01")
NAN = float("nan")
CALM = (100.0, 101.0, 99.0, 100.0)
QUARTER = INTERVALS["15"]


def candles(*bars: tuple[float, float, float, float], start_ms: int = START_MS, interval=HOUR) -> CandleBatch:
    """Candles from (open, high, low, close)."""
    open_, high, low, close = np.array(bars, np.float64).T.copy()
    open_ms = start_ms + np.arange(len(bars), dtype=np.int64) * interval.length_ms
    return CandleBatch(open_ms, open_, high, low, close, np.ones(len(bars)), close)


def without(batch: CandleBatch, *rows: int) -> CandleBatch:
    columns = (getattr(batch, name) for name in CandleBatch.__slots__)
    return CandleBatch(*(np.delete(column, rows) for column in columns))


def evidence(batch: CandleBatch, atr: float = 5.0) -> Evidence:
    count = len(batch.open_ms)
    same = np.full(count, 100.0)
    return Evidence(batch, Indicators(same, same, same, same, np.full(count, atr), same), np.full(count, 0.8))


def found(
    *rows: int,
    direction: Direction = Direction.LONG,
    entry: float = 100.0,
    stop: float = 90.0,
    tp1: float = 120.0,
    tp2: float = NAN,
) -> Finds:
    levels = (np.full(len(rows), level) for level in (entry, stop, tp1, tp2))
    return Finds("TEST", direction, np.array(rows, np.int64), *levels, ())


def play(
    batch: CandleBatch, *finds: Finds, terms: ReplayTerms = FREE, pair: Instrument = PAIR, finer=(), atr=5.0
) -> Replayed:
    return replay(evidence(batch, atr), finds or (found(0),), HOUR, pair, terms, finer=finer)


def only(replayed: Replayed) -> dict[str, object]:
    """The one trade, its columns as plain values."""
    trades = replayed.trades
    assert len(trades) == 1, replayed
    return {name: getattr(trades, name)[0].item() for name in Trades.__slots__}


def ended(replayed: Replayed) -> tuple[Exit, float, int, float]:
    """How, at which price, in which candle and with how many R the one trade ended."""
    trade = only(replayed)
    return Exit(trade["reason"]), trade["exit_price"], trade["exit_row"], pytest.approx(trade["r"])


# -- entry


def test_entry_is_at_the_open_after_the_signal():
    trade = only(play(candles(CALM, (101, 102, 100, 101), (101, 121, 100, 120))))

    assert (trade["entry_row"], trade["entry_price"], trade["entry_ms"]) == (
        1,
        101,
        START_MS + HOUR.length_ms,
    )
    assert trade["signal_row"] == 0


def test_a_longer_delay_enters_at_a_later_open():
    bars = (CALM, CALM, CALM, (102, 103, 101, 102), (102, 121, 101, 120))
    trade = only(play(candles(*bars), terms=replace(FREE, delay=3)))

    assert (trade["entry_row"], trade["entry_price"]) == (3, 102)


def test_delay_past_the_expiry_of_the_setup_enters_nothing():
    bars = candles(*[CALM] * 40)

    assert play(bars, terms=replace(FREE, delay=25)).refused == {Refusal.EXPIRED: 1}
    assert len(play(bars, terms=replace(FREE, delay=24)).trades) == 1


def test_delay_below_one_would_look_ahead():
    with pytest.raises(AssertionError):
        ReplayTerms(delay=0)


@pytest.mark.parametrize(
    ("opened", "why"),
    [
        (90.0, Refusal.THROUGH_STOP),
        (89.0, Refusal.THROUGH_STOP),
        (120.0, Refusal.BEYOND_TARGET),
        (105.01, Refusal.PRICE_MOVED),
    ],
)
def test_an_open_that_has_run_away_is_not_entered(opened: float, why: Refusal):
    bar = (opened, max(opened, 100), min(opened, 100), 100.0)

    replayed = play(candles(CALM, bar, CALM))

    assert replayed.refused == {why: 1}
    assert not len(replayed.trades)


def test_an_open_half_an_r_against_the_setup_is_still_entered():
    assert only(play(candles(CALM, (105, 106, 104, 105), CALM)))["entry_price"] == 105


def test_a_setup_that_price_left_by_two_atr_before_the_entry_is_invalid():
    bars = candles(CALM, CALM, (110.01, 111, 99, 100), CALM, CALM)

    assert play(bars, terms=replace(FREE, delay=3)).refused == {Refusal.INVALIDATED: 1}
    assert len(play(bars, terms=replace(FREE, delay=1)).trades) == 1


def test_levels_go_to_the_tick_nearer_to_entry():
    setup = found(0, entry=100.004, stop=89.991, tp1=120.009, tp2=125.999)
    trade = only(play(candles(CALM, CALM, CALM), setup, terms=replace(FREE, tp1_fraction=0.5)))

    assert (trade["stop"], trade["take_profit_1"], trade["take_profit_2"]) == (90, 120, 125.99)


def test_setups_whose_levels_fall_together_on_the_tick_do_not_count():
    replayed = play(candles(CALM, CALM, CALM), found(0, stop=99.6), pair=instrument("BTCUSDT", tick="1"))

    assert (replayed.setups, replayed.refused) == (0, {Refusal.LEVELS: 1})


# -- exit


def test_stop_within_a_candle_fills_at_the_stop():
    assert ended(play(candles(CALM, CALM, (95, 96, 89, 95), CALM))) == (Exit.STOP, 90, 2, -1)


def test_gap_through_the_stop_fills_at_the_open():
    replayed = play(candles(CALM, CALM, (85, 88, 84, 86), CALM))

    assert ended(replayed) == (Exit.STOP, 85, 2, -1.5)
    assert only(replayed)["exit_ms"] == START_MS + 2 * HOUR.length_ms


def test_target_within_a_candle_fills_at_the_target():
    assert ended(play(candles(CALM, CALM, (105, 125, 104, 124), CALM))) == (Exit.TARGET, 120, 2, 2)


def test_gap_beyond_the_target_fills_at_the_open():
    assert ended(play(candles(CALM, CALM, (125, 126, 119, 120), CALM))) == (Exit.TARGET, 125, 2, 2.5)


def test_both_hit_in_one_candle_is_the_stop():
    replayed = play(candles(CALM, CALM, (100, 125, 89, 124), CALM))

    assert ended(replayed) == (Exit.STOP, 90, 2, -1)
    assert replayed.doubtful_ms.tolist() == [START_MS + 2 * HOUR.length_ms]


def test_an_open_beyond_the_target_comes_before_the_stop_in_its_candle():
    assert ended(play(candles(CALM, CALM, (121, 122, 80, 85), CALM))) == (Exit.TARGET, 121, 2, 2.1)


def test_the_entry_candle_itself_can_end_the_trade():
    assert ended(play(candles(CALM, (100, 101, 89, 95), CALM))) == (Exit.STOP, 90, 1, -1)


def test_a_level_that_is_just_reached_counts():
    assert ended(play(candles(CALM, (100, 101, 90, 95), CALM)))[0] is Exit.STOP
    assert ended(play(candles(CALM, (100, 120, 91, 95), CALM)))[0] is Exit.TARGET
    assert ended(play(candles(CALM, (100, 119.99, 90.01, 95), CALM)))[0] is Exit.END


def test_finer_candles_decide_which_came_first():
    hours = candles(CALM, CALM, (100, 125, 89, 95), CALM)
    at = START_MS + 2 * HOUR.length_ms
    rise_first = candles(
        (100, 121, 99, 115), (115, 125, 110, 112), (112, 113, 89, 90), (90, 96, 90, 95),
        start_ms=at, interval=QUARTER,
    )  # fmt: skip

    replayed = play(hours, finer=[(rise_first, QUARTER)])

    assert ended(replayed) == (Exit.TARGET, 120, 2, 2)
    assert only(replayed)["exit_ms"] == at + QUARTER.length_ms


def test_finer_candles_that_leave_a_hole_do_not_decide():
    hours = candles(CALM, CALM, (100, 125, 89, 95), CALM)
    at = START_MS + 2 * HOUR.length_ms
    bars = ((100, 121, 99, 115), (115, 125, 110, 112), (112, 113, 89, 90), (90, 96, 90, 95))
    holed = without(candles(*bars, start_ms=at, interval=QUARTER), 3)

    assert ended(play(hours, finer=[(holed, QUARTER)]))[0] is Exit.STOP


def test_the_finest_candles_decide():
    hours = candles(CALM, (100, 125, 89, 95), CALM)
    at = START_MS + HOUR.length_ms
    five = INTERVALS["5"]
    quarters = candles(*[(100, 125, 89, 95)] * 4, start_ms=at, interval=QUARTER)
    minutes = candles((100, 121, 99, 120), *[(120, 125, 89, 95)] * 11, start_ms=at, interval=five)

    assert ended(play(hours, finer=[(minutes, five), (quarters, QUARTER)]))[0] is Exit.TARGET
    assert ended(play(hours, finer=[(quarters, QUARTER)]))[0] is Exit.STOP


# -- a part at TP1


PART = replace(FREE, tp1_fraction=0.5)


def test_tp1_then_break_even():
    bars = candles(CALM, CALM, (110, 122, 109, 121), (121, 122, 99, 101), CALM)
    replayed = play(bars, found(0, tp2=140), terms=PART)

    assert ended(replayed) == (Exit.BREAK_EVEN, 100, 3, 1)
    assert (only(replayed)["tp1_price"], only(replayed)["tp1_ms"]) == (120, START_MS + 3 * HOUR.length_ms)


def test_tp1_then_tp2():
    bars = candles(CALM, CALM, (110, 122, 109, 121), (121, 141, 120, 140), CALM)

    assert ended(play(bars, found(0, tp2=140), terms=PART)) == (Exit.TARGET, 140, 3, 3)


def test_tp1_and_tp2_in_one_candle():
    bars = candles(CALM, CALM, (110, 142, 109, 141), CALM)

    assert ended(play(bars, found(0, tp2=140), terms=PART)) == (Exit.TARGET, 140, 2, 3)


def test_tp1_then_a_close_below_the_entry_in_one_candle_is_break_even():
    bars = candles(CALM, CALM, (110, 122, 97, 98), CALM)

    assert ended(play(bars, found(0, tp2=140), terms=PART)) == (Exit.BREAK_EVEN, 100, 2, 1)


def test_low_of_the_candle_before_tp1_does_not_touch_the_stop_at_break_even():
    bars = candles(CALM, CALM, (110, 122, 97, 121), (121, 141, 120, 140))

    assert ended(play(bars, found(0, tp2=140), terms=PART)) == (Exit.TARGET, 140, 3, 3)


def test_tp1_at_a_gap_then_the_low_of_the_same_candle_is_break_even():
    bars = candles(CALM, CALM, (125, 145, 99, 144), CALM)

    assert ended(play(bars, found(0, tp2=140), terms=PART)) == (Exit.BREAK_EVEN, 100, 2, 1.25)


def test_gap_beyond_both_targets_sells_all_at_the_open():
    assert ended(play(candles(CALM, CALM, (150, 151, 80, 81)), found(0, tp2=140), terms=PART))[:2] == (
        Exit.TARGET,
        150,
    )


def test_gap_through_break_even_fills_at_the_open():
    bars = candles(CALM, CALM, (110, 122, 109, 121), (95, 96, 94, 95))

    assert ended(play(bars, found(0, tp2=140), terms=PART)) == (Exit.BREAK_EVEN, 95, 3, 0.75)


def test_without_tp2_everything_is_sold_at_tp1():
    bars = candles(CALM, CALM, (110, 122, 109, 121), CALM)

    assert ended(play(bars, found(0), terms=PART)) == (Exit.TARGET, 120, 2, 2)


# -- what is not known


def test_candles_that_end_leave_the_trade_open():
    replayed = play(candles(CALM, CALM, (101, 103, 100, 102)))

    assert ended(replayed) == (Exit.END, 102, 2, 0.2)
    assert replayed.trades.decided.tolist() == [False]


def test_a_gap_while_held_is_not_bridged():
    bars = without(candles(CALM, CALM, (101, 103, 100, 102), CALM, (100, 125, 99, 121)), 3)

    assert ended(play(bars)) == (Exit.GAP, 102, 2, 0.2)


def test_a_gap_between_signal_and_entry_is_not_bridged():
    assert play(without(candles(CALM, CALM, CALM, CALM), 1)).refused == {Refusal.GAP: 1}


def test_a_setup_in_the_last_candle_has_no_entry():
    assert play(candles(CALM, CALM), found(1)).refused == {Refusal.END: 1}


# -- shorts


SHORT = found(0, direction=Direction.SHORT, stop=110, tp1=80, tp2=60)


def test_short_ends_at_its_stop_before_its_target():
    assert ended(play(candles(CALM, CALM, (100, 111, 79, 100)), SHORT)) == (Exit.STOP, 110, 2, -1)


def test_short_that_gaps_through_its_stop_fills_at_the_open():
    assert ended(play(candles(CALM, CALM, (115, 116, 114, 115)), SHORT)) == (Exit.STOP, 115, 2, -1.5)


def test_short_takes_a_part_and_leaves_the_rest_at_break_even():
    bars = candles(CALM, CALM, (90, 91, 79, 80), (81, 101, 80, 99))

    assert ended(play(bars, SHORT, terms=PART)) == (Exit.BREAK_EVEN, 100, 3, 1)


# -- costs


def test_fee_is_taken_in_what_is_received():
    """Bought at 100 with 0.1 %: 0.999 coins arrive, sold at 120 they bring 119.88 less 0.1 % of it."""
    bars = candles(CALM, CALM, (105, 125, 104, 124))
    trade = only(play(bars, terms=replace(FREE, fee_rate=0.001)))

    assert trade["r"] == pytest.approx((0.999 * 20 - 0.1 - 0.11988) / 10)


def test_fee_can_turn_a_won_price_into_a_loss():
    bars = candles(CALM, CALM, (100, 100.21, 99, 100))
    setup = found(0, tp1=100.2)

    assert only(play(bars, setup))["r"] > 0
    assert only(play(bars, setup, terms=replace(FREE, fee_rate=0.001)))["r"] < 0


def test_slippage_and_spread_worsen_every_fill_and_stay_on_the_tick():
    """Ask 100.01, bought 1 % worse: 101.0101, on the tick 101.02. Sold at the stop 90 less 1 %: 89.1."""
    terms = replace(FREE, slippage=0.01, spread_ticks=1)
    trade = only(play(candles(CALM, CALM, (95, 96, 89, 95)), terms=terms))

    assert (trade["entry_price"], trade["exit_price"]) == (101.02, 89.1)


def test_short_pays_interest_for_each_hour_begun():
    bars = candles(CALM, CALM, CALM, (90, 91, 79, 80))
    trade = only(play(bars, SHORT, terms=replace(FREE, hourly_interest=0.01)))

    assert trade["r"] == pytest.approx((100 - 80 - 3 * 0.01 * 80) / 10)


# -- excursions


def test_excursions_end_with_the_exit():
    """Worst 95 before the target; the 99 of its candle came before it, its 125 after."""
    trade = only(play(candles(CALM, CALM, (98, 108, 95, 104), (105, 125, 99, 110), CALM)))

    assert (trade["mae_r"], trade["mfe_r"]) == (-0.5, 2)


def test_excursions_of_a_stopped_trade_leave_out_what_came_after_the_stop():
    trade = only(play(candles(CALM, CALM, (100, 119, 85, 118))))

    assert (trade["mae_r"], trade["mfe_r"]) == (-1, pytest.approx(0.1))


def test_trades_stand_in_order_of_entry_whatever_their_kind():
    bars = candles(*[CALM] * 6)
    shorts = found(0, 2, direction=Direction.SHORT, stop=110, tp1=80)

    replayed = play(bars, found(1, 3), shorts)

    assert replayed.trades.signal_row.tolist() == [0, 1, 2, 3]
    assert replayed.trades.sign.tolist() == [-1, 1, -1, 1]
    assert replayed.setups == 4


def test_ticks_of_columns_are_those_of_decimals():
    pair = replace(PAIR, tick_size=Decimal("0.00005"))
    setup = found(0, entry=0.123449, stop=0.1, tp1=0.15002499999999998)
    bar = (0.12345, 0.1235, 0.1234, 0.12345)

    trade = only(play(candles(bar, bar, bar), setup, pair=pair, atr=0.01))

    assert (trade["stop"], trade["take_profit_1"]) == (0.1, 0.15)
