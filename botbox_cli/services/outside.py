"""Coins of ours that someone sold by hand: seen from the wallet, booked from the executions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.order import Order, OrderStatus, OrderType, Role, Side, parse_order_link_id
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import LIVING_TRADES, SOLD_OUTSIDE, Trade, position_of
from botbox_cli.errors import Mismatch
from botbox_cli.ports import Books
from botbox_cli.services.book import (
    TradeBook,
    add_fills,
    close_books,
    instrument_of,
    read_trade,
    with_fee_values,
)
from botbox_cli.services.lease import Work

PART = "/"
"""Between the exchange's id of a sale by hand and the trade whose part of it is meant: it may end several trades."""


def adopt_outside_sales(work: Work, recent: Iterable[Fill]) -> bool:
    """Book sales of this trade's coins that botbox did not make; True if the trade is closed by them.

    Only asked when no stop holds the coins. While the wallet still covers all that botbox's trades hold of the coin,
    whatever was sold by hand was the owner's own.

    Raises:
        Mismatch: The wallet lacks coins of ours and no execution explains it (moved away, converted).
    """
    desk = work.desk
    trade = work.read().trade
    if trade.direction is not Direction.LONG:
        return False
    instrument = instrument_of(desk, trade.symbol)
    balance = desk.exchange.wallet().get(trade.base_coin)
    total = balance.total if balance else ZERO
    missing = _held_by_all(work, trade.base_coin) - total
    if missing < instrument.lot_size:
        return False
    since = trade.entry_time or trade.created_at
    sales = _foreign_sales(work, trade, [*recent, *desk.exchange.fills_since(since)])
    sales = with_fee_values(desk, trade, sales)
    work.renew()
    with desk.store.write(desk.account) as books:
        _book_sales(books, work, sales, missing)
        book = read_trade(books, work.trade_id)
        if instrument.floor_qty(book.position.held) <= 0:
            close_books(books, book, desk.clock.now(), SOLD_OUTSIDE)
            return True
    short = missing - sum((f.qty for f in sales), ZERO)
    if short >= instrument.lot_size:
        raise Mismatch(
            f"trade {trade.id} holds {book.position.held} {trade.base_coin} by the books, "
            f"but the account has only {total}",
            f"`botbox reconcile` shows the difference; `botbox close {trade.id}` sells what is there",
        )
    return False


def _held_by_all(work: Work, coin: str) -> Decimal:
    desk = work.desk
    with desk.store.read(desk.account) as books:
        trades = [
            t for t in books.trades(LIVING_TRADES) if t.base_coin == coin and t.direction is Direction.LONG
        ]
        orders, fills = books.orders([t.id for t in trades]), books.fills([t.id for t in trades])
    held = ZERO
    for trade in trades:
        own = [o for o in orders if o.trade_id == trade.id]
        links = {o.order_link_id for o in own}
        held += position_of(trade, own, [f for f in fills if f.order_link_id in links]).held
    return held


def _foreign_sales(work: Work, trade: Trade, fills: Iterable[Fill]) -> list[Fill]:
    """Return what nobody has claimed yet of executions that sold this coin since the entry and are not botbox's."""
    since = trade.entry_time or trade.created_at
    found: dict[str, Fill] = {}
    with work.desk.store.read(work.desk.account) as books:
        claimed = _claimed(books, trade.symbol)
        for fill in fills:
            if fill.symbol != trade.symbol or fill.side is not Side.SELL or fill.executed_at < since:
                continue
            if _is_ours(work, fill) or books.order_by_link_id(fill.order_link_id) is not None:
                continue
            left = fill.qty - claimed.get(fill.execution_id, ZERO)
            if left > 0:
                found[fill.execution_id] = _part_of(fill, left)
    return sorted(found.values(), key=lambda f: f.executed_at)


def _claimed(books: Books, symbol: str) -> dict[str, Decimal]:
    """Return how much of each sale by hand the trades have booked already."""
    claimed: dict[str, Decimal] = {}
    for fill in books.fills([t.id for t in books.trades(symbol=symbol)]):
        execution_id, part, _ = fill.execution_id.partition(PART)
        if part:
            claimed[execution_id] = claimed.get(execution_id, ZERO) + fill.qty
    return claimed


def _is_ours(work: Work, fill: Fill) -> bool:
    parsed = parse_order_link_id(fill.order_link_id)
    return parsed is not None and parsed[0] == work.desk.store.installation


def _book_sales(books: Books, work: Work, sales: list[Fill], missing: Decimal) -> None:
    """Add foreign sales to the trade as exits, up to what is missing and held; a last one may count in part."""
    left = min(missing, read_trade(books, work.trade_id).position.held)
    parts: dict[str, list[Fill]] = {}
    for fill in sales:
        if left <= 0:
            break
        part = _part_of(fill, min(left, fill.qty))
        parts.setdefault(fill.order_link_id, []).append(part)
        left -= part.qty
    for fills in parts.values():
        order = _foreign_order(read_trade(books, work.trade_id), fills)
        books.add_order(order)
        add_fills(books, [_claim(f, order) for f in fills], work.desk.clock.now(), work.trade_id)


def _part_of(fill: Fill, qty: Decimal) -> Fill:
    if qty == fill.qty:
        return fill
    share = qty / fill.qty
    return replace(
        fill,
        qty=qty,
        fees=tuple((coin, amount * share) for coin, amount in fill.fees),
        fees_quote=None if fill.fees_quote is None else fill.fees_quote * share,
    )


def _claim(fill: Fill, order: Order) -> Fill:
    """Return a sale by hand under the ids by which the books know this trade's part of it."""
    part = order.order_link_id.removeprefix(fill.order_link_id)
    return replace(fill, execution_id=fill.execution_id + part, order_link_id=order.order_link_id)


def _foreign_order(book: TradeBook, fills: list[Fill]) -> Order:
    attempt = 1 + max((o.attempt for o in book.of_role(Role.EXIT)), default=0)
    first = fills[0]
    return Order(
        trade_id=book.trade.id,
        role=Role.EXIT,
        attempt=attempt,
        order_link_id=f"{first.order_link_id}{PART}{book.trade.id}-{attempt}",
        symbol=first.symbol,
        side=first.side,
        order_type=OrderType.MARKET,
        qty=sum((f.qty for f in fills), ZERO),
        status=OrderStatus.FILLED,
        created_at=first.executed_at,
        updated_at=fills[-1].executed_at,
        exchange_order_id=first.exchange_order_id,
        reason="not sent by botbox",
    )
