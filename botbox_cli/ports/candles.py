"""Candles of a venue as columns. Stores raise StorageError."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import Interval

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class CandleBatch:
    """Candles as columns, oldest first, all of one length: `open_ms` int64, the rest float64."""

    open_ms: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    turnover: np.ndarray


@dataclass(frozen=True, slots=True)
class Indicators:
    """Indicator columns beside the candles of one series (float64, NaN where not defined yet)."""

    bb_upper: np.ndarray
    bb_middle: np.ndarray
    bb_lower: np.ndarray
    rsi: np.ndarray
    atr: np.ndarray
    volume_ma: np.ndarray


@dataclass(frozen=True, slots=True)
class Series:
    """Stored extent of one series: candles present, first and newest opening time (ms)."""

    symbol: str
    timeframe: str
    count: int
    first_ms: int
    last_ms: int


class CandleReader(Protocol):
    """Candles of a venue, to be read."""

    def series(self, venue: Venue) -> list[Series]:
        """Return every stored series, in one query."""
        ...

    def between(
        self, venue: Venue, symbol: str, interval: Interval, start_ms: int, end_ms: int
    ) -> tuple[CandleBatch, Indicators]:
        """Return the stored candles with start_ms <= open time <= end_ms, oldest first."""
        ...


class CandleStore(CandleReader, Protocol):
    """Candles of a venue: columns in, columns out."""

    def open_times(self, venue: Venue, symbol: str, interval: Interval) -> np.ndarray:
        """Return all stored opening times (int64 ms), oldest first."""
        ...

    def upsert(
        self,
        venue: Venue,
        symbol: str,
        interval: Interval,
        candles: CandleBatch,
        indicators: Indicators,
    ) -> int:
        """Store candles with their indicators in one statement; return how many of them were new."""
        ...

    def prune(self, venue: Venue, symbol: str, interval: Interval, before_ms: int) -> int:
        """Delete the candles of a series that opened before `before_ms`, which counts as a change of it; how many."""
        ...

    def tail(
        self, venue: Venue, symbol: str, interval: Interval, limit: int
    ) -> tuple[CandleBatch, Indicators]:
        """Return the newest `limit` stored candles, oldest first."""
        ...

    def between_many(
        self, venue: Venue, symbols: Sequence[str], interval: Interval, start_ms: int, end_ms: int
    ) -> dict[str, tuple[CandleBatch, Indicators]]:
        """Return what `between` returns, for many symbols at one moment; one without any may be absent."""
        ...

    def revisions(self, venue: Venue) -> dict[tuple[str, str], int]:
        """Return how often stored candles of each (symbol, timeframe) were changed; absent: never.

        Putting candles among or before others is a change, putting them behind the newest is none.
        """
        ...

    def replays(self, venue: Venue, interval: Interval, rule: str) -> dict[str, tuple[str, bytes]]:
        """Return what was remembered of a rule's replays by symbol: its stamp and the data."""
        ...

    def remember_replay(
        self, venue: Venue, symbol: str, interval: Interval, rule: str, *, stamp: str, data: bytes
    ) -> None:
        """Remember what a replay of a stored series came to, in the place of what was remembered.

        The stamp says what it was made from, the revisions of the candles among it, read before the candles were.
        """
        ...
