"""Walking positions along the path, all of them at once, from entry to exit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column, Times
from botbox_cli.analysis.replay.path import Path, Seen
from botbox_cli.analysis.replay.trades import Exit

_FIRST_WIDTH = 16
_WIDTH_MAX = 512
_CELLS = 1 << 20
"""Pieces looked at in one step, which bounds the memory."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Legs:
    """How positions ended: columns of one length. Prices as traded on the path, before spread and slippage.

    `piece` is the last one held; `at_open` tells that its open was the exit. `tp1_piece` is -1 and `tp1_price` NaN
    where nothing was sold at TP1. `doubtful` marks ends (or TP1s) in a piece that reached both ways out, so that
    finer candles could tell more. `worst` and `best` are the extremes seen by the holder, `worst` ≤ `best` after
    the sign.
    """

    piece: Times
    price: Column
    at_open: Mask
    reason: NDArray[np.int8]
    tp1_piece: Times
    tp1_price: Column
    tp1_at_open: Mask
    doubtful: Mask
    doubtful_piece: Times
    worst: Column
    best: Column


@dataclass(frozen=True, slots=True)
class _Touch:
    """The first event of positions between two levels, prices as the holder sees them."""

    piece: Times
    price: Column
    is_hit: Mask
    is_target: Mask
    at_open: Mask
    both: Mask


def follow(
    path: Path,
    sign: int,
    entry_row: Times,
    entry: Column,
    stop: Column,
    take_profit_1: Column,
    take_profit_2: Column,
    *,
    has_part: bool,
) -> Legs:
    """Follow positions that were entered at the open of candles `entry_row`, at prices between stop and target.

    With `has_part`, TP1 closes a part where there is a TP2; the rest runs on to TP2 with the stop at `entry`.
    """
    seen = path.seen(sign)
    start = path.first[entry_row]
    end = path.first[path.run_end[entry_row]]
    first = _touch(seen, start, end, stop * sign, take_profit_1 * sign)
    tp1_piece = np.full(len(start), -1, np.int64)
    tp1_price = np.full(len(start), np.nan)
    tp1_at_open = np.zeros(len(start), bool)
    last = first
    reason = _reasons(first, path, end)
    doubtful, doubtful_piece = first.both.copy(), first.piece.copy()
    part = first.is_target & ~np.isnan(take_profit_2) if has_part else np.zeros(len(start), bool)
    if part.any():
        rows = np.flatnonzero(part)
        tp1_piece[rows], tp1_price[rows] = first.piece[rows], first.price[rows]
        tp1_at_open[rows] = first.at_open[rows]
        even = np.maximum(stop[rows] * sign, entry[rows] * sign)
        rest = _rest(seen, _taken(first, rows), end[rows], even, take_profit_2[rows] * sign)
        last = _put(first, rows, rest)
        ended = rest.is_hit & ~rest.is_target
        reason[rows] = np.where(ended, np.int8(Exit.BREAK_EVEN), _reasons(rest, path, end[rows]))
        doubtful_piece[rows] = np.where(first.both[rows], first.piece[rows], rest.piece)
        doubtful[rows] |= rest.both
    worst, best = _extremes(seen, start, last, tp1_price)
    return Legs(
        last.piece,
        last.price * sign,
        last.at_open,
        reason,
        tp1_piece,
        tp1_price * sign,
        tp1_at_open,
        doubtful,
        doubtful_piece,
        worst * sign,
        best * sign,
    )


def _reasons(touch: _Touch, path: Path, end: Times) -> NDArray[np.int8]:
    unfinished = np.where(end == len(path.open_ms), Exit.END, Exit.GAP)
    known = np.where(touch.is_target, Exit.TARGET, Exit.STOP)
    return np.where(touch.is_hit, known, unfinished).astype(np.int8)


def _taken(touch: _Touch, rows: Times) -> _Touch:
    return _Touch(
        touch.piece[rows],
        touch.price[rows],
        touch.is_hit[rows],
        touch.is_target[rows],
        touch.at_open[rows],
        touch.both[rows],
    )


def _put(touch: _Touch, rows: Times, other: _Touch) -> _Touch:
    """Return `touch` with `other` in the place of `rows`."""
    columns = []
    for name in _Touch.__slots__:
        column = getattr(touch, name).copy()
        column[rows] = getattr(other, name)
        columns.append(column)
    return _Touch(*columns)


def _touch(seen: Seen, start: Times, end: Times, stop: Column, target: Column) -> _Touch:
    """Return what positions met first from piece `start` up to `end`; those that met nothing end at the last close."""
    found = _first_touch(seen, start, end, stop, target)
    is_hit = found < end
    piece = np.where(is_hit, found, end - 1)
    opened, worst, best = seen.open[piece], seen.worst[piece], seen.best[piece]
    gap_stop, gap_target = opened <= stop, opened >= target
    at_open = is_hit & (gap_stop | gap_target)
    is_stop = gap_stop | (~gap_target & (worst <= stop))
    both = is_hit & ~at_open & (worst <= stop) & (best >= target)
    price = np.where(at_open, opened, np.where(is_stop, stop, target))
    price = np.where(is_hit, price, seen.close[piece])
    return _Touch(piece, price, is_hit, is_hit & ~is_stop, at_open, both)


def _rest(seen: Seen, first: _Touch, end: Times, even: Column, target: Column) -> _Touch:
    """Return how what was kept at TP1 ended: perhaps in the same piece still, else further on.

    A TP1 at the open has all of the piece before it; one within has what follows on the way to the best price, and
    the way from there to the close.
    """
    piece = first.piece
    worst, best, close = seen.worst[piece], seen.best[piece], seen.close[piece]
    at_once = (first.price <= even) | (first.price >= target)
    falls = np.where(first.at_open, worst <= even, (best < target) & (close <= even))
    rises = ~falls & (best >= target)
    here = at_once | falls | rises
    on = _touch(seen, np.minimum(piece + 1, end), end, even, target)
    price = np.where(at_once, first.price, np.where(falls, even, target))
    is_target = np.where(at_once, first.price >= target, rises)
    doubt = ~at_once & (falls | rises | (worst <= even))
    return _Touch(
        np.where(here, piece, on.piece),
        np.where(here, price, on.price),
        here | on.is_hit,
        np.where(here, is_target, on.is_target),
        np.where(here, at_once & first.at_open, on.at_open),
        np.where(here, doubt, doubt | on.both),
    )


def _first_touch(seen: Seen, start: Times, end: Times, stop: Column, target: Column) -> Times:
    """Return the first piece at which each position reaches a level, `end` where there is none.

    All positions look at once at as many pieces as fit; those that found nothing go on, with a longer look.
    """
    found = end.copy()
    pending = np.flatnonzero(start < end)
    at = start
    width = _FIRST_WIDTH
    worst, best = seen.worst, seen.best
    while pending.size:
        going = []
        for chunk in _chunks(pending, width):
            rows = at[chunk][:, None] + np.arange(width)
            np.minimum(rows, end[chunk][:, None] - 1, out=rows)
            hit = worst[rows] <= stop[chunk][:, None]
            hit |= best[rows] >= target[chunk][:, None]
            offset = hit.argmax(axis=1)
            is_hit = hit[np.arange(len(chunk)), offset]
            found[chunk[is_hit]] = rows[is_hit, offset[is_hit]]
            going.append(chunk[~is_hit])
        at = at + width
        pending = np.concatenate(going)
        pending = pending[at[pending] < end[pending]]
        width = min(2 * width, _WIDTH_MAX)
    return found


def _chunks(rows: Times, width: int) -> list[Times]:
    size = max(1, _CELLS // width)
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def _extremes(seen: Seen, start: Times, last: _Touch, tp1_price: Column) -> tuple[Column, Column]:
    """Return the worst and the best price while held. In the last piece, only what came before the exit counts."""
    worst = _over(np.minimum, seen.worst, start, last.piece, np.inf)
    best = _over(np.maximum, seen.best, start, last.piece, -np.inf)
    opened = seen.open[last.piece]
    unfinished = ~last.is_hit
    had_worst = unfinished | (last.is_target & ~last.at_open)
    worst = np.minimum(worst, np.minimum(opened, np.where(had_worst, seen.worst[last.piece], last.price)))
    best = np.maximum(best, np.maximum(opened, np.where(unfinished, seen.best[last.piece], last.price)))
    return worst, np.fmax(best, tp1_price)


def _over(extreme: np.ufunc, column: Column, start: Times, end: Times, nothing: float) -> Column:
    """Return the extreme of `column` over each range from `start` up to `end`, `nothing` over an empty one."""
    if not len(start):
        return np.empty(0)
    edges = np.stack([start, end], axis=1).ravel()
    values: Column = extreme.reduceat(column, edges)[::2]
    return np.where(start < end, values, nothing)
