"""`trend-pullback@1`: in a market that rises steadily, a dip to its moving average is expected to be bought.

Source: the "Holy Grail" of Linda Bradford Raschke and Laurence Connors, "Street Smarts" (1995): in a strong trend
(there: ADX(14) above 30) wait for the first retracement to the 20-period average, enter as price turns, put the stop
at the swing low just made, aim at the last swing high. Here the average is the simple one that is stored (the middle
Bollinger Band), the trend is measured by how many ATRs that has moved, and price has turned when the candle
that touched the average closes beyond it in the trend's direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column
from botbox_cli.analysis.rules.rule import Evidence, Finds
from botbox_cli.domain.setup import Direction

UPTREND_PULLBACK = "UPTREND_PULLBACK"
DOWNTREND_RALLY = "DOWNTREND_RALLY"
TREND_CANDLES = 20
"""Over which the trend is measured, and among which the swing high lies."""


@dataclass(frozen=True, slots=True)
class TrendPullback:
    """Trend pull-back: in a steady rise, a dip to the moving average is bought (in a fall, a rally is sold).

    In `TREND_CANDLES` candles the average must have moved `trend_atr` ATRs. A candle must reach it, close beyond it by
    itself higher than it opened (a long), with RSI on the trend's side of 50 by at least `rsi_lead`. The stop lies
    `stop_atr` ATRs below the lower of the last two lows; the only target is the highest high of those candles, which
    must be `reward_r` times as far away as the stop.
    """

    trend_atr: float = 2.0
    rsi_lead: float = 0.0
    stop_atr: float = 0.5
    reward_r: float = 1.0

    id: ClassVar[str] = "trend-pullback@1"
    lookback: ClassVar[int] = TREND_CANDLES
    ranging_only: ClassVar[bool] = False

    def find(self, evidence: Evidence) -> tuple[Finds, ...]:
        """Return the dips in rising markets and the rallies in falling ones."""
        return self._of(evidence, Direction.LONG), self._of(evidence, Direction.SHORT)

    def figures(self, evidence: Evidence, row: int) -> str:
        """Return the candle's figures beside what the rule asks for."""
        trend = _trend(evidence)[row]
        if np.isnan(trend):
            return "too few candles without a gap for the trend"
        candles, seen = evidence.candles, evidence.indicators
        return (
            f"average {seen.bb_middle[row]:.8g}, moved {trend:+.2f} ATR in {TREND_CANDLES} candles (at least "
            f"{self.trend_atr:g}); low {candles.low[row]:.8g}, high {candles.high[row]:.8g}, "
            f"open {candles.open[row]:.8g}, close {candles.close[row]:.8g}; RSI {seen.rsi[row]:.1f}"
        )

    def _of(self, evidence: Evidence, direction: Direction) -> Finds:
        # A short is the same upside down: prices are negated, so that up is good and `low` the far end of the dip.
        sign, candles, seen = direction.sign, evidence.candles, evidence.indicators
        low, high = (candles.low, candles.high) if sign > 0 else (-candles.high, -candles.low)
        middle, close, opened = seen.bb_middle * sign, candles.close * sign, candles.open * sign
        trend = _trend(evidence) * sign
        stop = np.minimum(low, _before(low)) - self.stop_atr * seen.atr
        swing = _highest(high)
        where = (
            (trend >= self.trend_atr)
            & (low <= middle)
            & (close > middle)
            & (close > opened)
            & ((seen.rsi - 50) * sign >= self.rsi_lead)
            & (swing - close >= self.reward_r * (close - stop))
        )
        kind = UPTREND_PULLBACK if sign > 0 else DOWNTREND_RALLY
        return _finds(kind, direction, where, evidence, stop * sign, swing * sign, trend * sign)


def _finds(
    kind: str,
    direction: Direction,
    where: NDArray[np.bool_],
    evidence: Evidence,
    stop: Column,
    target: Column,
    trend: Column,
) -> Finds:
    rows = np.flatnonzero(where)
    return Finds(
        kind=kind,
        direction=direction,
        rows=rows,
        entry=evidence.candles.close[rows],
        stop=stop[rows],
        take_profit_1=target[rows],
        take_profit_2=np.full(len(rows), np.nan),
        signals=(
            ("TREND", trend[rows]),
            ("PRICE_AT_AVERAGE", evidence.indicators.bb_middle[rows]),
            ("RSI", evidence.indicators.rsi[rows]),
            ("SWING", target[rows]),
        ),
    )


def _trend(evidence: Evidence) -> Column:
    """Return how many ATRs the average has moved in `TREND_CANDLES` candles, NaN where that many lack or a gap lies.

    After a gap the average is not defined at once, so a value missing in between gives the gap away.
    """
    middle, atr = evidence.indicators.bb_middle, evidence.indicators.atr
    trend = np.full(len(middle), np.nan)
    if len(middle) > TREND_CANDLES:
        whole = np.concatenate([[0], np.cumsum(np.isnan(middle))])
        known = whole[TREND_CANDLES + 1 :] == whole[: -TREND_CANDLES - 1]
        known &= atr[TREND_CANDLES:] > 0
        moved = middle[TREND_CANDLES:] - middle[:-TREND_CANDLES]
        np.divide(moved, atr[TREND_CANDLES:], out=trend[TREND_CANDLES:], where=known)
    return trend


def _before(column: Column) -> Column:
    return np.concatenate([[np.nan], column[:-1]])


def _highest(column: Column) -> Column:
    """Return the greatest of each candle and the `TREND_CANDLES` before it."""
    highest = np.full(len(column), np.nan)
    if len(column) > TREND_CANDLES:
        highest[TREND_CANDLES:] = sliding_window_view(column, TREND_CANDLES + 1).max(axis=1)
    return highest
