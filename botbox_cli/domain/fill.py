"""A fill: one execution on the exchange. Everything that is counted comes from fills."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from botbox_cli.domain.number import ZERO
from botbox_cli.domain.order import Side
from botbox_cli.domain.record import record


@record
class Fill:
    """One execution. `price` in quote, `qty` in base, `fees` by coin (negative: a rebate).

    `fees_quote` is their worth in quote coin at the time of the fill: a base-coin fee at the fill's own price, a third
    coin at its price then; None while that price is not known.
    """

    execution_id: str
    order_link_id: str
    exchange_order_id: str
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    fees: tuple[tuple[str, Decimal], ...]
    executed_at: datetime
    is_maker: bool = False
    fees_quote: Decimal | None = None

    @property
    def value(self) -> Decimal:
        return self.price * self.qty

    def fee_in(self, coin: str) -> Decimal:
        """Return the fee taken in `coin`."""
        total = ZERO
        for taken, amount in self.fees:
            if taken == coin:
                total += amount
        return total

    def third_coins(self, base_coin: str, quote_coin: str) -> list[str]:
        """Return the fee coins that are neither side of the pair, such as MNT."""
        return [coin for coin, amount in self.fees if amount and coin not in (base_coin, quote_coin)]


def valued_in_quote(
    fill: Fill, base_coin: str, quote_coin: str, prices: dict[str, Decimal]
) -> Decimal | None:
    """Return the fees of `fill` in quote coin, `prices` giving third coins in quote; None if one is missing."""
    known = {quote_coin: Decimal(1), base_coin: fill.price} | prices
    if any(amount and coin not in known for coin, amount in fill.fees):
        return None
    return sum((amount * known[coin] for coin, amount in fill.fees if amount), ZERO)
