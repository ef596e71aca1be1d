"""Joining candle columns, and finding what is missing on their grid."""

import numpy as np

from botbox_cli.analysis.columns import NO_CANDLES, cut, grid, join, missing, runs, windows
from botbox_cli.domain.candle import INTERVALS
from tests.support.candles import HOUR, START_MS, walk

H = HOUR.length_ms


def times(*hours: int) -> np.ndarray:
    return START_MS + np.array(hours, np.int64) * H


def test_join_sorts_and_keeps_the_first_of_two_candles_with_one_time():
    old, new = walk(5, seed=1), walk(3, seed=2, start_ms=START_MS + 2 * H)

    joined = join([new, old])

    assert joined.open_ms.tolist() == times(0, 1, 2, 3, 4).tolist()
    assert joined.close.tolist() == [*old.close[:2].tolist(), *new.close.tolist()]


def test_join_of_nothing_is_empty():
    assert len(join([]).open_ms) == 0
    assert len(join([NO_CANDLES, NO_CANDLES]).open_ms) == 0


def test_runs_end_at_gaps():
    assert runs(times(0, 1, 2, 5, 7, 8), HOUR) == [slice(0, 3), slice(3, 4), slice(4, 6)]
    assert runs(times(), HOUR) == []


def test_grid_starts_at_the_first_opening_time_not_before_the_start():
    assert grid(START_MS, START_MS + 2 * H, HOUR).tolist() == times(0, 1, 2).tolist()
    assert grid(START_MS + 1, START_MS + 2 * H, HOUR).tolist() == times(1, 2).tolist()
    assert grid(START_MS, START_MS - 1, HOUR).tolist() == []


def test_weekly_grid_stands_on_mondays():
    week = INTERVALS["W"]

    assert grid(START_MS - 3 * 24 * H, START_MS + 8 * 24 * H, week).tolist() == [
        START_MS,
        START_MS + week.length_ms,
    ]


def test_missing_lists_only_what_lacks_inside():
    assert missing(times(1, 2, 5, 6, 8), HOUR).tolist() == times(3, 4, 7).tolist()
    assert missing(times(4), HOUR).tolist() == []
    assert missing(walk(100).open_ms, HOUR).tolist() == []


def test_windows_cover_all_with_the_fewest_pages():
    wanted = times(0, 1, 2, 3, 4, 11, 12, 30)

    assert windows(wanted, HOUR, 5) == [
        (START_MS, START_MS + 4 * H),
        (START_MS + 11 * H, START_MS + 12 * H),
        (START_MS + 30 * H, START_MS + 30 * H),
    ]
    assert windows(times(), HOUR, 5) == []


def test_windows_of_a_long_stretch_are_adjacent_pages():
    found = windows(walk(2500).open_ms, HOUR, 1000)

    assert [(end - start) // H + 1 for start, end in found] == [1000, 1000, 500]
    assert cut(walk(2500), slice(1000, 1001)).open_ms[0] == found[1][0]
