"""The books of one trade: reading it, adding fills, and moving its status to what the fills say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from botbox_cli.domain.fill import Fill, valued_in_quote
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import ZERO, plain
from botbox_cli.domain.order import OPEN_STATUSES, Order, OrderStatus, Role, parse_order_link_id
from botbox_cli.domain.record import changed, record
from botbox_cli.domain.setup import Direction, SetupStatus
from botbox_cli.domain.trade import (
    CLOSED_BY_HAND,
    SOLD_OUTSIDE,
    STOP_LOSS_HIT,
    Position,
    Trade,
    TradeStatus,
    position_of,
)
from botbox_cli.errors import BotboxError, NotFound
from botbox_cli.ports import Books, LogEntry
from botbox_cli.services.desk import Desk

UNVALUED_MARKER = "fees_without_value"


@record
class TradeBook:
    """One trade with its orders and fills, as the books hold them at one moment."""

    trade: Trade
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]

    @property
    def position(self) -> Position:
        return position_of(self.trade, self.orders, self.fills)

    @property
    def owed(self) -> Decimal:
        """Return what a short has still to buy back: of its loan, and of the interest that is booked."""
        return self.position.held + self.trade.interest

    @property
    def open_orders(self) -> list[Order]:
        return [o for o in self.orders if o.is_open]

    @property
    def ways_out(self) -> list[Order]:
        """Return the open stop or exit: while there is one, it holds the coins of the trade."""
        return [o for o in self.open_orders if o.role is not Role.ENTRY]

    def filled(self, order: Order) -> Decimal:
        """Return the base quantity booked for `order`."""
        link = order.order_link_id
        return sum([f.qty for f in self.fills if f.order_link_id == link], ZERO)

    def of_role(self, role: Role) -> list[Order]:
        return [o for o in self.orders if o.role is role]

    def find(self, order_link_id: str) -> Order:
        return next(o for o in self.orders if o.order_link_id == order_link_id)


def read_trade(books: Books, trade_id: int) -> TradeBook:
    """Return a trade with its orders and fills. Raises NotFound."""
    return TradeBook(books.trade(trade_id), tuple(books.orders([trade_id])), tuple(books.fills([trade_id])))


def instrument_of(desk: Desk, symbol: str) -> Instrument:
    """Return the stored rules of a pair. Raises NotFound when it was never recorded nor traded here."""
    instrument = desk.store.instrument(desk.account.venue, symbol)
    if instrument is None:
        raise NotFound(f"no instrument {symbol} is stored", "run `botbox record --once`")
    return instrument


def with_fee_values(desk: Desk, trade: Trade, fills: Sequence[Fill]) -> list[Fill]:
    """Return the fills with their fees valued in quote coin; a third coin (MNT) at its price now.

    A price that can't be had leaves the value open (None); a later pass fills it in.
    """
    coins = sorted({coin for f in fills for coin in f.third_coins(trade.base_coin, trade.quote_coin)})
    prices: dict[str, Decimal] = {}
    if coins:
        try:
            quotes = desk.exchange.quotes([coin + trade.quote_coin for coin in coins])
            prices = {
                coin: quotes[coin + trade.quote_coin].last
                for coin in coins
                if coin + trade.quote_coin in quotes
            }
        except BotboxError:
            prices = {}
    return [
        changed(f, fees_quote=valued_in_quote(f, trade.base_coin, trade.quote_coin, prices)) for f in fills
    ]


def add_fills(books: Books, fills: Iterable[Fill], at: datetime, trade_id: int) -> int:
    """Store fills that are not there yet, each with a line of history; return how many were new."""
    new = 0
    for fill in fills:
        if books.add_fill(fill):
            new += 1
            detail = f"{fill.side} {fill.qty} at {fill.price}"
            books.log(LogEntry(at, "filled", detail, trade_id=trade_id, data=dict(fill_facts(fill))))
            if fill.fees_quote is None:
                set_unvalued(books, unvalued(books) | {trade_id})
    return new


def unvalued(books: Books) -> set[int]:
    """Return the trades with fees in a third coin whose price could not be had."""
    return {int(trade_id) for trade_id in (books.marker(UNVALUED_MARKER) or "").split()}


def set_unvalued(books: Books, trade_ids: set[int]) -> None:
    """Remember these trades, whatever their age."""
    books.set_marker(UNVALUED_MARKER, " ".join(str(trade_id) for trade_id in sorted(trade_ids)))


def fill_facts(fill: Fill) -> dict[str, str]:
    """Return what the log keeps of a fill: all that never changes, so that an edit of the books shows."""
    return {
        "execution_id": fill.execution_id,
        "order_link_id": fill.order_link_id,
        "side": str(fill.side),
        "qty": plain(fill.qty),
        "price": plain(fill.price),
        "fees": ", ".join(f"{plain(amount)} {coin}" for coin, amount in fill.fees),
        "executed_at": fill.executed_at.isoformat(timespec="milliseconds"),
    }


def project(books: Books, trade_id: int, instrument: Instrument, at: datetime) -> None:
    """Move a trade's status to what its orders and fills say, in the transaction that changed them."""
    book = read_trade(books, trade_id)
    _project_orders(books, book, at)
    if _project_entry(books, book, at):
        book = read_trade(books, trade_id)
    _project_exit(books, book, instrument, at)


def _project_orders(books: Books, book: TradeBook, at: datetime) -> None:
    """Give an order that had ended with fewer fills than it has now the end that they show."""
    for order in book.orders:
        filled = book.filled(order)
        if not filled or order.is_open or order.status is OrderStatus.FILLED:
            continue
        status = OrderStatus.FILLED if filled >= order.qty else OrderStatus.PARTIAL_CANCELLED
        if status is not order.status:
            books.move_order(order.order_link_id, [order.status], status, updated_at=at, reason="filled late")
            books.log(
                LogEntry(
                    at, "order", f"{order.role} {order.order_link_id} is {status}", trade_id=order.trade_id
                )
            )


def _project_entry(books: Books, book: TradeBook, at: datetime) -> bool:
    """Open a trade whose entry has filled, give up one whose entry is over; tell whether either was due."""
    trade, entered = book.trade, book.position.entered
    if trade.status in (TradeStatus.OPENING, TradeStatus.FAILED) and entered > 0:
        first = min(f.executed_at for f in book.fills)
        books.move_trade(
            trade.id, [trade.status], TradeStatus.OPEN, entry_time=trade.entry_time or first, exit_time=None
        )
        setup = books.setup(trade.setup_id)
        if setup.status is not SetupStatus.TRIGGERED:
            books.move_setup(setup.id, [setup.status], SetupStatus.TRIGGERED)
        books.log(LogEntry(at, "opened", f"entry filled {entered} {trade.base_coin}", trade_id=trade.id))
        return True
    if trade.status is TradeStatus.OPENING and not book.open_orders:
        reason = book.orders[-1].reason if book.orders else "no order was made"
        books.move_trade(trade.id, [trade.status], TradeStatus.FAILED, exit_time=at, detail=reason)
        books.log(LogEntry(at, "failed", reason, trade_id=trade.id))
        return True
    return False


def _project_exit(books: Books, book: TradeBook, instrument: Instrument, at: datetime) -> None:
    trade = book.trade
    if trade.status not in (TradeStatus.OPEN, TradeStatus.CLOSING) or book.open_orders:
        return
    if trade.direction is Direction.SHORT:
        return  # flat once what it borrowed is paid back, see `margin.close_out`
    if instrument.floor_qty(book.position.held) <= 0:
        close_books(books, book, at)


def close_books(books: Books, book: TradeBook, at: datetime, reason: str = "") -> None:
    """Close a trade that holds nothing more to sell; what is left of it is dust."""
    trade = book.trade
    exit_time = max((f.executed_at for f in book.fills), default=at)
    why = _reason_of(book, reason)
    books.move_trade(
        trade.id, [trade.status], TradeStatus.CLOSED, exit_time=exit_time, close_reason=why, detail=""
    )
    books.log(LogEntry(at, "closed", why, trade_id=trade.id))


def _reason_of(book: TradeBook, reason: str) -> str:
    """Return why a trade is flat: what was decided, unless its executions show that something else came first."""
    exited = [o for o in book.orders if o.role is not Role.ENTRY and book.filled(o)]
    if exited and all(o.role is Role.STOP for o in exited):
        return STOP_LOSS_HIT
    if exited and all(parse_order_link_id(o.order_link_id) is None for o in exited):
        return SOLD_OUTSIDE
    # Nobody decided: what TP1 left over has met its stop, or someone sold.
    fired = any(o.role is Role.STOP for o in exited)
    return book.trade.close_reason or reason or (STOP_LOSS_HIT if fired else CLOSED_BY_HAND)


EARLIER_LIFE_MARGIN = timedelta(seconds=2)
"""Twice as far as our clock may be ahead of the exchange's: Bybit refuses a timestamp that leads by a second."""


def is_of_an_earlier_life(made_at: datetime, at: datetime) -> bool:
    """Tell whether something under a trade's id happened before the trade (or its order) was made.

    A database that was restored from a backup numbers its trades anew, and meets the orders of its own future.
    """
    return at < made_at - EARLIER_LIFE_MARGIN


def is_from(trade: Trade, installation: str, link: str, symbol: str, at: datetime) -> bool:
    """Tell whether what happened `at` under an order's id is of this trade, whether or not the books know the order."""
    name = parse_order_link_id(link)
    is_named = name is not None and name[:2] == (installation, trade.id) and symbol == trade.symbol
    return is_named and not is_of_an_earlier_life(trade.created_at, at)


def drop_unsent(books: Books, order: Order, why: str, at: datetime) -> None:
    """Mark an order that certainly never reached the exchange."""
    books.move_order(
        order.order_link_id,
        OPEN_STATUSES,
        OrderStatus.REJECTED,
        reason=why,
        updated_at=at,
    )


def books_of(books: Books, trades: Sequence[Trade]) -> list[TradeBook]:
    """Return these trades with their orders and fills, in the order given, with three queries in all."""
    ids = [t.id for t in trades]
    orders: dict[int, list[Order]] = {i: [] for i in ids}
    trade_of: dict[str, int] = {}
    for order in books.orders(ids):
        orders[order.trade_id].append(order)
        trade_of[order.order_link_id] = order.trade_id
    fills: dict[int, list[Fill]] = {i: [] for i in ids}
    for fill in books.fills(ids):
        fills[trade_of[fill.order_link_id]].append(fill)
    return [TradeBook(t, tuple(orders[t.id]), tuple(fills[t.id])) for t in trades]
