"""What the exchange needs to know of prices, and the order book it makes from a last price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple, Protocol, overload

from botbox_cli.exchange.paper.instrument import Instrument, from_row

Level = tuple[Decimal, Decimal]

# "Enough": what a level of the made book offers when no depth is set.
AMPLE = Decimal(10_000_000)
LEVELS = 50


class Book(NamedTuple):
    """Bids (dearest first) and asks (cheapest first), each as (price, size in base coin)."""

    bids: Sequence[Level]
    asks: Sequence[Level]


class Move(NamedTuple):
    """The last price going in a straight line from one moment to another; a jump when both moments are one.

    `since_ms` is None where the times are exact. A coarser source (live one-minute candles) only knows that all of the
    move happened at or after `since_ms`: an order younger than that must not be touched by it.
    """

    start_ms: int
    end_ms: int
    start: Decimal
    end: Decimal
    since_ms: int | None = None


def price_at(move: Move, at_ms: int) -> Decimal:
    """Return where a move stands at a moment within it, off the tick grid as a rule."""
    if at_ms >= move.end_ms:
        return move.end
    share = Decimal(at_ms - move.start_ms) / (move.end_ms - move.start_ms)
    return move.start + (move.end - move.start) * share


class Market(Protocol):
    """A source of prices. Times are Unix milliseconds; an unknown symbol is never asked for.

    Raises:
        Unavailable: from any method, when the source does not answer.
        Refusal: from any method, when the source itself refuses.
    """

    def rows(self) -> Sequence[dict[str, Any]]:
        """Return the instruments-info rows."""
        ...

    def last(self, symbol: str, at_ms: int) -> Decimal | None:
        """Return the last traded price, or None when nothing has traded yet."""
        ...

    def book(self, instrument: Instrument, at_ms: int, last: Decimal | None = None) -> Book:
        """Return the order book at `at_ms`; with `last`, the book as it was when that was the last price."""
        ...

    def path(self, symbol: str, after_ms: int, until_ms: int) -> Iterable[Move]:
        """Return, in time order, the moves of the last price that touch [after, until], each whole.

        Both ends belong to it: a price may change in the very millisecond of an earlier look.
        """
        ...

    def tickers(self, symbol: str | None, at_ms: int) -> list[dict[str, str]]:
        """Return ticker rows, of one symbol or of all."""
        ...

    def klines(
        self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int, at_ms: int
    ) -> list[list[str]]:
        """Return kline rows as of `at_ms`, newest first, the open candle included."""
        ...


class Pairs:
    """The rules of a market's pairs, read once."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._rules: dict[str, Instrument] = {}

    def find(self, symbol: str) -> Instrument | None:
        """Return the rules of a symbol, None when it is not traded."""
        if not self._rules:
            self._rules = {row["symbol"]: from_row(row) for row in self._market.rows()}
        return self._rules.get(symbol)

    def forget(self) -> None:
        """Read the rules again when they are needed next."""
        self._rules.clear()


def made_book(
    instrument: Instrument, last: Decimal, spread_ticks: int = 1, depth: Decimal | None = None
) -> Book:
    """Return a book around a last price: the bid half a spread below it (at it, for one tick), the ask a spread above.

    Levels lie one tick apart, each with `depth` base coins, or ample when None.
    """
    tick = instrument.tick
    bid = max(tick, last - tick * (spread_ticks // 2))
    ask = bid + tick * spread_ticks
    if depth is None:
        return Book([(bid, AMPLE)], [(ask, AMPLE)])
    deep = min(LEVELS, int((bid / tick).to_integral_value(ROUND_CEILING)))  # No bid is at zero or below.
    return Book(_Ladder(bid, -tick, depth, deep), _Ladder(ask, tick, depth, LEVELS))


class _Ladder(Sequence[Level]):
    """The levels of one side of a made book, each made when it is looked at: mostly the first alone is."""

    def __init__(self, best: Decimal, step: Decimal, depth: Decimal, levels: int) -> None:
        self._best, self._step, self._depth = best, step, depth
        self._places = range(levels)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Level: ...
    @overload
    def __getitem__(self, place: slice) -> list[Level]: ...
    def __getitem__(self, place: int | slice) -> Level | list[Level]:
        chosen = self._places[place]
        return self._level(chosen) if isinstance(chosen, int) else [self._level(each) for each in chosen]

    def __iter__(self) -> Iterator[Level]:
        return map(self._level, self._places)

    def _level(self, place: int) -> Level:
        return self._best + self._step * place, self._depth
