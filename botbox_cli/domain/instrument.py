"""A tradable pair and the exchange's rules for orders in it, as read from the exchange."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from botbox_cli.domain.number import ZERO, ceil_to_step, floor_to_step, round_to_step
from botbox_cli.domain.record import record


@record
class Instrument:
    """One spot pair. Steps and bounds in base coin (`lot_size`, `min_qty`, …) or quote coin (`tick_size`, …)."""

    symbol: str
    base_coin: str
    quote_coin: str
    tick_size: Decimal
    lot_size: Decimal
    min_qty: Decimal
    min_value: Decimal
    max_market_qty: Decimal | None = None
    margin_trading: str = "none"

    def floor_qty(self, qty: Decimal) -> Decimal:
        """Return `qty` floored to the lot step: never sells or buys more than meant."""
        return floor_to_step(qty, self.lot_size)

    def part_of(self, qty: Decimal, largest: Decimal | None = None) -> Decimal:
        """Return what of `qty` one market order may take: all of it, or one of as many equal parts as are needed.

        `largest` is what else is known to bound an order. The last part is not smaller than the others by more than
        the steps that are lost in dividing.
        """
        bounds = [b for b in (self.max_market_qty, largest) if b is not None]
        bound = self.floor_qty(min(bounds)) if bounds else ZERO
        if not bounds or qty <= bound or bound <= 0:
            return qty
        parts = (qty / bound).to_integral_value(ROUND_CEILING)
        return min(bound, ceil_to_step(qty / parts, self.lot_size))

    def round_price(self, price: Decimal) -> Decimal:
        """Return the tick nearest to `price`."""
        return round_to_step(price, self.tick_size)

    def is_sellable(self, qty: Decimal, price: Decimal) -> bool:
        """Tell whether an order of `qty` (already floored) is above the exchange's minimums at `price`."""
        return qty > 0 and qty >= self.min_qty and qty * price >= self.min_value


@record
class Quote:
    """Best prices of one symbol at one moment."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
