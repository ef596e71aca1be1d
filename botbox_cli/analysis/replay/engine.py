"""From the finds of a rule to trades: entry, refusals, exits and what came of it in R."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column, Times
from botbox_cli.analysis.replay.path import Path
from botbox_cli.analysis.replay.terms import ReplayTerms
from botbox_cli.analysis.replay.ticks import Ticks
from botbox_cli.analysis.replay.trades import Trades
from botbox_cli.analysis.replay.walk import Legs, follow
from botbox_cli.analysis.rules.rule import Evidence, Finds
from botbox_cli.domain.candle import Interval
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.setup import MAX_ENTRY_DISTANCE_ATR, SETUP_LIFE
from botbox_cli.ports import CandleBatch

HOUR_MS = 3_600_000


class Refusal(StrEnum):
    """Why a setup was not entered."""

    LEVELS = "levels"
    """On the tick, its levels fall together or stand in the wrong order: the scan stores no such setup."""
    EXPIRED = "expired"
    GAP = "gap"
    """A candle between the setup and its entry is missing."""
    END = "end"
    """The candles end before the entry."""
    INVALIDATED = "invalidated"
    """The price was more than 2 ATR from the setup's entry at an open before."""
    THROUGH_STOP = "through_stop"
    BEYOND_TARGET = "beyond_target"
    PRICE_MOVED = "price_moved"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of the setups of one symbol. Each is a trade or counted in `refused`.

    `doubtful_ms` are the opening times of candles that reached both ways out: if finer ones are stored, they decide.
    """

    setups: int
    refused: dict[str, int]
    trades: Trades
    doubtful_ms: Times


@dataclass(frozen=True, slots=True)
class _Levels:
    """Setups of one kind on the tick, and their candles."""

    rows: Times
    entry: Column
    stop: Column
    tp1: Column
    tp2: Column

    def take(self, kept: NDArray[np.bool_]) -> _Levels:
        return _Levels(self.rows[kept], self.entry[kept], self.stop[kept], self.tp1[kept], self.tp2[kept])


def replay(
    evidence: Evidence,
    finds: Sequence[Finds],
    interval: Interval,
    instrument: Instrument,
    terms: ReplayTerms,
    *,
    finer: Sequence[tuple[CandleBatch, Interval]] = (),
) -> Replayed:
    """Return what came of every find (one kind at least) of one symbol: each on its own, without sizes and limits.

    Prices are rounded to the tick against the holder. `finer` candles, where they fill a candle whole, decide what
    came first within it.
    """
    path = Path.of(evidence.candles, interval, finer)
    ticks = Ticks(instrument.tick_size)
    parts, doubtful = [], []
    refused: dict[str, int] = {}
    for found in finds:
        trades, doubts = _of_kind(found, evidence, path, interval, ticks, terms, refused)
        parts.append(trades)
        doubtful.append(doubts)
    trades = Trades.join(parts)
    return Replayed(
        sum(len(f.rows) for f in finds) - refused.get(Refusal.LEVELS, 0),
        refused,
        trades.take(np.argsort(trades.entry_ms, kind="stable")),
        np.unique(np.concatenate(doubtful)),
    )


def _of_kind(
    found: Finds,
    evidence: Evidence,
    path: Path,
    interval: Interval,
    ticks: Ticks,
    terms: ReplayTerms,
    refused: dict[str, int],
) -> tuple[Trades, Times]:
    sign = found.direction.sign
    candles = evidence.candles
    levels = _on_ticks(found, ticks)
    faults = _faults(levels, sign)
    why: list[tuple[Refusal, NDArray[np.bool_]]] = [(Refusal.LEVELS, faults)]
    levels = _kept(levels, why, refused)
    entry_row = levels.rows + terms.delay
    run_end = path.run_end[levels.rows]
    missing = entry_row >= run_end
    at_end = run_end == len(candles.open_ms)
    is_late = (terms.delay - 1) * interval.length_ms >= SETUP_LIFE.total_seconds() * 1000
    late = np.full(len(entry_row), is_late)
    why = [(Refusal.END, missing & at_end), (Refusal.GAP, missing & ~at_end), (Refusal.EXPIRED, late)]
    levels = _kept(levels, why, refused)
    entry_row = levels.rows + terms.delay
    opened = candles.open[entry_row]
    quote = _quote(opened, sign > 0, ticks, terms)
    risk = np.abs(levels.entry - levels.stop)
    through = ((quote - levels.stop) * sign <= 0) | ((opened - levels.stop) * sign <= 0)
    why = [
        (Refusal.INVALIDATED, _is_far(levels, evidence, terms.delay)),
        (Refusal.THROUGH_STOP, through),
        (Refusal.BEYOND_TARGET, (levels.tp1 - quote) * sign <= 0),
        (Refusal.PRICE_MOVED, (quote - levels.entry) * sign > terms.max_drift_r * risk),
    ]
    levels = _kept(levels, why, refused)
    entry_row = levels.rows + terms.delay
    entry = _fill(candles.open[entry_row], sign > 0, ticks, terms)
    legs = follow(
        path,
        sign,
        entry_row,
        entry,
        levels.stop,
        levels.tp1,
        levels.tp2,
        has_part=terms.tp1_fraction < 1,
    )
    doubts = candles.open_ms[path.row_of(legs.doubtful_piece[legs.doubtful])]
    return _trades(found, evidence, path, levels, entry_row, entry, legs, ticks, terms), doubts


def _on_ticks(found: Finds, ticks: Ticks) -> _Levels:
    """Return the levels as `Setup.rounded` has them: entry to the nearest tick, the others to the one nearer to it."""
    down, up = (ticks.floor, ticks.ceil) if found.direction.sign > 0 else (ticks.ceil, ticks.floor)
    return _Levels(
        found.rows,
        ticks.nearest(found.entry),
        up(found.stop),
        down(found.take_profit_1),
        down(found.take_profit_2),
    )


def _faults(levels: _Levels, sign: int) -> NDArray[np.bool_]:
    """Tell which setups `Setup.level_fault` would refuse."""
    lowest = np.fmin(np.minimum(levels.stop, levels.tp1), np.fmin(levels.entry, levels.tp2))
    wrong: NDArray[np.bool_] = (
        (lowest <= 0)
        | ((levels.entry - levels.stop) * sign <= 0)
        | ((levels.tp1 - levels.entry) * sign <= 0)
        | ((levels.tp2 - levels.tp1) * sign < 0)
    )
    return wrong


def _kept(
    levels: _Levels, why: Sequence[tuple[Refusal, NDArray[np.bool_]]], refused: dict[str, int]
) -> _Levels:
    """Count each setup under its first refusal; return those without one."""
    kept = np.ones(len(levels.rows), bool)
    for reason, where in why:
        count = int((where & kept).sum())
        if count:
            refused[reason] = refused.get(reason, 0) + count
        kept &= ~where
    return levels if kept.all() else levels.take(kept)


def _is_far(levels: _Levels, evidence: Evidence, delay: int) -> NDArray[np.bool_]:
    """Tell which setups a scan at an open before the entry would have invalidated."""
    far = np.zeros(len(levels.rows), bool)
    reach = float(MAX_ENTRY_DISTANCE_ATR) * evidence.indicators.atr[levels.rows]
    for later in range(2, delay + 1):
        distance = np.abs(evidence.candles.open[levels.rows + later] - levels.entry)
        far |= (distance > reach) & (reach > 0)
    return far


def _quote(last: Column, is_buy: bool, ticks: Ticks, terms: ReplayTerms) -> Column:
    """Return the best price against a market order when `last` is traded."""
    return ticks.nearest(last + terms.spread_ticks * ticks.size) if is_buy else last


def _fill(last: Column, is_buy: bool, ticks: Ticks, terms: ReplayTerms) -> Column:
    """Return what a market order gets when `last` is traded: beside the spread, worse by the slippage, on the tick."""
    quote = _quote(last, is_buy, ticks, terms)
    return ticks.ceil(quote * (1 + terms.slippage)) if is_buy else ticks.floor(quote * (1 - terms.slippage))


def _trades(
    found: Finds,
    evidence: Evidence,
    path: Path,
    levels: _Levels,
    entry_row: Times,
    entry: Column,
    legs: Legs,
    ticks: Ticks,
    terms: ReplayTerms,
) -> Trades:
    sign, count = found.direction.sign, len(entry_row)
    exit_price = _fill(legs.price, sign < 0, ticks, terms)
    tp1_price = _fill(legs.tp1_price, sign < 0, ticks, terms)
    has_part = legs.tp1_piece >= 0
    entry_ms = path.open_ms[path.first[entry_row]]
    exit_ms = np.where(legs.at_open, path.open_ms[legs.piece], path.end_ms[legs.piece])
    tp1_ms = np.where(legs.tp1_at_open, path.open_ms[legs.tp1_piece], path.end_ms[legs.tp1_piece])
    risk = np.abs(entry - levels.stop)
    mean_exit = np.where(
        has_part, terms.tp1_fraction * tp1_price + (1 - terms.tp1_fraction) * exit_price, exit_price
    )
    hours = (exit_ms - entry_ms) / HOUR_MS
    return Trades(
        kind=np.full(count, found.kind),
        sign=np.full(count, sign, np.int8),
        signal_row=levels.rows,
        entry_row=entry_row,
        exit_row=path.row_of(legs.piece),
        signal_ms=evidence.candles.open_ms[levels.rows],
        entry_ms=entry_ms,
        exit_ms=exit_ms,
        quote=_quote(evidence.candles.open[entry_row], sign > 0, ticks, terms),
        entry_price=entry,
        stop=levels.stop,
        take_profit_1=levels.tp1,
        take_profit_2=levels.tp2,
        tp1_ms=np.where(has_part, tp1_ms, 0),
        tp1_price=np.where(has_part, tp1_price, np.nan),
        exit_price=exit_price,
        reason=legs.reason,
        r=_net(sign, entry, mean_exit, hours, terms) / risk,
        mae_r=np.minimum(0, (legs.worst - entry) * sign / risk),
        mfe_r=np.maximum(0, (legs.best - entry) * sign / risk),
        regime_ratio=evidence.regime_ratio[levels.rows],
        atr=evidence.indicators.atr[levels.rows],
    )


def _net(sign: int, entry: Column, exit_: Column, hours: Column, terms: ReplayTerms) -> Column:
    """Return what one unit earns after fees. Bybit takes the fee in what is received: a long sells that much less."""
    fee = terms.fee_rate
    if sign > 0:
        sold = 1 - fee
        long: Column = sold * (exit_ - entry) - fee * entry - fee * sold * exit_
        return long
    interest = np.ceil(hours) * terms.hourly_interest
    short: Column = entry - exit_ - fee * (entry + exit_) - interest * exit_
    return short
