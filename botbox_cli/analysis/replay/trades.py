"""The trades of a replay, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column, Times


class Exit(IntEnum):
    """How a trade ended."""

    STOP = 0
    TARGET = 1
    BREAK_EVEN = 2
    """TP1 was taken, the rest left at the entry price."""
    GAP = 3
    """Still open where candles are missing: nobody knows how it went on. Valued at the last close before."""
    END = 4
    """Still open at the end of the candles. Valued at the last close."""


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades as columns of one length, by time of entry. Prices in quote coin; R net of fees and slippage.

    `signal_row`, `entry_row`, `exit_row` are rows of the candles. `exit_ms` is the exit's moment as far as it is
    known: the open of a candle that opened beyond the level, else the end of the candle in which it was reached.
    `quote` is the price that a plan of the entry saw. `exit_price` is that of the last part; `tp1_ms` and
    `tp1_price` are 0 and NaN unless a part was sold at TP1. `mae_r` (≤ 0) and `mfe_r` (≥ 0) are the farthest that
    the price went against and for the holder, in R.
    """

    kind: NDArray[np.str_]
    sign: NDArray[np.int8]
    signal_row: Times
    entry_row: Times
    exit_row: Times
    signal_ms: Times
    entry_ms: Times
    exit_ms: Times
    quote: Column
    entry_price: Column
    stop: Column
    take_profit_1: Column
    take_profit_2: Column
    tp1_ms: Times
    tp1_price: Column
    exit_price: Column
    reason: NDArray[np.int8]
    r: Column
    mae_r: Column
    mfe_r: Column
    regime_ratio: Column
    atr: Column

    def __len__(self) -> int:
        return len(self.r)

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Which trades have come to an end. The others are counted, never averaged."""
        known: NDArray[np.bool_] = self.reason < Exit.GAP
        return known

    def take(self, rows: NDArray[np.bool_] | Times) -> Trades:
        """Return the trades at `rows`."""
        return Trades(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[Trades]) -> Trades:
        """Return all trades, part by part."""
        assert parts, "at least one part, which may be empty"
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))
