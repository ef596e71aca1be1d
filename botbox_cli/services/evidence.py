"""What a rule sees of one stored series, for a whole period: candles, indicators, and the regime as it was known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from botbox_cli.analysis.columns import Times, missing
from botbox_cli.analysis.regime import atr_ratio, ratio_known_at
from botbox_cli.analysis.rules.rule import Evidence
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import INTERVALS, Interval
from botbox_cli.domain.regime import REGIME_ATRS, REGIME_TIMEFRAME
from botbox_cli.ports import CandleBatch, CandleReader

REGIME = INTERVALS[REGIME_TIMEFRAME]


def load_evidence(
    candle_store: CandleReader, venue: Venue, symbol: str, interval: Interval, start_ms: int, end_ms: int
) -> Evidence:
    """Return the candles that opened from `start_ms` to `end_ms`, with what was known when each of them closed."""
    candles, indicators = candle_store.between(venue, symbol, interval, start_ms, end_ms)
    first_ms = start_ms - (REGIME_ATRS + 2) * REGIME.length_ms
    fours, their = candle_store.between(venue, symbol, REGIME, first_ms, end_ms)
    closed_ms = candles.open_ms + interval.length_ms
    ratio = ratio_known_at(closed_ms, atr_ratio(their.atr), fours.open_ms, REGIME)
    return Evidence(candles, indicators, ratio)


def finer_candles(
    candle_store: CandleReader, venue: Venue, symbol: str, interval: Interval, doubtful_ms: Times
) -> list[tuple[CandleBatch, Interval]]:
    """Return the stored candles inside those that opened at `doubtful_ms`, of every shorter interval there is."""
    if not len(doubtful_ms):
        return []
    stored = {s.timeframe for s in candle_store.series(venue) if s.symbol == symbol}
    found = []
    for code, finer in INTERVALS.items():
        if (
            code not in stored
            or finer.length_ms >= interval.length_ms
            or interval.length_ms % finer.length_ms
        ):
            continue
        parts = [
            candle_store.between(venue, symbol, finer, at, at + interval.length_ms - 1)[0]
            for at in doubtful_ms.tolist()
        ]
        columns = (np.concatenate([getattr(p, n) for p in parts]) for n in CandleBatch.__slots__)
        batch = CandleBatch(*columns)
        if len(batch.open_ms):
            found.append((batch, finer))
    return found


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is stored of one symbol in a period: candles, those that lack inside, those without a regime or indicators.

    `gaps` are the stretches that lack, as (first, last) opening times in ms.
    """

    symbol: str
    candles: int
    missing: int
    gaps: tuple[tuple[int, int], ...]
    blind: int
    first_ms: int | None
    last_ms: int | None


def coverage(symbol: str, evidence: Evidence, interval: Interval) -> Coverage:
    """Return what there is of a series."""
    open_ms = evidence.candles.open_ms
    lack = missing(open_ms, interval)
    blind = np.isnan(evidence.indicators.bb_middle) | np.isnan(evidence.indicators.atr)
    blind |= np.isnan(evidence.regime_ratio)
    if not len(open_ms):
        return Coverage(symbol, 0, 0, (), 0, None, None)
    edges = np.flatnonzero(np.diff(lack) != interval.length_ms) + 1 if len(lack) else np.empty(0, np.int64)
    stretches = tuple((int(s[0]), int(s[-1])) for s in np.split(lack, edges) if len(s))
    return Coverage(
        symbol,
        len(open_ms),
        len(lack),
        stretches,
        int(blind.sum()),
        int(open_ms[0]),
        int(open_ms[-1]),
    )
