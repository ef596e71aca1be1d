"""Prices on the tick, for whole columns: the same ticks that `Setup.rounded` finds one by one in decimals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from botbox_cli.analysis.columns import Column, exact
from botbox_cli.domain.number import ceil_to_step, floor_to_step, round_to_step

_DOUBTFUL = 4e-15
"""A quotient this near to where the rounding turns, as a share of itself, is rounded anew in decimals.

Ten times what two roundings of a float can be wrong by: the float may lie on either side of the turn.
"""


class Ticks:
    """The price grid of one instrument. Every price it returns is the float nearest to the exact decimal."""

    def __init__(self, tick: Decimal) -> None:
        self.tick = tick
        self.size = float(tick)
        exponent = int(tick.as_tuple().exponent)
        self._scale = 10.0 ** max(0, -exponent)
        self._units = float(tick.scaleb(max(0, -exponent)))

    def floor(self, prices: Column) -> Column:
        """Return the greatest ticks not above `prices`."""
        return self._rounded(prices, np.floor, floor_to_step, turn=0.0)

    def ceil(self, prices: Column) -> Column:
        """Return the smallest ticks not below `prices`."""
        return self._rounded(prices, np.ceil, ceil_to_step, turn=0.0)

    def nearest(self, prices: Column) -> Column:
        """Return the ticks nearest to `prices` (half to even)."""
        return self._rounded(prices, np.rint, round_to_step, turn=0.5)

    def _rounded(
        self,
        prices: Column,
        coarsely: Callable[[Column], Column],
        exactly: Callable[[Decimal, Decimal], Decimal],
        *,
        turn: float,
    ) -> Column:
        quotients = prices * self._scale / self._units
        whole = coarsely(quotients)
        beside = quotients - turn
        doubtful = np.abs(beside - np.rint(beside)) <= _DOUBTFUL * np.abs(quotients)
        rounded: Column = whole * self._units / self._scale
        if doubtful.any():
            nearest = np.rint(quotients) * self._units / self._scale
            on_grid = doubtful & (nearest == prices)
            rounded[on_grid] = prices[on_grid]
            for row in np.flatnonzero(doubtful & ~on_grid):
                rounded[row] = float(exactly(exact(prices[row]), self.tick))
        return rounded
