"""The brakes: reasons not to enter. They stop entries only; exits, stops and cancels go on.

Each is checked when the entry is planned and again in the transaction that saves its intent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from botbox_cli.domain.number import HUNDRED, ZERO, plain
from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.pnl import open_risk, pnl_of
from botbox_cli.domain.setup import Setup
from botbox_cli.domain.trade import LIVING_TRADES, Trade, TradeStatus
from botbox_cli.errors import Denied, OutcomeUnknown
from botbox_cli.ports import Books
from botbox_cli.services.book import TradeBook, books_of
from botbox_cli.services.desk import Policy


def check_halt(books: Books) -> str:
    """Refuse while the person has halted entries."""
    halt = books.halt()
    if halt is None:
        return "not halted"
    why = f" ({halt.reason})" if halt.reason else ""
    raise Denied(
        f"new entries are halted since {halt.since:%Y-%m-%d %H:%M} UTC{why}",
        "run `botbox resume`",
        code="halted",
    )


def check_positions(books: Books, policy: Policy) -> str:
    """Refuse beyond BOTBOX_MAX_OPEN_POSITIONS."""
    count = len(books.trades(LIVING_TRADES))
    if count >= policy.max_open_positions:
        raise Denied(
            f"{count} positions are open and BOTBOX_MAX_OPEN_POSITIONS is {policy.max_open_positions}",
            "close one (`botbox trades --status open`) or raise the limit",
            code="too_many_positions",
        )
    return f"{count} of {policy.max_open_positions} positions open"


def check_symbol(books: Books, setup: Setup) -> str:
    """Refuse while the outcome of an earlier order in the setup's symbol is unknown.

    (A trade of the setup itself is refused for itself.)
    """
    symbol = setup.symbol
    living = [t for t in books.trades(LIVING_TRADES, symbol=symbol) if t.setup_id != setup.id]
    for book in books_of(books, living):
        doubtful = next((o for o in book.orders if o.status is OrderStatus.UNKNOWN), None)
        if doubtful is not None or book.trade.status is TradeStatus.OPENING:
            link = doubtful.order_link_id if doubtful else f"the entry of trade {book.trade.id}"
            raise OutcomeUnknown(
                f"{link} in {symbol} is not settled yet: entries in {symbol} wait for it",
                "run `botbox monitor --once`",
            )
    return f"nothing unsettled in {symbol}"


def check_day_loss(books: Books, policy: Policy, equity: Decimal, now: datetime) -> str:
    """Refuse after BOTBOX_MAX_DAY_LOSS_PERCENT of equity was lost since 00:00 UTC."""
    limit = policy.max_day_loss_percent
    if not limit:
        return "no day-loss limit"
    lost = -sum(_results_today(books, now), ZERO)
    allowed = equity * limit / HUNDRED
    if lost >= allowed:
        raise Denied(
            f"{plain(lost.quantize(Decimal('0.01')))} lost since 00:00 UTC, the limit is {plain(limit)} % of equity "
            f"({plain(allowed.quantize(Decimal('0.01')))})",
            "entries go on tomorrow; BOTBOX_MAX_DAY_LOSS_PERCENT sets the limit",
            code="day_loss",
        )
    return f"{max(lost, ZERO):.2f} of {allowed:.2f} lost today"


def check_streak(books: Books, policy: Policy, now: datetime) -> str:
    """Refuse after BOTBOX_MAX_LOSS_STREAK losing trades in a row today."""
    if not policy.max_loss_streak:
        return "no loss-streak pause"
    streak = 0
    for result in _results_today(books, now):
        if result >= 0:
            break
        streak += 1
    if streak >= policy.max_loss_streak:
        raise Denied(
            f"the last {streak} trades of today lost, BOTBOX_MAX_LOSS_STREAK is {policy.max_loss_streak}",
            "entries go on tomorrow, or raise the limit",
            code="loss_streak",
        )
    return f"{streak} losses in a row today"


def check_open_risk(books: Books, policy: Policy, equity: Decimal, new_risk: Decimal) -> str:
    """Refuse when the risk of all open trades and the new one is beyond BOTBOX_MAX_OPEN_RISK_PERCENT of equity."""
    limit = policy.max_open_risk_percent
    if not limit:
        return "no cap on open risk"
    living = books_of(books, books.trades(LIVING_TRADES))
    at_risk = (open_risk(b.trade, b.position) + _risk_under_way(books, b) for b in living)
    total = new_risk + sum(at_risk, ZERO)
    allowed = equity * limit / HUNDRED
    if total > allowed:
        raise Denied(
            f"open risk would be {total:.2f}, the cap is {plain(limit)} % of equity ({allowed:.2f})",
            "close a trade or raise BOTBOX_MAX_OPEN_RISK_PERCENT",
            code="open_risk",
        )
    return f"{total:.2f} of {allowed:.2f} at risk"


def _risk_under_way(books: Books, book: TradeBook) -> Decimal:
    """Return the risk that was planned for what an open entry may still fill, or has filled unseen."""
    entry = next((o for o in book.of_role(Role.ENTRY) if o.is_open), None)
    if entry is None:
        return ZERO
    plans = [e.data for e in books.log_of(trade_id=book.trade.id) if e.event == "planned" and e.data]
    planned = sum((Decimal(plan["sizing"]["risk"]) for plan in plans), ZERO)
    return planned * (entry.qty - book.filled(entry)) / entry.qty


def _results_today(books: Books, now: datetime) -> Iterator[Decimal]:
    """Yield the P&L of trades that have ended since 00:00 UTC, newest exit first.

    One whose exit is booked has ended, though another process is still about to close it.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    closed = books.trades([TradeStatus.CLOSED], ended_since=midnight)
    ended = [(_exit_time(b.trade), b) for b in books_of(books, closed)]
    living = books_of(books, books.trades(LIVING_TRADES))
    ended += [(max(f.executed_at for f in b.fills), b) for b in living if _is_on_its_way_out(b)]
    for at, book in sorted(ended, key=lambda each: each[0], reverse=True):
        if at >= midnight:
            yield _result(book)


def _is_on_its_way_out(book: TradeBook) -> bool:
    """Tell whether a living trade has begun to be sold for good: its stop has fired, or it is being left."""
    is_left = book.trade.close_reason != "" or any(book.filled(o) for o in book.of_role(Role.STOP))
    return is_left and book.position.exited > 0


def _exit_time(trade: Trade) -> datetime:
    assert trade.exit_time is not None, "a closed trade has an exit time"
    return trade.exit_time


def _result(book: TradeBook) -> Decimal:
    return pnl_of(book.trade, book.position, book.fills).pnl or ZERO
