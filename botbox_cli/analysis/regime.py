"""The ratio behind the regime, for each candle of a series at once."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from botbox_cli.analysis.columns import Column, Times
from botbox_cli.domain.candle import Interval
from botbox_cli.domain.regime import REGIME_ATRS


def atr_ratio(atr: Column) -> Column:
    """Return each ATR ÷ the mean of the newest `REGIME_ATRS` ATRs up to it; NaN while there are fewer, or all are 0.

    Each sum is taken from its first value on, so that a tail of the series gives the same digits as the whole.
    """
    ratio = np.full(len(atr), np.nan)
    if len(atr) >= REGIME_ATRS:
        totals = np.add.accumulate(sliding_window_view(atr, REGIME_ATRS), axis=1)[:, -1]
        np.divide(
            atr[REGIME_ATRS - 1 :] * REGIME_ATRS, totals, out=ratio[REGIME_ATRS - 1 :], where=totals > 0
        )
    return ratio


def ratio_known_at(at_ms: Times, ratio: Column, regime_open_ms: Times, regime_interval: Interval) -> Column:
    """Return the ratio of the newest regime candle that is closed at each moment of `at_ms`.

    NaN where there is none, or where it opened more than two intervals before: a stale regime is not known.
    """
    row = np.searchsorted(regime_open_ms + regime_interval.length_ms, at_ms, side="right") - 1
    known = row >= 0
    row = np.maximum(row, 0)
    found = np.full(len(at_ms), np.nan)
    if len(regime_open_ms):
        fresh = known & (at_ms - regime_open_ms[row] <= 2 * regime_interval.length_ms)
        found[fresh] = ratio[row[fresh]]
    return found
