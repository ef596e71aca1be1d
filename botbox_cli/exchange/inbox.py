"""News on their way from the sockets' threads to the one that acts: a queue that can't grow without bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from botbox_cli.ports import CandleClosed, News, OrderNews, Price, StreamState

LINGER_S = 0.05
"""So long prices may lie that nobody acts on: thousands a second would else wake their reader one by one."""
# What nobody has taken yet. 20,000 are ten seconds of 100 symbols at 20 prices a second.
WAITING_MAX = 20_000


class Inbox:
    """A queue of news. Thread-safe.

    Whoever waits is served at once, save for prices of other symbols than those that were put first. While its reader
    stalls, it is thinned as `thinned` says, so that it stays as small as there are symbols, series and orders, and
    nothing that matters is lost.
    """

    def __init__(self, waiting_max: int = WAITING_MAX) -> None:
        self._max = self._limit = waiting_max
        self._waiting: list[News] = []
        self._first: AbstractSet[str] | None = None
        self._is_due = False
        self._lingers_until = 0.0
        self._ready = threading.Condition()

    def put_first(self, symbols: AbstractSet[str]) -> None:
        """Let prices of no other symbols than these be served at once; before the first call, all are."""
        with self._ready:
            self._first = frozenset(symbols)

    def put(self, news: Sequence[News]) -> None:
        """Add news, newest last."""
        with self._ready:
            if not self._waiting:
                self._lingers_until = time.monotonic() + LINGER_S
                self._ready.notify()
            if not self._is_due and any(self._is_urgent(each) for each in news):
                self._is_due = True
                self._ready.notify()
            self._waiting += news
            if len(self._waiting) > self._limit:
                self._waiting = thinned(self._waiting)
                self._limit = max(self._max, 2 * len(self._waiting))

    def take(self, timeout_s: float) -> list[News]:
        """Wait for news and return all there is, oldest first; nothing when there was none, or on `wake`."""
        ends_at = time.monotonic() + timeout_s
        with self._ready:
            while not self._is_due:
                until = min(ends_at, self._lingers_until) if self._waiting else ends_at
                left_s = until - time.monotonic()
                if left_s <= 0:
                    break
                self._ready.wait(left_s)
            news, self._waiting = self._waiting, []
            self._is_due = False
            self._limit = self._max
            return news

    def _is_urgent(self, news: News) -> bool:
        return self._first is None or not isinstance(news, Price) or news.symbol in self._first

    def wake(self) -> None:
        """Let `take` return at once."""
        with self._ready:
            self._is_due = True
            self._ready.notify()


def thinned(news: Sequence[News]) -> list[News]:
    """Return the news without what later ones make needless, in their order.

    Of a symbol's prices the newest stays, and those that reached furthest: no level that was crossed between two of
    them is missed. Of a series the newest candle stays (its reader fetches what is missing before it), of an order the
    newest hint, of a socket its newest state.
    """
    keep: dict[tuple[object, ...], int] = {}
    extremes: dict[tuple[str, str], Price] = {}
    for index, each in enumerate(news):
        match each:
            case Price(symbol=symbol):
                keep["price", symbol] = index
                for name, is_further in _FURTHER.items():
                    known = extremes.get((symbol, name))
                    if known is None or is_further(each, known):
                        extremes[symbol, name] = each
                        keep[name, symbol] = index
            case CandleClosed(symbol=symbol, interval=interval):
                keep["candle", symbol, interval.code] = index
            case OrderNews(symbol=symbol, order_link_id=link):
                keep["order", symbol, link] = index
            case StreamState(channel=channel):
                keep["state", channel] = index
    return [news[index] for index in sorted(set(keep.values()))]


_FURTHER: dict[str, Callable[[Price, Price], bool]] = {
    "low bid": lambda new, known: new.bid < known.bid,
    "high bid": lambda new, known: new.bid > known.bid,
    "low ask": lambda new, known: new.ask < known.ask,
    "high ask": lambda new, known: new.ask > known.ask,
}
