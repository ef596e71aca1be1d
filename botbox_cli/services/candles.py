"""Stored candles with their indicators, as rows to read."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from botbox_cli.analysis.columns import exact
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.errors import NotFound, UsageError
from botbox_cli.ports import CandleBatch, CandleStore, Indicators, Store
from botbox_cli.services.lookup import interval_of, unknown_symbol


@dataclass(frozen=True, slots=True)
class CandleRow:
    """One closed candle. Indicators are None where they are not defined (yet)."""

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    bb_upper: float | None
    bb_middle: float | None
    bb_lower: float | None
    rsi: float | None
    atr: float | None
    volume_ma: float | None


def candle_rows(
    store: Store,
    candle_store: CandleStore,
    venue: Venue,
    symbol: str,
    *,
    timeframe: str = "60",
    limit: int = 200,
) -> list[CandleRow]:
    """Return the newest `limit` stored candles, oldest first; none if this series of a known symbol is not recorded.

    Raises:
        UsageError: If `limit` is below 1.
        NotFound: If the interval does not exist, or nothing is known of the symbol.
    """
    interval = interval_of(timeframe)
    if limit < 1:
        raise UsageError(f"the limit must be at least 1, not {limit}")
    candles, indicators = candle_store.tail(venue, symbol, interval, limit)
    if not len(candles.open_ms):
        check_known(store, candle_store, venue, symbol)
    return rows_of(candles, indicators)


def rows_of(candles: CandleBatch, indicators: Indicators) -> list[CandleRow]:
    """Return columns as rows, prices in decimals."""
    return [
        CandleRow(
            from_ms(int(candles.open_ms[row])),
            exact(candles.open[row]),
            exact(candles.high[row]),
            exact(candles.low[row]),
            exact(candles.close[row]),
            exact(candles.volume[row]),
            exact(candles.turnover[row]),
            *(_number(getattr(indicators, field.name)[row]) for field in fields(Indicators)),
        )
        for row in range(len(candles.open_ms))
    ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def check_known(store: Store, candle_store: CandleStore, venue: Venue, symbol: str) -> None:
    """Raise NotFound, with the nearest names, for a symbol of which nothing is stored."""
    if store.instrument(venue, symbol) is not None:
        return
    recorded = {series.symbol for series in candle_store.series(venue)}
    if symbol in recorded:
        return
    error = unknown_symbol(symbol, recorded)
    raise NotFound(error.message, error.hint or f"run `botbox record --symbol {symbol}` first")
