"""Prices from recorded candles: each becomes a path of the last price, and the newest one is still open."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.bundled import instrument_rows
from botbox_cli.exchange.paper.candles import (
    INTERVAL_MS,
    Candle,
    Recording,
    Series,
    chosen,
    interval_start,
    merged,
)
from botbox_cli.exchange.paper.instrument import Instrument, from_row
from botbox_cli.exchange.paper.market import Book, Move, made_book, price_at
from botbox_cli.exchange.paper.number import ZERO, floor_to, plain, round_to
from botbox_cli.exchange.paper.protocol import DAY_MS, WEEK_MS
from botbox_cli.exchange.paper.tickers import Day, ticker_row

_VOLUME_STEP = Decimal("0.001")


def weeks_between(recorded_ms: int, now_ms: int) -> int:
    """Return whole weeks in milliseconds that bring a recorded moment to at most a week before `now_ms`.

    As an offset it lets recorded candles happen now, with weeks, days and hours where they belong.
    """
    return (now_ms - recorded_ms) // WEEK_MS * WEEK_MS


class ReplayMarket:
    """Recorded candles, `offset_ms` later than they were.

    Within a candle the last price goes straight from open to low (a quarter of the interval), to high (half of it), to
    close (its last millisecond): the long's worst case first. Where the next candle opens elsewhere, it jumps. The
    turnover, which was not recorded, is volume × close.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        rows: Sequence[dict[str, Any]] | None = None,
        offset_ms: int = 0,
        spread_ticks: int = 1,
        depth: Decimal | None = None,
    ) -> None:
        self._recording = recording
        self._offset_ms = offset_ms
        self._spread_ticks = spread_ticks
        self._depth = depth
        self._bases: dict[str, tuple[Series, int]] = {}
        self._rows = list(instrument_rows() if rows is None else rows)
        known = {row["symbol"] for row in self._rows}
        for symbol in sorted({symbol for symbol, _ in recording.recorded()} - known):
            self._rows.append(_plausible_row(symbol, self._base(symbol)[0]))
        self._rules = {row["symbol"]: from_row(row) for row in self._rows}

    def rows(self) -> Sequence[dict[str, Any]]:
        return self._rows

    def last(self, symbol: str, at_ms: int) -> Decimal | None:
        series, length = self._base(symbol)
        at_ms -= self._offset_ms
        index = bisect_right(series.starts, at_ms) - 1
        if index < 0:
            return None
        return self._price(symbol, series.candle(index), length, at_ms)

    def book(self, instrument: Instrument, at_ms: int, last: Decimal | None = None) -> Book:
        price = last if last is not None else self.last(instrument.symbol, at_ms)
        return (
            Book((), ()) if price is None else made_book(instrument, price, self._spread_ticks, self._depth)
        )

    def path(self, symbol: str, after_ms: int, until_ms: int) -> Iterable[Move]:
        series, length = self._base(symbol)
        after_ms -= self._offset_ms
        until_ms -= self._offset_ms
        offset = self._offset_ms
        first = max(0, bisect_right(series.starts, after_ms) - 1)
        for index in range(first, bisect_right(series.starts, until_ms)):
            for move in _moves(series.candle(index), length):
                if move.end_ms >= after_ms and move.start_ms <= until_ms:
                    yield Move(move.start_ms + offset, move.end_ms + offset, move.start, move.end)

    def tickers(self, symbol: str | None, at_ms: int) -> list[dict[str, str]]:
        found = []
        for name, instrument in self._rules.items():
            last = self.last(name, at_ms) if symbol in (None, name) else None
            if last is not None:
                book = self.book(instrument, at_ms, last)
                found.append(ticker_row(instrument, last, book, self._day(name, at_ms, last)))
        return found

    def klines(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int, at_ms: int
    ) -> list[list[str]]:
        offset = self._offset_ms
        series = self._recording.series(symbol, interval)
        if series is None:
            return []
        at_ms -= offset
        start_ms = None if start_ms is None else start_ms - offset
        end_ms = None if end_ms is None else end_ms - offset
        first, end = chosen(series.starts, start_ms, end_ms, limit, at_ms)
        rows = [_row(series.starts[i] + offset, series.lines[i]) for i in range(end - 1, first - 1, -1)]
        if rows and interval_start(at_ms, interval) == series.starts[end - 1]:
            rows[0] = self._open_row(symbol, series.starts[end - 1], at_ms)
        return rows

    # Inside a candle

    def _base(self, symbol: str) -> tuple[Series, int]:
        """Return the shortest recorded series of a symbol (empty without any) and its interval in milliseconds."""
        if symbol not in self._bases:
            shortest = next(iter(self._recording.intervals(symbol)), None)
            series = self._recording.series(symbol, shortest) if shortest else None
            length = INTERVAL_MS[shortest] if shortest else 0
            self._bases[symbol] = series or Series((), ()), length
        return self._bases[symbol]

    def _price(self, symbol: str, candle: Candle, length: int, at_ms: int) -> Decimal:
        for move in _moves(candle, length):
            if at_ms < move.end_ms:
                price = price_at(move, at_ms)
                return price if price in (move.start, move.end) else round_to(price, self._rules[symbol].tick)
        return candle.close

    def _so_far(self, symbol: str, candle: Candle, length: int, at_ms: int) -> Candle:
        """Return the part of a base candle that has happened by `at_ms`."""
        elapsed = at_ms - candle.start_ms
        if elapsed >= length - 1:
            return candle
        price = self._price(symbol, candle, length, at_ms)
        low = price if elapsed < length // 4 else candle.low
        high = candle.high if elapsed >= length // 2 else max(candle.open, price)
        volume = floor_to(candle.volume * elapsed / length, _VOLUME_STEP)
        return Candle(candle.start_ms, candle.open, high, low, price, volume)

    def _happened(self, symbol: str, start_ms: int, at_ms: int) -> list[Candle]:
        """Return the base candles from `start_ms` on, the last one as far as it has got by `at_ms`."""
        series, length = self._base(symbol)
        first, end = bisect_right(series.starts, start_ms - 1), bisect_right(series.starts, at_ms)
        candles = [series.candle(index) for index in range(first, end)]
        if candles:
            candles[-1] = self._so_far(symbol, candles[-1], length, at_ms)
        return candles

    def _open_row(self, symbol: str, start_ms: int, at_ms: int) -> list[str]:
        candle = merged(self._happened(symbol, start_ms, at_ms), start_ms)
        return _row(start_ms + self._offset_ms, ",".join(plain(value) for value in candle[1:]))

    def _day(self, symbol: str, at_ms: int, last: Decimal) -> Day:
        at_ms -= self._offset_ms
        candles = self._happened(symbol, at_ms - DAY_MS, at_ms)
        if not candles:
            return Day(last, last, last)
        whole = merged(candles, 0)
        turnover = sum((candle.volume * candle.close for candle in candles), ZERO)
        return Day(whole.open, whole.high, whole.low, whole.volume, turnover)


def _moves(candle: Candle, length: int) -> list[Move]:
    start = candle.start_ms
    quarter, half, end = start + length // 4, start + length // 2, start + length - 1
    return [
        Move(start, start, candle.open, candle.open),
        Move(start, quarter, candle.open, candle.low),
        Move(quarter, half, candle.low, candle.high),
        Move(half, end, candle.high, candle.close),
    ]


def _row(start_ms: int, line: str) -> list[str]:
    values = line.split(",")
    return [str(start_ms), *values, plain(Decimal(values[4]) * Decimal(values[3]))]


def _plausible_row(symbol: str, series: Series) -> dict[str, Any]:
    """Return trading rules for a recorded symbol that has none: the tick from its first prices, the rest invented."""
    places = max(len(text.partition(".")[2]) for line in series.lines[:200] for text in line.split(",")[:4])
    return {
        "symbol": symbol,
        "baseCoin": symbol.removesuffix("USDT"),
        "quoteCoin": "USDT",
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": "0.01",
            "quotePrecision": "0.00000001",
            "minOrderQty": "0.01",
            "maxOrderQty": "100000000",
            "minOrderAmt": "5",
            "maxOrderAmt": "4000000",
        },
        "priceFilter": {"tickSize": format(Decimal(1).scaleb(-places), "f")},
        "riskParameters": {"priceLimitRatioX": "0.03", "priceLimitRatioY": "0.06"},
    }
