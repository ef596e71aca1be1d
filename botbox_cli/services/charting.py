"""What a chart shows: the candles of a pair around a setup or a trade, with levels and fills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from botbox_cli.analysis.columns import NO_CANDLES, NO_INDICATORS
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import Interval, to_ms
from botbox_cli.domain.setup import Setup
from botbox_cli.domain.trade import Trade
from botbox_cli.errors import NotFound, UsageError
from botbox_cli.ports import CandleBatch, CandleStore, Indicators, Store
from botbox_cli.services.book import TradeBook, read_trade
from botbox_cli.services.candles import check_known
from botbox_cli.services.desk import Desk
from botbox_cli.services.lookup import interval_of

DEFAULT_TIMEFRAME = "60"
BEFORE, AFTER = 2, 1
"""Of three parts of the candles, how many lie before what the chart is about, when there are as many after it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A fill, or the moment of a setup (`is_fill` False): when, at what price, what it is called."""

    at: datetime
    price: Decimal
    label: str
    is_buy: bool
    is_fill: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """Closed candles with their indicators, oldest first, prices by name, and marks in order of time."""

    symbol: str
    interval: Interval
    title: str
    candles: CandleBatch
    indicators: Indicators
    levels: tuple[tuple[str, Decimal], ...] = ()
    marks: tuple[Mark, ...] = ()

    def column_of(self, at: datetime, first: int = 0) -> int | None:
        """Return the candle of a moment, counted from `first` (as in a slice); None for one that is not drawn.

        What happened in the candle that is still open belongs to the last closed one, else it would not be seen.
        """
        open_ms, length = self.candles.open_ms[first:], self.interval.length_ms
        at_ms = to_ms(at)
        column = int(np.searchsorted(open_ms, at_ms, side="right")) - 1
        is_last = column == len(open_ms) - 1
        if column < 0 or at_ms >= int(open_ms[column]) + (2 if is_last else 1) * length:
            return None
        return column


def chart_of_symbol(
    store: Store, candle_store: CandleStore, venue: Venue, symbol: str, *, timeframe: str, count: int
) -> Drawing:
    """Return the newest candles of a pair. Raises NotFound for an unknown pair or interval."""
    interval = interval_of(timeframe)
    check_known(store, candle_store, venue, symbol)
    candles, indicators = candle_store.tail(venue, symbol, interval, count)
    return Drawing(symbol, interval, f"{symbol}, {interval.code}", candles, indicators)


def chart_of_setup(
    desk: Desk, setup_id: int, *, symbol: str | None = None, timeframe: str | None = None, count: int
) -> Drawing:
    """Return the candles around a setup, with its levels and the fills of its trades. Raises NotFound, UsageError."""
    with desk.store.read(desk.account) as books:
        setup = books.setup(setup_id)
        mine = [t for t in books.trades(symbol=setup.symbol) if t.setup_id == setup.id]
        trades = [read_trade(books, t.id) for t in mine]
    return _around(desk, setup, trades, f"setup {setup.id}", symbol, timeframe, count)


def chart_of_trade(
    desk: Desk, trade_id: int, *, symbol: str | None = None, timeframe: str | None = None, count: int
) -> Drawing:
    """Return the candles around a trade, with its levels and fills. Raises NotFound, UsageError."""
    with desk.store.read(desk.account) as books:
        book = read_trade(books, trade_id)
        setup = books.setup(book.trade.setup_id)
    return _around(desk, setup, [book], f"trade {trade_id}", symbol, timeframe, count)


def _around(
    desk: Desk,
    setup: Setup,
    trades: list[TradeBook],
    name: str,
    symbol: str | None,
    timeframe: str | None,
    count: int,
) -> Drawing:
    if symbol is not None and symbol != setup.symbol:
        raise UsageError(f"{name} is of {setup.symbol}, not {symbol}", f"`botbox chart {setup.symbol} …`")
    interval = interval_of(timeframe or setup.timeframe or DEFAULT_TIMEFRAME)
    fills = sorted((f for book in trades for f in book.fills), key=lambda f: f.executed_at)
    start = setup.candle_time or setup.detected_at
    end = max((f.executed_at for f in fills), default=start)
    marks = [Mark(start, setup.entry_price, "setup", setup.direction.sign > 0, is_fill=False)]
    marks += [Mark(f.executed_at, f.price, str(f.side), f.side == "buy") for f in fills]
    candles, indicators = _window(desk, setup.symbol, interval, start, end, count)
    levels = _levels(setup, trades[0].trade if trades else None)
    title = f"{setup.symbol}, {interval.code}, {name}"
    return Drawing(setup.symbol, interval, title, candles, indicators, levels, tuple(marks))


def _window(
    desk: Desk, symbol: str, interval: Interval, start: datetime, end: datetime, count: int
) -> tuple[CandleBatch, Indicators]:
    """Return up to `count` candles: from `start` to `end` with room on both sides, or the newest of a long span."""
    start_ms, end_ms = interval.floor_ms(to_ms(start)), interval.floor_ms(to_ms(end))
    spare = max(0, count - ((end_ms - start_ms) // interval.length_ms + 1))
    last_ms = end_ms + spare * AFTER // (BEFORE + AFTER) * interval.length_ms
    stored = {(s.symbol, s.timeframe): s for s in desk.candles.series(desk.account.venue)}
    series = stored.get((symbol, interval.code))
    if series is None:
        return NO_CANDLES, NO_INDICATORS
    last_ms = min(last_ms, series.last_ms)
    first_ms = last_ms - (count - 1) * interval.length_ms
    return desk.candles.between(desk.account.venue, symbol, interval, first_ms, last_ms)


def _levels(setup: Setup, trade: Trade | None) -> tuple[tuple[str, Decimal], ...]:
    stop = setup.stop_loss if trade is None else trade.stop_loss
    levels = [("target", setup.take_profit_1), ("entry", setup.entry_price), ("stop", stop)]
    if setup.take_profit_2 is not None:
        levels.insert(0, ("target 2", setup.take_profit_2))
    return tuple(levels)


def require_candles(drawing: Drawing) -> Drawing:
    """Return the drawing if there is something to draw. Raises NotFound."""
    if len(drawing.candles.open_ms):
        return drawing
    code = drawing.interval.code
    raise NotFound(
        f"no {code} candles of {drawing.symbol} are stored for it",
        f"run `botbox record --once --symbol {drawing.symbol} --timeframe {code}`",
        code="no_candles",
    )
