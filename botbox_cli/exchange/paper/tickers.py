"""The row of the tickers endpoint."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Book
from botbox_cli.exchange.paper.number import ZERO, fixed, plain

_FRACTION = Decimal("0.0001")


class Day(NamedTuple):
    """The last 24 hours: price at their start, extremes, volume in the base coin and turnover in the quote coin."""

    before: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal = ZERO
    turnover: Decimal = ZERO


def ticker_row(instrument: Instrument, last: Decimal, book: Book, day: Day) -> dict[str, str]:
    """Return a spot ticker row; `usdIndexPrice` is the last price, as there is no index."""
    places = instrument.price_places
    bid, bid_size = book.bids[0] if book.bids else (ZERO, ZERO)
    ask, ask_size = book.asks[0] if book.asks else (ZERO, ZERO)
    change = (last - day.before) / day.before if day.before else ZERO
    return {
        "symbol": instrument.symbol,
        "bid1Price": fixed(bid, places) if bid else "",
        "bid1Size": plain(bid_size) if bid else "",
        "ask1Price": fixed(ask, places) if ask else "",
        "ask1Size": plain(ask_size) if ask else "",
        "lastPrice": fixed(last, places),
        "prevPrice24h": fixed(day.before, places),
        "price24hPcnt": plain(change.quantize(_FRACTION)),
        "highPrice24h": fixed(day.high, places),
        "lowPrice24h": fixed(day.low, places),
        "turnover24h": plain(day.turnover),
        "volume24h": plain(day.volume),
        "usdIndexPrice": fixed(last, places),
    }
