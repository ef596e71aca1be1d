"""Which levels of a book an order takes, and within which price."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Book, Level
from botbox_cli.exchange.paper.number import ZERO, ceil_to, floor_to


class Fill(NamedTuple):
    price: Decimal
    qty: Decimal


class Taken(NamedTuple):
    """What an order takes at once; `reason` says why it stopped short, "" when it did not."""

    fills: list[Fill]
    reason: str


class Bound(NamedTuple):
    """The worst price a market order accepts, and the rejectReason of what lies beyond it."""

    price: Decimal
    reason: str


def protective_bound(
    instrument: Instrument, book: Book, last: Decimal, is_buy: bool, tolerance_type: str, tolerance: str
) -> Bound:
    """Return the price at which a market order becomes an IOC limit.

    It is the price band's edge, or the slippage tolerance counted from the best price (ask for a buy) when nearer.
    """
    band = instrument.highest_buy(last) if is_buy else instrument.lowest_sell(last)
    best = book.asks if is_buy else book.bids
    if tolerance_type and best:
        limit = _tolerated(instrument, best[0][0], is_buy, tolerance_type, Decimal(tolerance))
        if (limit < band) if is_buy else (limit > band):
            return Bound(limit, "EC_ReachMarketPriceLimit")
    return Bound(band, "EC_ReachRiskPriceLimit")


def take(
    instrument: Instrument,
    book: Book,
    is_buy: bool,
    bound: Bound,
    *,
    qty: Decimal | None,
    value: Decimal | None,
    budget: Decimal | None = None,
) -> Taken:
    """Walk the book for `qty` base coins, or for at most `value` quote coins, up to the bound.

    `budget` caps the quote coins a buy may spend, whatever its unit: its coins are not there for more.
    """
    levels = book.asks if is_buy else book.bids
    reason = "" if levels else "EC_NoImmediateQtyToFill"
    fills: list[Fill] = []
    left_qty, left_value = qty, least(value, budget)
    for price, size in levels:
        if (price > bound.price) if is_buy else (price < bound.price):
            return Taken(fills, bound.reason)
        want = _wanted(instrument, price, left_qty, left_value)
        part = min(want, floor_to(size, instrument.base_step))
        if part > ZERO:
            fills.append(Fill(price, part))
            left_qty = left_qty - part if left_qty is not None else None
            left_value = left_value - part * price if left_value is not None else None
        if part == want:
            short = value is None and left_qty is not None and left_qty > ZERO
            return Taken(fills, "EC_CancelForNoFullFill" if short else "")
        reason = "EC_NoImmediateQtyToFill"
    return Taken(fills, reason)


def _wanted(instrument: Instrument, price: Decimal, qty: Decimal | None, value: Decimal | None) -> Decimal:
    step = instrument.base_step
    affordable = None if value is None else value // (price * step) * step
    wanted = least(qty, affordable)
    assert wanted is not None, "an order has a quantity or a value"
    return wanted


def least(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    """Return the lesser of two bounds, of which either may be missing."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _tolerated(
    instrument: Instrument, best: Decimal, is_buy: bool, tolerance_type: str, tolerance: Decimal
) -> Decimal:
    distance = instrument.tick * tolerance if tolerance_type == "TickSize" else best * tolerance / 100
    return floor_to(best + distance, instrument.tick) if is_buy else ceil_to(best - distance, instrument.tick)


def takes_at_once(levels: Sequence[Level], price: Decimal, is_buy: bool) -> bool:
    """Tell whether a limit order at `price` meets the best level against it."""
    return bool(levels) and ((price >= levels[0][0]) if is_buy else (price <= levels[0][0]))
