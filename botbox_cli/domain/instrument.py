"""A tradable pair and the exchange's rules for orders in it, as read from the exchange."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from botbox_cli.domain.number import floor_to_step, round_to_step


@dataclass(frozen=True, slots=True)
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

    def round_price(self, price: Decimal) -> Decimal:
        """Return the tick nearest to `price`."""
        return round_to_step(price, self.tick_size)

    def is_sellable(self, qty: Decimal, price: Decimal) -> bool:
        """Tell whether an order of `qty` (already floored) is above the exchange's minimums at `price`."""
        return qty > 0 and qty >= self.min_qty and qty * price >= self.min_value


@dataclass(frozen=True, slots=True)
class Quote:
    """Best prices of one symbol at one moment."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
