"""Candles in memory: `ports.CandleStore` without a database."""

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from botbox_cli.analysis.columns import NO_CANDLES, NO_INDICATORS, cut, cut_indicators
from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import INTERVALS, Interval
from botbox_cli.ports import CandleBatch, Indicators, Series

Key = tuple[Venue, str, str]
Columns = tuple[CandleBatch, Indicators]


class MemoryCandles:
    """Keeps the columns of each series; `before_upsert` may raise in the place of a write, `after_upsert` after it."""

    def __init__(self) -> None:
        self.columns: dict[Key, Columns] = {}
        self.upserts: list[int] = []
        self.changes: dict[Key, int] = {}
        self.remembered: dict[tuple[Venue, str, str, str], tuple[str, bytes]] = {}
        self.before_upsert: Callable[[], None] = lambda: None
        self.after_upsert: Callable[[], None] = lambda: None

    def put(self, venue: Venue, symbol: str, timeframe: str, candles: CandleBatch) -> None:
        """Store candles as a recording would have, for a test that begins with them."""
        self.columns[venue, symbol, timeframe] = candles, indicators_of(candles, INTERVALS[timeframe])

    def series(self, venue: Venue) -> list[Series]:
        return [
            Series(symbol, code, len(candles.open_ms), int(candles.open_ms[0]), int(candles.open_ms[-1]))
            for (of, symbol, code), (candles, _) in self.columns.items()
            if of is venue
        ]

    def open_times(self, venue: Venue, symbol: str, interval: Interval) -> np.ndarray:
        return self._all(venue, symbol, interval)[0].open_ms

    def upsert(
        self, venue: Venue, symbol: str, interval: Interval, candles: CandleBatch, indicators: Indicators
    ) -> int:
        assert len({len(getattr(candles, f.name)) for f in fields(CandleBatch)}) == 1
        assert {len(getattr(indicators, f.name)) for f in fields(Indicators)} == {len(candles.open_ms)}
        assert (np.diff(candles.open_ms) > 0).all()
        assert len(candles.open_ms)
        self.before_upsert()
        self.upserts.append(len(candles.open_ms))
        old, old_indicators = self._all(venue, symbol, interval)
        if len(old.open_ms) and candles.open_ms[0] <= old.open_ms[-1]:
            key = (venue, symbol, interval.code)
            self.changes[key] = self.changes.get(key, 0) + 1
        times, rows = np.unique(np.concatenate([candles.open_ms, old.open_ms]), return_index=True)
        self.columns[venue, symbol, interval.code] = (
            CandleBatch(*_merged(candles, old, rows)),
            Indicators(*_merged(indicators, old_indicators, rows)),
        )
        self.after_upsert()
        return len(times) - len(old.open_ms)

    def revisions(self, venue: Venue) -> dict[tuple[str, str], int]:
        return {(symbol, code): n for (of, symbol, code), n in self.changes.items() if of is venue}

    def replays(self, venue: Venue, interval: Interval, rule: str) -> dict[str, tuple[str, bytes]]:
        wanted = (venue, interval.code, rule)
        return {
            symbol: found
            for (of, symbol, code, name), found in self.remembered.items()
            if (of, code, name) == wanted
        }

    def remember_replay(
        self, venue: Venue, symbol: str, interval: Interval, rule: str, *, stamp: str, data: bytes
    ) -> None:
        self.remembered[venue, symbol, interval.code, rule] = stamp, data

    def prune(self, venue: Venue, symbol: str, interval: Interval, before_ms: int) -> int:
        key = (venue, symbol, interval.code)
        candles, indicators = self._all(venue, symbol, interval)
        gone = min(int(np.searchsorted(candles.open_ms, before_ms)), max(0, len(candles.open_ms) - 1))
        if gone:
            rows = slice(gone, None)
            self.columns[key] = cut(candles, rows), cut_indicators(indicators, rows)
            self.changes[key] = self.changes.get(key, 0) + 1
        return gone

    def tail(self, venue: Venue, symbol: str, interval: Interval, limit: int) -> Columns:
        candles, indicators = self._all(venue, symbol, interval)
        return cut(candles, slice(-limit, None)), cut_indicators(indicators, slice(-limit, None))

    def between(self, venue: Venue, symbol: str, interval: Interval, start_ms: int, end_ms: int) -> Columns:
        candles, indicators = self._all(venue, symbol, interval)
        first, after = np.searchsorted(candles.open_ms, [start_ms, end_ms + 1]).tolist()
        return cut(candles, slice(first, after)), cut_indicators(indicators, slice(first, after))

    def between_many(
        self, venue: Venue, symbols: Sequence[str], interval: Interval, start_ms: int, end_ms: int
    ) -> dict[str, Columns]:
        return {symbol: self.between(venue, symbol, interval, start_ms, end_ms) for symbol in symbols}

    def _all(self, venue: Venue, symbol: str, interval: Interval) -> Columns:
        return self.columns.get((venue, symbol, interval.code), (NO_CANDLES, NO_INDICATORS))


def _merged(
    new: CandleBatch | Indicators, old: CandleBatch | Indicators, rows: np.ndarray
) -> list[np.ndarray]:
    return [np.concatenate([getattr(new, f.name), getattr(old, f.name)])[rows] for f in fields(new)]
