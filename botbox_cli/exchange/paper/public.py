"""The market endpoints: time, instruments, candles, tickers, order book, price band."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Market
from botbox_cli.exchange.paper.number import fixed, plain
from botbox_cli.exchange.paper.protocol import Refusal
from botbox_cli.exchange.paper.views import whole

INTERVALS = ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")


class PublicData:
    """Answers that need no account."""

    def __init__(self, market: Market, instrument: Callable[[str], Instrument | None]) -> None:
        self._market = market
        self._instrument = instrument

    def time(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return the server's time."""
        return {"timeSecond": str(now_ms // 1000), "timeNano": f"{now_ms}000000"}

    def instruments(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return instruments-info; an unknown symbol is simply absent."""
        symbol = params.get("symbol")
        rows = [row for row in self._market.rows() if not symbol or row["symbol"] == symbol]
        return {"category": "spot", "list": rows}

    def klines(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return candles, newest first, the open one included."""
        instrument = self._known(params)
        interval = params.get("interval")
        if interval not in INTERVALS:
            raise Refusal(10001, "Invalid period!")
        limit = whole(params, "limit")
        if limit is None:
            limit = 200
        if not 1 <= limit <= 1000:
            raise Refusal(10001, "Request parameter error: limit must be 1 to 1000")
        rows = self._market.klines(
            instrument.symbol, interval, whole(params, "start"), whole(params, "end"), limit, now_ms
        )
        return {"category": "spot", "symbol": instrument.symbol, "list": rows}

    def tickers(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return tickers of one symbol or of all."""
        symbol = self._known(params).symbol if params.get("symbol") else None
        return {"category": "spot", "list": self._market.tickers(symbol, now_ms)}

    def orderbook(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return the order book, one level a side unless asked for more."""
        instrument = self._known(params)
        limit = whole(params, "limit") or 1
        if limit > 1000:
            raise Refusal(10001, "Request parameter error: limit must be 1 to 1000")
        book = self._market.book(instrument, now_ms)
        places = instrument.price_places

        def side(levels: Any) -> list[list[str]]:
            return [[fixed(price, places), plain(size)] for price, size in levels[:limit]]

        return {
            "s": instrument.symbol,
            "b": side(book.bids),
            "a": side(book.asks),
            "ts": now_ms,
            "u": now_ms,
            "seq": now_ms,
            "cts": now_ms,
        }

    def price_limit(self, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Return the price band."""
        instrument = self._known(params)
        last = self._market.last(instrument.symbol, now_ms)
        if last is None:
            raise Refusal(170151, "The trading pair is not open yet")
        places = instrument.price_places
        return {
            "symbol": instrument.symbol,
            "buyLmt": fixed(instrument.highest_buy(last), places),
            "sellLmt": fixed(instrument.lowest_sell(last), places),
            "ts": str(now_ms),
        }

    def _known(self, params: Mapping[str, Any]) -> Instrument:
        symbol = params.get("symbol")
        instrument = self._instrument(symbol) if isinstance(symbol, str) else None
        if instrument is None:
            raise Refusal(10001, "Not supported symbols")
        return instrument
