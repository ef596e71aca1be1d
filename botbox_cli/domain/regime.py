"""The regime of a market: how wide it moves now against how wide it has moved lately."""

from __future__ import annotations

import math
from enum import StrEnum

from botbox_cli.domain.record import record

REGIME_TIMEFRAME = "240"
REGIME_ATRS = 50
"""ATR values behind one reading, the newest included; with ATR(14) they need 64 candles."""
RANGING_BELOW = 0.7
TRENDING_ABOVE = 1.3
BETWEEN_CONFIDENCE = 0.5


class Regime(StrEnum):
    """What kind of market it is."""

    RANGING = "RANGING"
    TRENDING = "TRENDING"
    UNKNOWN = "UNKNOWN"
    """Too few candles, or a market that has not moved at all."""


@record
class RegimeReading:
    """A regime with its confidence (0 to 1) and the ratio behind it (None when unknown)."""

    regime: Regime
    confidence: float
    ratio: float | None


def read_regime(ratio: float) -> RegimeReading:
    """Return the reading of newest ATR ÷ mean of the newest `REGIME_ATRS` ATRs; NaN reads as unknown.

    Between the two thresholds the market counts as ranging, with less confidence.
    """
    if math.isnan(ratio):
        return RegimeReading(Regime.UNKNOWN, 0.0, None)
    if ratio > TRENDING_ABOVE:
        return RegimeReading(Regime.TRENDING, 1.0, ratio)
    return RegimeReading(Regime.RANGING, 1.0 if ratio < RANGING_BELOW else BETWEEN_CONFIDENCE, ratio)
