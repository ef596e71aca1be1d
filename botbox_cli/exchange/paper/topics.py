"""Public topics: what the market looks like, in the frames of Bybit's public spot socket.

A topic remembers what it sent last, so that a frame goes out when something has changed (and `orderbook.1` at least
every three seconds, as Bybit does). Order of fields as captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from botbox_cli.exchange.paper.candles import INTERVAL_MS, interval_start
from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.market import Market
from botbox_cli.exchange.paper.protocol import DAY_MS
from botbox_cli.exchange.paper.public import INTERVALS

Frame = dict[str, Any]

RESEND_S = 3.0
_CANDLES = 10
_TICKER_FIELDS = (
    "symbol",
    "lastPrice",
    "highPrice24h",
    "lowPrice24h",
    "prevPrice24h",
    "volume24h",
    "turnover24h",
    "price24hPcnt",
    "usdIndexPrice",
)


class Look:
    """The market at one moment: tickers are asked for once, however many topics look."""

    def __init__(
        self,
        market: Market,
        now_ms: int,
        tick_s: float,
        *,
        resend_s: float = RESEND_S,
        candle_pace_s: float = 0.0,
        of_one: str | None = None,
    ) -> None:
        """Args:
        tick_s: Seconds of a clock that always goes on.
        resend_s: After so long a book is sent again.
        candle_pace_s: How often an open candle is asked for.
        of_one: No other symbol's ticker is asked for.
        """
        self.resend_s = resend_s
        self.candle_pace_s = candle_pace_s
        self.now_ms = now_ms
        self.tick_s = tick_s
        self._market = market
        self._of_one = of_one
        self._tickers: dict[str, dict[str, str]] | None = None

    def ticker(self, symbol: str) -> dict[str, str] | None:
        """Return the ticker row of a symbol, None while nothing has traded."""
        if self._tickers is None:
            rows = self._market.tickers(self._of_one, self.now_ms)
            self._tickers = {row["symbol"]: row for row in rows}
        return self._tickers.get(symbol)

    def candles(self, symbol: str, interval: str) -> Sequence[Sequence[str]]:
        """Return the newest candles of a series, newest first."""
        return self._market.klines(symbol, interval, None, None, _CANDLES, self.now_ms)


class Topic(Protocol):
    """One thing that clients follow."""

    symbol: str

    def frames(self, look: Look) -> list[Frame]:
        """Return what is new since the last look, oldest first."""
        ...

    @property
    def latest(self) -> Frame | None:
        """What somebody who has just subscribed is sent."""
        ...


class _Kept:
    """What a topic has sent."""

    def __init__(self, name: str, symbol: str) -> None:
        self.name = name
        self.symbol = symbol
        self.latest: Frame | None = None


class OrderBook(_Kept):
    """`orderbook.1`: snapshots only; one that is sent again carries the `u` it had."""

    _best: tuple[str, ...] = ()
    _u = 0
    _sent_s = 0.0

    def frames(self, look: Look) -> list[Frame]:
        row = look.ticker(self.symbol)
        if row is None:
            return []
        best = (row["bid1Price"], row["bid1Size"], row["ask1Price"], row["ask1Size"])
        if best == self._best and look.tick_s - self._sent_s < look.resend_s:
            return []
        if best != self._best:
            self._u = max(self._u + 1, look.now_ms)
        self._best, self._sent_s = best, look.tick_s
        sides = [[[price, size]] if price else [] for price, size in (best[:2], best[2:])]
        self.latest = {
            "topic": self.name,
            "ts": look.now_ms,
            "type": "snapshot",
            "data": {"s": self.symbol, "b": sides[0], "a": sides[1], "u": self._u, "seq": self._u},
            "cts": look.now_ms,
        }
        return [self.latest]


class Ticker(_Kept):
    """`tickers`: always whole; on spot without bid and ask."""

    _row: dict[str, str] | None = None

    def frames(self, look: Look) -> list[Frame]:
        row = look.ticker(self.symbol)
        if row is None or row == self._row:
            return []
        self._row = row
        self.latest = {
            "topic": self.name,
            "ts": look.now_ms,
            "type": "snapshot",
            "cs": look.now_ms,
            "data": {name: row.get(name, "") for name in _TICKER_FIELDS},
        }
        return [self.latest]


class PublicTrade(_Kept):
    """`publicTrade`: one trade whenever the last price is another one."""

    _last = ""

    def frames(self, look: Look) -> list[Frame]:
        row = look.ticker(self.symbol)
        if row is None or row["lastPrice"] == self._last:
            return []
        is_first, self._last = not self._last, row["lastPrice"]
        if is_first:
            return []
        trade = {
            "i": f"22{look.now_ms:017d}",
            "T": look.now_ms,
            "p": self._last,
            "v": "1",
            "S": "Buy" if self._last == row["ask1Price"] else "Sell",
            "seq": look.now_ms,
            "s": self.symbol,
            "BT": False,
            "RPI": False,
        }
        return [{"topic": self.name, "ts": look.now_ms, "type": "snapshot", "data": [trade]}]


class Kline(_Kept):
    """`kline.{interval}`: the open candle as it grows, and each candle once more when it has closed."""

    _open_ms: int | None = None
    _row: Sequence[str] = ()
    _asked_s = 0.0

    def __init__(self, name: str, symbol: str, interval: str) -> None:
        super().__init__(name, symbol)
        self.interval = interval

    def frames(self, look: Look) -> list[Frame]:
        is_open = self._open_ms is not None and look.now_ms < interval_end(self._open_ms, self.interval)
        if is_open and look.tick_s - self._asked_s < look.candle_pace_s:
            return []
        self._asked_s = look.tick_s
        newest, *older = look.candles(self.symbol, self.interval) or [[]]
        if not newest:
            return []
        start_ms = int(newest[0])
        found = []
        if self._open_ms is not None and start_ms > self._open_ms:
            found = [
                self._frame(row, look, is_closed=True) for row in older[::-1] if int(row[0]) >= self._open_ms
            ]
        if newest != self._row:
            self._open_ms, self._row = start_ms, newest
            self.latest = self._frame(newest, look, is_closed=False)
            found.append(self.latest)
        return found

    def _frame(self, row: Sequence[str], look: Look, *, is_closed: bool) -> Frame:
        start_ms = int(row[0])
        candle = {
            "start": start_ms,
            "end": interval_end(start_ms, self.interval) - 1,
            "interval": self.interval,
            "open": row[1],
            "close": row[4],
            "high": row[2],
            "low": row[3],
            "volume": row[5],
            "turnover": row[6],
            "confirm": is_closed,
            "timestamp": look.now_ms,
        }
        return {"type": "snapshot", "topic": self.name, "data": [candle], "ts": look.now_ms}


def topic_of(name: str, instrument: Callable[[str], Instrument | None]) -> Topic | None:
    """Return a topic by its name, such as `kline.60.BTCUSDT`; None for one that is not served."""
    head, _, symbol = name.rpartition(".")
    if not head or instrument(symbol) is None:
        return None
    simple: dict[str, Callable[[str, str], Topic]] = {
        "orderbook.1": OrderBook,
        "tickers": Ticker,
        "publicTrade": PublicTrade,
    }
    if head in simple:
        return simple[head](name, symbol)
    kind, _, interval = head.partition(".")
    return Kline(name, symbol, interval) if kind == "kline" and interval in INTERVALS else None


def interval_end(start_ms: int, interval: str) -> int:
    """Return when the candle that opened at `start_ms` closes."""
    return interval_start(start_ms + (32 * DAY_MS if interval == "M" else INTERVAL_MS[interval]), interval)
