"""Prices that a test writes: a book and a last price per symbol, moved by hand or along a path set beforehand."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.bundled import instrument_rows
from botbox_cli.exchange.paper.candles import chosen
from botbox_cli.exchange.paper.instrument import Instrument, from_row
from botbox_cli.exchange.paper.market import Book, Move, made_book
from botbox_cli.exchange.paper.tickers import Day, ticker_row


@dataclass(slots=True)
class _Track:
    """The last prices of one symbol and when each began to hold."""

    times: list[int] = field(default_factory=list)
    prices: list[Decimal] = field(default_factory=list)
    book: Book | None = None


class ScriptedMarket:
    """Prices jump where they are set; nothing lies between two of them.

    `spread_ticks` and `depth` (base coins a level, None for ample) shape the made book; `set_book` replaces it.
    """

    def __init__(
        self,
        prices: Mapping[str, Decimal | str],
        *,
        rows: Sequence[dict[str, Any]] | None = None,
        spread_ticks: int = 1,
        depth: Decimal | None = None,
    ) -> None:
        self.spread_ticks = spread_ticks
        self.depth = depth
        self._rows = list(instrument_rows() if rows is None else rows)
        self._rules: dict[str, Instrument] = {}
        self._tracks: defaultdict[str, _Track] = defaultdict(_Track)
        self._klines: dict[tuple[str, str], list[list[str]]] = {}
        for symbol, price in prices.items():
            self.set_price(symbol, price, 0)

    # Writing

    def set_price(self, symbol: str, price: Decimal | str, at_ms: int) -> None:
        """Let the last price be `price` from `at_ms` on, not before anything set already."""
        track = self._tracks[symbol]
        assert not track.times or at_ms >= track.times[-1], "prices are written in time order"
        # In this order: whoever reads on another thread finds a price for each time.
        track.prices.append(Decimal(price))
        track.times.append(at_ms)

    def set_path(self, symbol: str, path: Iterable[tuple[int, Decimal | str]]) -> None:
        """Append a path of (moment, price)."""
        for at_ms, price in path:
            self.set_price(symbol, price, at_ms)

    def set_book(self, symbol: str, book: Book | None) -> None:
        """Let the book of `symbol` be this one until it is set again; None returns to the made one."""
        self._tracks[symbol].book = book

    def set_klines(self, symbol: str, interval: str, newest_first: Sequence[Sequence[str]]) -> None:
        """Let these rows be the candles of `symbol` and `interval`."""
        self._klines[symbol, interval] = [list(row) for row in reversed(newest_first)]

    # Reading

    def rows(self) -> Sequence[dict[str, Any]]:
        return self._rows

    def last(self, symbol: str, at_ms: int) -> Decimal | None:
        track = self._tracks.get(symbol)
        index = bisect_right(track.times, at_ms) if track else 0
        return track.prices[index - 1] if track and index else None

    def book(self, instrument: Instrument, at_ms: int, last: Decimal | None = None) -> Book:
        track = self._tracks.get(instrument.symbol)
        if track is not None and track.book is not None:
            return track.book
        price = last if last is not None else self.last(instrument.symbol, at_ms)
        return Book((), ()) if price is None else made_book(instrument, price, self.spread_ticks, self.depth)

    def path(self, symbol: str, after_ms: int, until_ms: int) -> Iterable[Move]:
        track = self._tracks.get(symbol)
        if track is None or not track.times or track.times[-1] < after_ms:
            return []
        first, end = bisect_left(track.times, after_ms), bisect_right(track.times, until_ms)
        moves = zip(track.times[first:end], track.prices[first:end], strict=True)
        return [Move(at_ms, at_ms, price, price) for at_ms, price in moves]

    def tickers(self, symbol: str | None, at_ms: int) -> list[dict[str, str]]:
        self._rules = self._rules or {row["symbol"]: from_row(row) for row in self._rows}
        wanted = self._rules.values() if symbol is None else filter(None, [self._rules.get(symbol)])
        found = []
        for instrument in wanted:
            last = self.last(instrument.symbol, at_ms)
            if last is not None:
                book = self.book(instrument, at_ms)
                found.append(ticker_row(instrument, last, book, Day(last, last, last)))
        return found

    def klines(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int, at_ms: int
    ) -> list[list[str]]:
        rows = self._klines.get((symbol, interval), [])
        first, end = chosen([int(row[0]) for row in rows], start_ms, end_ms, limit, at_ms)
        return rows[first:end][::-1]
