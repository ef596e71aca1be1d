"""Cutting and joining candle columns, and the grid of opening times that they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from botbox_cli.domain.candle import Interval
from botbox_cli.ports import CandleBatch, Indicators

Times = NDArray[np.int64]
Column = NDArray[np.float64]

NO_CANDLES = CandleBatch(np.empty(0, np.int64), *(np.empty(0) for _ in fields(CandleBatch)[1:]))

NO_INDICATORS = Indicators(*(np.empty(0) for _ in fields(Indicators)))


def cut(candles: CandleBatch, rows: slice | NDArray[np.bool_] | Times) -> CandleBatch:
    """Return the candles at `rows`."""
    return CandleBatch(*(getattr(candles, f.name)[rows] for f in fields(CandleBatch)))


def cut_indicators(indicators: Indicators, rows: slice) -> Indicators:
    """Return the indicators at `rows`."""
    return Indicators(*(getattr(indicators, f.name)[rows] for f in fields(Indicators)))


def join(batches: Sequence[CandleBatch]) -> CandleBatch:
    """Return all candles in order of opening time; of several with the same one, that of the first batch."""
    if not batches:
        return NO_CANDLES
    joined = CandleBatch(
        *(np.concatenate([getattr(b, f.name) for b in batches]) for f in fields(CandleBatch))
    )
    if np.all(joined.open_ms[1:] > joined.open_ms[:-1]):
        return joined
    _, first_seen = np.unique(joined.open_ms, return_index=True)
    return cut(joined, first_seen)


def runs(open_ms: Times, interval: Interval) -> list[slice]:
    """Return the stretches of candles without a gap, oldest first."""
    if not len(open_ms):
        return []
    breaks = np.flatnonzero(np.diff(open_ms) != interval.length_ms) + 1
    edges = [0, *breaks.tolist(), len(open_ms)]
    return [slice(start, end) for start, end in pairwise(edges)]


def grid(start_ms: int, end_ms: int, interval: Interval) -> Times:
    """Return every opening time from `start_ms` to `end_ms`, both included where they are on the grid."""
    first = interval.floor_ms(start_ms - 1) + interval.length_ms
    return np.arange(first, end_ms + 1, interval.length_ms, dtype=np.int64)


def missing(open_ms: Times, interval: Interval) -> Times:
    """Return the opening times that lack between the first and the last of `open_ms` (ascending)."""
    if len(open_ms) < 2:
        return np.empty(0, np.int64)
    whole = grid(int(open_ms[0]), int(open_ms[-1]), interval)
    return whole[~np.isin(whole, open_ms, assume_unique=True)]


def windows(open_ms: Times, interval: Interval, page: int) -> list[tuple[int, int]]:
    """Return the fewest ranges (first, last opening time) of at most `page` candles that cover `open_ms`."""
    found = []
    at = 0
    while at < len(open_ms):
        start = int(open_ms[at])
        after = int(np.searchsorted(open_ms, start + page * interval.length_ms))
        found.append((start, int(open_ms[after - 1])))
        at = after
    return found


def exact(value: float) -> Decimal:
    """Return the shortest decimal that spells a float64: the one door from columns to prices."""
    return Decimal(repr(float(value)))
