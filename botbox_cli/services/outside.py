"""Coins of ours that someone sold by hand: seen from the wallet, booked from the executions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.number import ONE, ZERO
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
    work.renew()
    sales = _foreign_sales(work, trade, [*recent, *desk.exchange.fills_since(since)])
    with desk.store.write(desk.account) as books:
        _book_sales(books, work, with_fee_values(desk, trade, sales), missing)
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
    """Return executions that sold this coin since the entry under an id that no order of this database has."""
    since = trade.entry_time or trade.created_at
    found: dict[str, Fill] = {}
    with work.desk.store.read(work.desk.account) as books:
        for fill in fills:
            if fill.symbol != trade.symbol or fill.side is not Side.SELL or fill.executed_at < since:
                continue
            known = books.order_by_link_id(fill.order_link_id)
            if known is None and not _is_ours(work, fill):
                found[fill.execution_id] = fill
    return sorted(found.values(), key=lambda f: f.executed_at)


def _is_ours(work: Work, fill: Fill) -> bool:
    parsed = parse_order_link_id(fill.order_link_id)
    return parsed is not None and parsed[0] == work.desk.store.installation


def _book_sales(books: Books, work: Work, sales: list[Fill], missing: Decimal) -> None:
    """Add foreign sales to the trade as exits, up to what is missing and held; a last one may count in part."""
    left = min(missing, read_trade(books, work.trade_id).position.held)
    for fill in sales:
        if left <= 0:
            return
        share = min(ONE, left / fill.qty)
        part = fill if share == ONE else _part_of(fill, share)
        book = read_trade(books, work.trade_id)
        if all(o.order_link_id != fill.order_link_id for o in book.orders):
            books.add_order(_foreign_order(book, fill, part.qty))
        add_fills(books, [part], work.desk.clock.now(), work.trade_id)
        left -= part.qty


def _part_of(fill: Fill, share: Decimal) -> Fill:
    return replace(
        fill,
        qty=fill.qty * share,
        fees=tuple((coin, amount * share) for coin, amount in fill.fees),
        fees_quote=None if fill.fees_quote is None else fill.fees_quote * share,
    )


def _foreign_order(book: TradeBook, fill: Fill, qty: Decimal) -> Order:
    attempt = 1 + max((o.attempt for o in book.of_role(Role.EXIT)), default=0)
    return Order(
        trade_id=book.trade.id,
        role=Role.EXIT,
        attempt=attempt,
        order_link_id=fill.order_link_id,
        symbol=fill.symbol,
        side=fill.side,
        order_type=OrderType.MARKET,
        qty=qty,
        status=OrderStatus.FILLED,
        created_at=fill.executed_at,
        updated_at=fill.executed_at,
        exchange_order_id=fill.exchange_order_id,
        reason="not sent by botbox",
    )
