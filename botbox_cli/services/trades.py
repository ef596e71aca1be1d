"""Trades as people and scripts see them: their numbers derived from fills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from botbox_cli.domain.account import Account
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.order import Order
from botbox_cli.domain.pnl import Pnl, pnl_of
from botbox_cli.domain.record import record
from botbox_cli.domain.trade import Position, Trade, TradeStatus
from botbox_cli.ports import LogEntry, Store
from botbox_cli.services.book import TradeBook, books_of, read_trade


@record
class OrderView:
    """An order with what its fills add up to; `avg_price` is None without fills."""

    order: Order
    filled_qty: Decimal
    avg_price: Decimal | None
    fees: dict[str, Decimal]


@record
class TradeView:
    """A trade with its position, result and orders."""

    trade: Trade
    position: Position
    pnl: Pnl
    orders: tuple[OrderView, ...]


def view(book: TradeBook) -> TradeView:
    """Return a trade as it is shown."""
    position = book.position
    orders = tuple(_order_view(book, order) for order in book.orders)
    return TradeView(book.trade, position, pnl_of(book.trade, position, book.fills), orders)


def _order_view(book: TradeBook, order: Order) -> OrderView:
    qty, value = ZERO, ZERO
    fees: dict[str, Decimal] = {}
    for fill in book.fills:
        if fill.order_link_id == order.order_link_id:
            qty, value = qty + fill.qty, value + fill.value
            for coin, amount in fill.fees:
                fees[coin] = fees.get(coin, ZERO) + amount
    return OrderView(order, qty, value / qty if qty else None, fees)


def list_trades(
    store: Store,
    account: Account,
    statuses: Sequence[TradeStatus] | None = None,
    *,
    symbol: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[TradeView]:
    """Return an account's trades, newest first; `since` bounds when they were made."""
    with store.read(account) as books:
        found = books.trades(statuses, symbol=symbol, since=since, limit=limit, offset=offset)
        return [view(book) for book in books_of(books, found)]


def one_trade(store: Store, account: Account, trade_id: int) -> tuple[TradeView, TradeBook, list[LogEntry]]:
    """Return a trade with its fills and its history. Raises NotFound."""
    with store.read(account) as books:
        book = read_trade(books, trade_id)
        return view(book), book, books.log_of(trade_id=trade_id)
