"""The trading rules of one symbol, read from its instruments-info row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.number import ceil_to, floor_to, places_of


@dataclass(frozen=True, slots=True)
class Instrument:
    """Steps, minimums and maximums. Quantities are in the base coin, amounts in the quote coin."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    base_step: Decimal
    quote_step: Decimal
    min_qty: Decimal
    min_amount: Decimal
    max_limit_qty: Decimal
    max_market_qty: Decimal
    max_amount: Decimal
    band: Decimal
    margin: bool
    price_places: int
    base_places: int
    quote_places: int

    def highest_buy(self, last: Decimal) -> Decimal:
        """Return the dearest price a buy may pay, from the last price.

        Source: Bybit's price limit, min(max(index, index·(1+X) + premium), index·(1+Y)), with the last price as index
        and no premium.
        """
        return floor_to(last * (1 + self.band), self.tick)

    def lowest_sell(self, last: Decimal) -> Decimal:
        """Return the cheapest price a sell may take; the mirror of `highest_buy`."""
        return ceil_to(last * (1 - self.band), self.tick)


def from_row(row: Mapping[str, Any]) -> Instrument:
    """Return the rules of an instruments-info row, old (2023) or new shape."""
    lot = row["lotSizeFilter"]
    tick = Decimal(row["priceFilter"]["tickSize"])
    base_step = Decimal(lot["basePrecision"])
    quote_step = Decimal(lot["quotePrecision"])
    max_qty = lot.get("maxOrderQty", "1000000000")
    risk = row.get("riskParameters", {})
    return Instrument(
        symbol=row["symbol"],
        base=row["baseCoin"],
        quote=row["quoteCoin"],
        tick=tick,
        base_step=base_step,
        quote_step=quote_step,
        min_qty=Decimal(lot["minOrderQty"]),
        min_amount=Decimal(lot["minOrderAmt"]),
        max_limit_qty=Decimal(lot.get("maxLimitOrderQty", max_qty)),
        max_market_qty=Decimal(lot.get("maxMarketOrderQty", max_qty)),
        max_amount=Decimal(lot.get("maxOrderAmt", "1000000000")),
        band=Decimal(risk.get("priceLimitRatioX", "0.05")),
        margin=row.get("marginTrading", "none") in ("both", "utaOnly"),
        price_places=places_of(tick),
        base_places=places_of(base_step),
        quote_places=places_of(quote_step),
    )


def delisted(symbol: str) -> Instrument:
    """Return rules to show old orders of a symbol by that is traded no more; nothing can be ordered by them."""
    lot = {"basePrecision": "1", "quotePrecision": "1", "minOrderQty": "0", "minOrderAmt": "0"}
    coins = {"symbol": symbol, "baseCoin": symbol.removesuffix("USDT"), "quoteCoin": "USDT"}
    return from_row({**coins, "lotSizeFilter": lot, "priceFilter": {"tickSize": "1"}})
