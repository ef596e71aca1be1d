"""Indicators of a whole series at once: Bollinger Bands, RSI, ATR and mean volume.

BB(20, 2 population σ), RSI(14) and ATR(14) in Wilder's smoothing come from TA-Lib, as its documentation defines them:

- middle = mean of 20 closes; upper, lower = middle ± 2 σ, σ with divisor 20. Defined from the 20th candle on.
- RSI = 100 × gain ÷ (gain + loss): first the means of 14 changes, then (13 × before + new) ÷ 14. From the 15th
  candle on. A market that has not moved at all reads 0, so a rule must not take RSI alone for weakness.
- ATR: first the mean of 14 true ranges (the first candle has none: it lacks a close before it), then smoothed
  likewise. From the 15th candle on.
- mean volume of 20 candles, from the 20th on.

A value may look back on adjacent candles only. After a gap the series starts anew, with undefined values (NaN) until
the warm-up is over: a mean or a true range across candles that are not there would be an invention.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from functools import cache
from threading import Lock
from types import ModuleType

import numpy as np

from botbox_cli.analysis.columns import Column, cut, runs
from botbox_cli.domain.candle import Interval
from botbox_cli.ports import CandleBatch, Indicators

BB_CANDLES = 20
BB_SIGMAS = 2.0
RSI_CANDLES = 14
ATR_CANDLES = 14
VOLUME_CANDLES = 20

WARM_UP = 600
"""Candles before a candle that can still be felt in its indicators.

Wilder's smoothing never forgets, but after 600 candles the past weighs (13/14)^600 = 5e-20: computed on these, the
values equal those of the whole series to the last digits of a float.
"""

_HIDDEN = ("pandas", "polars")
_import_lock = Lock()


def indicators_of(candles: CandleBatch, interval: Interval) -> Indicators:
    """Return the indicators of each candle, NaN where not defined; candles oldest first, with or without gaps."""
    stretches = runs(candles.open_ms, interval)
    if len(stretches) == 1:
        return _of_run(candles)
    columns = [np.full(len(candles.open_ms), np.nan) for _ in fields(Indicators)]
    for stretch in stretches:
        if stretch.stop - stretch.start <= min(ATR_CANDLES, RSI_CANDLES):
            continue
        run = _of_run(cut(candles, stretch))
        for column, field in zip(columns, fields(Indicators), strict=True):
            column[stretch] = getattr(run, field.name)
    return Indicators(*columns)


def _of_run(candles: CandleBatch) -> Indicators:
    talib = _talib()
    high, low, close = (
        np.ascontiguousarray(c, np.float64) for c in (candles.high, candles.low, candles.close)
    )
    upper, middle, lower = talib.BBANDS(close, BB_CANDLES, BB_SIGMAS, BB_SIGMAS, 0)
    return Indicators(
        bb_upper=upper,
        bb_middle=middle,
        bb_lower=lower,
        rsi=talib.RSI(close, RSI_CANDLES),
        atr=talib.ATR(high, low, close, ATR_CANDLES),
        volume_ma=_mean(candles.volume, VOLUME_CANDLES),
    )


def _mean(values: Column, count: int) -> Column:
    """Return the mean of each `count` values.

    Not TA-Lib's SMA: that keeps a running sum, in which the rounding of a volume spike outlives the spike, so that a
    market at rest could show a mean volume below zero, and a value would depend on where the series began.
    """
    means = np.full(len(values), np.nan)
    if len(values) >= count:
        total = np.zeros(len(values) - count + 1)
        for offset in range(count):
            total += values[offset : len(values) - count + 1 + offset]
        means[count - 1 :] = total / count
    return means


@cache
def _talib() -> ModuleType:
    """Import TA-Lib without pandas and polars.

    On import it loads both if they are installed, half a second and 100 MB, only to accept their columns too. An entry
    of None in `sys.modules` makes their import fail as if they were absent; afterwards they are as before.
    """
    with _import_lock:
        before = {name: sys.modules.get(name) for name in _HIDDEN}
        sys.modules.update(dict.fromkeys(_HIDDEN))  # type: ignore[arg-type]  # None blocks an import
        try:
            import talib
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module
    return talib
