"""What a setup was seen in: its candles and those of the regime, by their hash, so that a later change shows."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import numpy as np

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import INTERVALS, Interval, from_ms, to_ms
from botbox_cli.domain.regime import REGIME_ATRS, REGIME_TIMEFRAME
from botbox_cli.domain.setup import Setup
from botbox_cli.ports import CandleBatch, CandleStore, Indicators

REGIME = INTERVALS[REGIME_TIMEFRAME]
CANDLES = 100
"""Before the setup's own, which it is one of: more than any indicator of the rules looks at but by its echo."""
REGIME_CANDLES = REGIME_ATRS + 14


def fingerprint(candle_store: CandleStore, venue: Venue, setup: Setup) -> dict[str, Any] | None:
    """Return the candles that a setup rests on as JSON has it, each series with its hash; None for one by hand."""
    interval = INTERVALS.get(setup.timeframe)
    if interval is None or setup.candle_time is None:
        return None
    last_ms = to_ms(setup.candle_time)
    regime_ms = REGIME.newest_closed_ms(last_ms + interval.length_ms)
    return {
        "candles": _part(candle_store, venue, setup.symbol, interval, last_ms, CANDLES),
        "regime": _part(candle_store, venue, setup.symbol, REGIME, regime_ms, REGIME_CANDLES),
    }


def _part(
    candle_store: CandleStore, venue: Venue, symbol: str, interval: Interval, last_ms: int, count: int
) -> dict[str, Any]:
    first_ms = last_ms - (count - 1) * interval.length_ms
    candles, indicators = candle_store.between(venue, symbol, interval, first_ms, last_ms)
    times = candles.open_ms
    return {
        "timeframe": interval.code,
        "count": len(times),
        "first": from_ms(int(times[0])).isoformat() if len(times) else None,
        "last": from_ms(int(times[-1])).isoformat() if len(times) else None,
        "sha256": _hash(candles, indicators),
    }


def _hash(candles: CandleBatch, indicators: Indicators) -> str:
    """Return a hash over every column: times as little-endian int64, the rest as little-endian float64."""
    digest = hashlib.sha256(np.ascontiguousarray(candles.open_ms, "<i8").tobytes())
    for columns in (candles, indicators):
        for field in fields(columns):
            if field.name != "open_ms":
                # One NaN like another: databases do not keep its bits.
                column = np.where(
                    np.isnan(getattr(columns, field.name)), np.nan, getattr(columns, field.name)
                )
                digest.update(np.ascontiguousarray(column, "<f8").tobytes())
    return digest.hexdigest()
