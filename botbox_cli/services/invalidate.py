"""Closing setups that have gone stale: expired, or left behind by the price."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from botbox_cli.analysis.columns import exact
from botbox_cli.domain.account import Account, Venue
from botbox_cli.domain.candle import INTERVALS
from botbox_cli.domain.setup import LIVING, Setup, SetupStatus
from botbox_cli.domain.trade import LIVING_TRADES
from botbox_cli.errors import Conflict, ExchangeRejected, ExchangeUnavailable
from botbox_cli.ports import CandleStore, Clock, Exchange, LogEntry, Store


class Invalidated(NamedTuple):
    """A setup that was closed, and why."""

    id: int
    reason: str


def invalidate(
    store: Store, candle_store: CandleStore, account: Account, exchange: Exchange | None, clock: Clock
) -> list[Invalidated]:
    """Close the ACTIVE and APPROVED setups that are no longer good; one with a living trade is left alone.

    Prices come from the exchange in one request, or from the newest stored candles when it can't be reached (or is
    None). A setup that moves on meanwhile, because a person decides at this moment, is left as that person wants it.
    """
    with store.read(account) as books:
        living = books.setups(LIVING)
    if not living:
        return []
    prices = _prices(living, candle_store, account.venue, exchange)
    now = clock.now()
    doomed = [
        (setup, reason)
        for setup in living
        if (reason := setup.invalid_reason(now, prices.get(setup.symbol))) is not None
    ]
    if not doomed:
        return []
    done = []
    with store.write(account) as books:
        traded = {trade.setup_id for trade in books.trades(LIVING_TRADES)}
        for setup, reason in doomed:
            if setup.id in traded:
                continue
            try:
                books.move_setup(setup.id, [setup.status], SetupStatus.INVALIDATED, reason=reason)
            except Conflict:
                continue
            books.log(LogEntry(now, "invalidated", reason, setup_id=setup.id))
            done.append(Invalidated(setup.id, reason))
    return done


def _prices(
    living: Iterable[Setup], candle_store: CandleStore, venue: Venue, exchange: Exchange | None
) -> dict[str, Decimal]:
    """Return the last price by symbol of those setups that price can end."""
    timeframes = {setup.symbol: setup.timeframe for setup in living if setup.atr}
    prices: dict[str, Decimal] = {}
    if exchange is not None and timeframes:
        try:
            quotes = exchange.quotes(sorted(timeframes))
        except (ExchangeUnavailable, ExchangeRejected):
            quotes = {}
        prices = {symbol: quote.last for symbol, quote in quotes.items()}
    for symbol in timeframes.keys() - prices.keys():
        close = _last_close(candle_store, venue, symbol, timeframes[symbol])
        if close is not None:
            prices[symbol] = close
    return prices


def _last_close(candle_store: CandleStore, venue: Venue, symbol: str, timeframe: str) -> Decimal | None:
    if timeframe not in INTERVALS:
        return None
    candles, _ = candle_store.tail(venue, symbol, INTERVALS[timeframe], 1)
    return exact(candles.close[-1]) if len(candles.close) else None
