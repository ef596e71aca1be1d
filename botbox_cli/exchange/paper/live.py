"""Prices of the public mainnet: what its market endpoints answer, and one-minute candles between two looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.candles import MINUTE_MS, Candle
from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Book, Move, made_book
from botbox_cli.exchange.paper.protocol import Refusal, Unavailable

Fetch = Callable[[str, Mapping[str, str]], Mapping[str, Any]]

_PAGE = 1000
_BOOK_LEVELS = "200"


class LiveMarket:
    """A public Bybit host's spot prices.

    Between two looks the last price is taken to have gone through each one-minute candle from open to low to high to
    close, so that a stop triggers as it would have. An order does not feel a candle that began before the order did.
    """

    def __init__(self, fetch: Fetch) -> None:
        """Take a function from (path, query) to the body of the answer.

        It may raise OSError (which requests' exceptions are), ValueError for what is no JSON, or Unavailable.
        """
        self._fetch = fetch

    def rows(self) -> Sequence[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._get("/v5/market/instruments-info")["list"]
        return rows

    def last(self, symbol: str, at_ms: int) -> Decimal | None:
        rows = self.tickers(symbol, at_ms)
        return Decimal(rows[0]["lastPrice"]) if rows else None

    def book(self, instrument: Instrument, at_ms: int, last: Decimal | None = None) -> Book:
        if last is not None:
            return made_book(instrument, last)
        result = self._get("/v5/market/orderbook", symbol=instrument.symbol, limit=_BOOK_LEVELS)
        return Book(_levels(result["b"]), _levels(result["a"]))

    def path(self, symbol: str, after_ms: int, until_ms: int) -> Iterable[Move]:
        last = self.last(symbol, until_ms)
        candles = self._minutes(symbol, after_ms // MINUTE_MS * MINUTE_MS, until_ms)
        moves = [move for candle in candles for move in _moves(candle, after_ms, until_ms)]
        if last is not None:
            moves.append(Move(until_ms, until_ms, last, last))
        return moves

    def tickers(self, symbol: str | None, at_ms: int) -> list[dict[str, str]]:
        query = {"symbol": symbol} if symbol else {}
        rows: list[dict[str, str]] = self._get("/v5/market/tickers", **query)["list"]
        return rows

    def klines(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int, at_ms: int
    ) -> list[list[str]]:
        query = {"symbol": symbol, "interval": interval, "limit": str(limit)}
        if start_ms is not None:
            query["start"] = str(start_ms)
        if end_ms is not None:
            query["end"] = str(end_ms)
        rows: list[list[str]] = self._get("/v5/market/kline", **query)["list"]
        return rows

    def _minutes(self, symbol: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Return the one-minute candles of a span, oldest first; a long span takes several requests."""
        rows: list[list[str]] = []
        oldest_ms = end_ms + 1
        while oldest_ms > start_ms:
            page = self.klines(symbol, "1", start_ms, oldest_ms - 1, _PAGE, end_ms)
            rows += page
            if len(page) < _PAGE:
                break
            oldest_ms = int(page[-1][0])
        return [Candle(int(row[0]), *map(Decimal, row[1:6])) for row in reversed(rows)]

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        try:
            body = self._fetch(path, {"category": "spot", **query})
        except (OSError, ValueError) as error:
            raise Unavailable(f"the source of live prices does not answer {path}") from error
        if body.get("retCode"):
            raise Refusal(int(body["retCode"]), str(body.get("retMsg", "")))
        result: dict[str, Any] = body["result"]
        return result


def _levels(rows: Iterable[Sequence[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(size)) for price, size in rows]


def _moves(candle: Candle, after_ms: int, until_ms: int) -> list[Move]:
    """Return the candle's path, put between `after` and `until` whatever part of it was seen already.

    An order that is older than the candle would have met what was seen before then: meeting it again changes nothing.
    """
    prices = (candle.open, candle.low, candle.high, candle.close)
    times = [
        min(max(candle.start_ms + MINUTE_MS * quarter // 4, after_ms), until_ms) for quarter in (0, 1, 2, 3)
    ]
    opening = Move(times[0], times[0], prices[0], prices[0], candle.start_ms)
    legs = zip(times, times[1:], prices, prices[1:], strict=False)
    return [opening, *(Move(*leg, candle.start_ms) for leg in legs)]
