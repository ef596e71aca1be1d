"""`bb-mean-reversion@1`: in a ranging market, price outside the Bollinger Bands is expected back at their middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column
from botbox_cli.analysis.rules.rule import Evidence, Finds
from botbox_cli.domain.regime import TRENDING_ABOVE
from botbox_cli.domain.setup import Direction

LOWER_BB_BOUNCE = "LOWER_BB_BOUNCE"
UPPER_BB_REJECTION = "UPPER_BB_REJECTION"


@dataclass(frozen=True, slots=True)
class BbMeanReversion:
    """Mean reversion: outside the Bollinger Bands of a ranging market, price is expected back at their middle.

    A candle must touch the band and close no further than `close_beyond` (a fraction of the band) outside of it, with
    RSI below `rsi_low` (or above `rsi_high`), a volume above `volume_factor` × its mean, and a market that is not
    trending. The stop lies `stop_atr` ATRs outside the band; targets are the middle and the other band.
    """

    close_beyond: float = 0.002
    rsi_low: float = 35.0
    rsi_high: float = 65.0
    volume_factor: float = 1.1
    stop_atr: float = 1.5

    id: ClassVar[str] = "bb-mean-reversion@1"
    lookback: ClassVar[int] = 0
    ranging_only: ClassVar[bool] = True

    def find(self, evidence: Evidence) -> tuple[Finds, ...]:
        """Return the bounces off the lower band and the rejections at the upper one."""
        candles, seen = evidence.candles, evidence.indicators
        # Comparisons with NaN are false: where an indicator or the regime is not known, nothing is found.
        both = (candles.volume > self.volume_factor * seen.volume_ma) & (
            evidence.regime_ratio <= TRENDING_ABOVE
        )
        bounce = (
            both
            & (candles.low <= seen.bb_lower)
            & (candles.close > seen.bb_lower * (1 - self.close_beyond))
            & (seen.rsi < self.rsi_low)
        )
        rejection = (
            both
            & (candles.high >= seen.bb_upper)
            & (candles.close < seen.bb_upper * (1 + self.close_beyond))
            & (seen.rsi > self.rsi_high)
        )
        room = self.stop_atr * seen.atr
        return (
            _finds(LOWER_BB_BOUNCE, Direction.LONG, bounce, evidence, seen.bb_lower - room),
            _finds(UPPER_BB_REJECTION, Direction.SHORT, rejection, evidence, seen.bb_upper + room),
        )

    def figures(self, evidence: Evidence, row: int) -> str:
        """Return the candle's figures beside what the rule asks for."""
        candles, seen = evidence.candles, evidence.indicators
        if np.isnan(seen.bb_lower[row]) or np.isnan(seen.rsi[row]) or np.isnan(seen.volume_ma[row]):
            return "too few candles without a gap for the indicators"
        return (
            f"low {candles.low[row]:.8g}, high {candles.high[row]:.8g}, close {candles.close[row]:.8g}, "
            f"bands {seen.bb_lower[row]:.8g} to {seen.bb_upper[row]:.8g}; "
            f"RSI {seen.rsi[row]:.1f} (below {self.rsi_low:g} or above {self.rsi_high:g}); "
            f"volume {_share(candles.volume[row], seen.volume_ma[row])} × its mean (above {self.volume_factor:g})"
        )


def _finds(
    kind: str, direction: Direction, where: NDArray[np.bool_], evidence: Evidence, stop: Column
) -> Finds:
    candles, seen = evidence.candles, evidence.indicators
    rows = np.flatnonzero(where)
    if direction is Direction.LONG:
        touch, rsi, reached, far = "PRICE_AT_LOWER_BB", "RSI_OVERSOLD", candles.low, seen.bb_upper
    else:
        touch, rsi, reached, far = "PRICE_AT_UPPER_BB", "RSI_OVERBOUGHT", candles.high, seen.bb_lower
    return Finds(
        kind=kind,
        direction=direction,
        rows=rows,
        entry=candles.close[rows],
        stop=stop[rows],
        take_profit_1=seen.bb_middle[rows],
        take_profit_2=far[rows],
        signals=(
            (touch, reached[rows]),
            (rsi, seen.rsi[rows]),
            ("VOLUME_CONFIRMATION", candles.volume[rows] / seen.volume_ma[rows]),
            ("RANGING_MARKET", evidence.regime_ratio[rows]),
        ),
    )


def _share(volume: float, mean: float) -> str:
    return f"{volume / mean:.2f}" if mean > 0 else "0"
