"""The way that the price took: candles, the finest there are, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column, Times, cut, join
from botbox_cli.domain.candle import Interval
from botbox_cli.ports import CandleBatch


@dataclass(frozen=True, slots=True)
class Path:
    """Pieces of price movement: each candle of a series, or in its place the finer candles that fill it whole.

    `first[row]` is the first piece of candle `row`, `first[-1]` the number of pieces. `run_end[row]` is the row after
    the last one that follows `row` without a gap. Within a piece, what is worse for the holder comes first: a long
    meets open, low, high, close in this order, a short open, high, low, close.
    """

    open_ms: Times
    end_ms: Times
    open: Column
    high: Column
    low: Column
    close: Column
    first: Times
    run_end: Times

    @classmethod
    def of(
        cls, candles: CandleBatch, interval: Interval, finer: Sequence[tuple[CandleBatch, Interval]] = ()
    ) -> Path:
        """Return the path along `candles`; `finer` may cover any part of it."""
        count = len(candles.open_ms)
        length = np.full(count, interval.length_ms, np.int64)
        first = np.arange(count + 1, dtype=np.int64)
        pieces = candles
        if finer and count:
            chosen, share = _finest(candles.open_ms, interval, finer)
            parts = [cut(candles, chosen < 0)]
            lengths = [length[chosen < 0]]
            for number, (batch, fine) in enumerate(finer):
                rows = _row_of(candles.open_ms, batch.open_ms, interval)
                inside = (rows >= 0) & (chosen[np.maximum(rows, 0)] == number)
                parts.append(cut(batch, inside))
                lengths.append(np.full(int(inside.sum()), fine.length_ms, np.int64))
            joined_ms = np.concatenate([p.open_ms for p in parts])
            length = np.concatenate(lengths)[np.argsort(joined_ms, kind="stable")]
            pieces = join(parts)
            first = np.concatenate([[0], np.cumsum(share)])
        return cls(
            pieces.open_ms,
            pieces.open_ms + length,
            pieces.open,
            pieces.high,
            pieces.low,
            pieces.close,
            first,
            _run_ends(candles.open_ms, interval),
        )

    def row_of(self, pieces: Times) -> Times:
        """Return the candles that these pieces belong to."""
        if len(self.first) == len(self.open_ms) + 1:
            return pieces
        return np.searchsorted(self.first, pieces, side="right") - 1

    def seen(self, sign: int) -> Seen:
        """Return the path as the holder sees it: prices of a short negated, so that up is good."""
        if sign > 0:
            return Seen(self.open, self.low, self.high, self.close)
        return Seen(-self.open, -self.high, -self.low, -self.close)


@dataclass(frozen=True, slots=True)
class Seen:
    """Pieces from the holder's side: `worst` comes before `best` within each."""

    open: Column
    worst: Column
    best: Column
    close: Column


def _run_ends(open_ms: Times, interval: Interval) -> Times:
    count = len(open_ms)
    if not count:
        return np.empty(0, np.int64)
    ends = np.append(np.flatnonzero(np.diff(open_ms) != interval.length_ms) + 1, count)
    return np.repeat(ends, np.diff(ends, prepend=0))


def _row_of(open_ms: Times, fine_ms: Times, interval: Interval) -> Times:
    """Return the row of the candle in which each finer one lies, -1 for none."""
    rows = np.searchsorted(open_ms, fine_ms, side="right") - 1
    inside = (rows >= 0) & (fine_ms - open_ms[np.maximum(rows, 0)] < interval.length_ms)
    return np.where(inside, rows, -1)


def _finest(
    open_ms: Times, interval: Interval, finer: Sequence[tuple[CandleBatch, Interval]]
) -> tuple[NDArray[np.int64], Times]:
    """Return for each candle the number of the finest series that fills it whole (-1: none), and its pieces."""
    chosen = np.full(len(open_ms), -1, np.int64)
    share = np.ones(len(open_ms), np.int64)
    coarse_to_fine = sorted(enumerate(finer), key=lambda item: -item[1][1].length_ms)
    for number, (batch, fine) in coarse_to_fine:
        assert fine.length_ms < interval.length_ms, "finer candles are shorter"
        whole = interval.length_ms // fine.length_ms
        rows = _row_of(open_ms, batch.open_ms, interval)
        filled = np.bincount(rows[rows >= 0], minlength=len(open_ms)) == whole
        chosen[filled], share[filled] = number, whole
    return chosen, share
