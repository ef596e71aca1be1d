"""Closing one trade by hand, at market. Never needs an approval and is never braked."""

from __future__ import annotations

from dataclasses import dataclass

from botbox_cli.domain.number import plain
from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.trade import CLOSED_BY_HAND, TradeStatus
from botbox_cli.errors import (
    EXCHANGE_FAILED,
    BotboxError,
    Conflict,
    Denied,
    ExchangeRejected,
    ExchangeUnavailable,
    NotFound,
    OutcomeUnknown,
    StorageError,
)
from botbox_cli.ports import LogEntry
from botbox_cli.services.attend import Snapshot, attend, entry_in_doubt
from botbox_cli.services.book import TradeBook, read_trade
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Budget, Work, hurried, working_on
from botbox_cli.services.leave import leave, refuse_without_time
from botbox_cli.services.protect import graver
from botbox_cli.services.trades import TradeView, view

WAIT_FOR_OTHERS_S = 3.0


@dataclass(frozen=True, slots=True)
class CloseOutcome:
    """The trade after the attempt, and what went wrong in it."""

    trade: TradeView
    error: BotboxError | None

    @property
    def success(self) -> bool:
        return self.trade.trade.status is TradeStatus.CLOSED


def close(desk: Desk, trade_id: int, *, reason: str = "", budget: Budget | None = None) -> CloseOutcome:
    """Sell what a trade holds, at market, after its stop is seen gone; within `budget`, if others share it.

    Raises:
        NotFound, Conflict: No such trade, one that has ended, or one that another process works on.
    """
    with desk.store.read(desk.account) as books:
        trade = books.trade(trade_id)
    if trade.status in (TradeStatus.CLOSED, TradeStatus.FAILED):
        raise Conflict(f"trade {trade_id} is {trade.status} already", f"`botbox trade {trade_id}` shows it")
    error: BotboxError | None = None
    budget = budget or Budget(desk.clock)
    wait_s = min(WAIT_FOR_OTHERS_S, budget.left_s())
    with working_on(hurried(desk, budget), trade_id, budget, wait_s=wait_s) as work:
        try:
            _close(work, reason)
        except StorageError as e:
            raise _in_doubt(trade_id, e) from e
        except BotboxError as e:
            error = e
    try:
        with desk.store.read(desk.account) as books:
            return CloseOutcome(view(read_trade(books, trade_id)), error)
    except StorageError as e:
        raise error or _in_doubt(trade_id, e) from e


def _in_doubt(trade_id: int, error: StorageError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"the database failed while trade {trade_id} was being closed: {error.message}",
        "mend the database, then run `botbox monitor --once`: it settles what was sent",
    )


def _close(work: Work, reason: str) -> None:
    before = {o.order_link_id for o in work.read().orders}
    try:
        _sell(work, reason)
    except ExchangeUnavailable as e:
        # What an earlier process had decided to sell may have been sold just now, before nothing more could be.
        book = work.read()
        if any(o.role is Role.EXIT and o.order_link_id not in before and book.filled(o) for o in book.orders):
            raise graver(work, _in_part(book, Denied)) from e
        raise
    book = work.read()
    if book.trade.status is TradeStatus.CLOSING and any(o.role is Role.ENTRY for o in book.open_orders):
        raise entry_in_doubt(book)  # All that is known of is sold, but the entry is not seen to have ended.
    if book.trade.status is TradeStatus.OPEN:
        raise _in_part(book, ExchangeRejected)


def _in_part(book: TradeBook, kind: type[BotboxError]) -> BotboxError:
    trade, left = book.trade, plain(book.position.held)
    return kind(
        f"trade {trade.id} was closed only in part: {left} {trade.base_coin} are left, and have their stop",
        f"`botbox close {trade.id}` tries again",
        code="closed_in_part",
    )


def _sell(work: Work, reason: str) -> None:
    desk = work.desk
    refuse_without_time(work)
    try:
        quotes = desk.exchange.quotes([work.read().trade.symbol])
    except EXCHANGE_FAILED as e:
        raise graver(work, e) from e
    before = work.read()
    if before.trade.status is not TradeStatus.OPEN or any(
        o.status is OrderStatus.UNKNOWN for o in before.open_orders
    ):
        attend(work, Snapshot(quotes=quotes), act=False)
    trade = work.read().trade
    if trade.status is not TradeStatus.OPEN:
        return
    quote = quotes.get(trade.symbol)
    if quote is None:
        raise graver(work, NotFound(f"the exchange gives no price for {trade.symbol}; it may be halted"))
    if reason:
        with desk.store.write(desk.account) as books:
            books.log(LogEntry(desk.clock.now(), "close asked", reason, trade_id=trade.id))
    leave(work, CLOSED_BY_HAND, quote.last)
