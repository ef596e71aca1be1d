"""What became of an order: look it up, book what it filled, and prove absence only behind the fence.

The fence: each request carries a timestamp that was saved before it was sent, and Bybit refuses what arrives later
than `recv_window` after it. So an order that is found nowhere by a look-up which the exchange answered more than
`recv_window` + 2 s after that timestamp, by the exchange's own clock, can't appear any more. An order that the
exchange has acknowledged is never taken for absent by the fence alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from math import inf

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.order import Order, OrderReport, OrderStatus, ReportStatus, Role
from botbox_cli.domain.record import record
from botbox_cli.errors import (
    EXCHANGE_FAILED,
    FILLED,
    NOT_FILLED,
    BotboxError,
    ExchangeRejected,
    ExchangeUnavailable,
    OrderGone,
    OutcomeUnknown,
)
from botbox_cli.ports import Look
from botbox_cli.services.book import (
    add_fills,
    drop_unsent,
    instrument_of,
    is_of_an_earlier_life,
    project,
    read_trade,
    with_fee_values,
)
from botbox_cli.services.lease import Work
from botbox_cli.services.outside import has_all_coins

FENCE_MARGIN_S = 2.0
RETENTION_OF_UNFILLED = timedelta(hours=24)
"""Bybit forgets an order that ended without a fill after this (reference, section 2.11)."""
FORGOTTEN_AFTER_S = 60.0
"""An acknowledged order that two passes so far apart find nowhere, and a cancel does not know either, is gone."""
NOWHERE_MARKER = "nowhere:"
CANCEL_ASKED = "cancel asked for by botbox"
"""Reason on an order whose cancel we asked for, to tell it from one that was cancelled by hand."""
UNSOLD_AFTER_S = 5.0
"""The same, while the wallet shows that nothing was sold."""
CANCEL_REST_LIMIT_S = 4.0
UNFILLED_LAG_S = 2.0
"""An entry shown as ended without a fill is believed only this long after its end: fills may surface after it."""
ID_TAKEN = "the exchange has known this id before"
"""Reason on an order whose very first send was answered so: it came twice, or the id is an older order's."""
OLDER_COPY = "the exchange knows this id from before: the database is an older copy of itself"
"""Reason on an order whose id was used in an earlier life of these books."""
POLL_FIRST_S = 0.1
POLL_MAX_S = 1.0
BRIEF_S = 0.4
"""Before a pause as long as this an order is looked for only where it shows first."""


class Seen(Enum):
    """What a look-up showed."""

    DONE = "done"
    """Final in the books, every fill booked."""
    LIVE = "live"
    """On the exchange."""
    PENDING = "pending"
    """Not visible, or its executions are not: ask again."""
    ABSENT = "absent"
    """Proved: it never reached the exchange and can't any more."""


@record
class Sight:
    """A look-up's finding and the exchange's row, when there was one.

    `is_nowhere`: every place to look was answered, and none has the order. `error`: why nobody could look.
    """

    seen: Seen
    report: OrderReport | None = None
    is_nowhere: bool = False
    error: BotboxError | None = None


def look(work: Work, order: Order, *, is_brief: bool = False) -> Sight:
    """Ask the exchange once what became of an open order, and book it; a brief look never proves an absence."""
    work.renew()
    if order.status is OrderStatus.INTENDED:
        return Sight(Seen.ABSENT)
    found = work.desk.exchange.look_up(
        order.symbol,
        order.order_link_id,
        since=order.created_at,
        with_fills=order.role is not Role.STOP,  # A market order has mostly filled when it is looked for.
        is_brief=is_brief,
    )
    if found.report is not None and _is_of_an_earlier_life(work, order, found.report):
        mark_absent(work, order, OLDER_COPY)
        return Sight(Seen.DONE)
    if found.report is not None:
        return Sight(take_report(work, order, found.report, found.fills), found.report)
    if is_brief:
        return Sight(Seen.PENDING)
    if order.status is OrderStatus.UNKNOWN and is_proof_of_absence(work, order, found):
        return Sight(Seen.ABSENT)
    return Sight(Seen.PENDING, is_nowhere=True)


def _is_of_an_earlier_life(work: Work, order: Order, report: OrderReport) -> bool:
    """Tell whether a row under our id is of an earlier life of these books: older than the trade itself.

    What is older than the order alone is of this trade: the books had lost it.
    """
    if not is_of_an_earlier_life(order.created_at, report.created_at):
        return False
    return is_of_an_earlier_life(work.read().trade.created_at, report.created_at)


def is_proof_of_absence(work: Work, order: Order, found: Look) -> bool:
    """Tell whether finding nothing proves that `order` never reached the exchange.

    Before the fence its request may still arrive; after a day an entry that ended unfilled may be forgotten, and one
    whose id the exchange said to know may be there and not be shown. (A stop or an exit that rests nowhere and has no
    execution is gone either way, and its position must be looked after.)
    """
    assert order.sent_at is not None, "an UNKNOWN order has been sent"
    fence = order.sent_at + timedelta(seconds=work.desk.exchange.recv_window_s + FENCE_MARGIN_S)
    is_certain = found.at < order.sent_at + RETENTION_OF_UNFILLED and order.reason != ID_TAKEN
    return found.at > fence and (is_certain or order.role is not Role.ENTRY)


def take_report(work: Work, order: Order, report: OrderReport, seen: Sequence[Fill] = ()) -> Seen:
    """Book what the exchange reports of an order: its new fills first, its end only once every fill is booked.

    Fills that were `seen` with the report are not asked for again if they are all that it tells of.
    """
    desk = work.desk
    trade = (book := work.read()).trade
    fills: list[Fill] = []
    booked = book.filled(order)
    if _is_hasty_end(work, order, report):
        return Seen.PENDING
    if _wants_fills(report, booked):
        fills = _all_of(seen, report) or desk.exchange.order_fills(
            order.symbol, order.order_link_id, since=order.created_at, qty=report.filled_qty
        )
        fills = with_fee_values(desk, trade, [f for f in fills if f.order_link_id == order.order_link_id])
    work.renew()
    if not fills and _is_known(work, order, report, booked):
        return _seen_as(order.status, report)
    instrument = instrument_of(desk, trade.symbol)
    with desk.store.write(desk.account) as books:
        now = desk.clock.now()
        is_news = add_fills(books, fills, now, trade.id) > 0
        booked = read_trade(books, trade.id).filled(order)
        status = _status(order, report, booked)
        is_refused = status in (OrderStatus.CANCELLED, OrderStatus.REJECTED) and order.reason != CANCEL_ASKED
        reason = report.reason if is_refused else order.reason
        books.move_order(
            order.order_link_id,
            [order.status],
            status,
            exchange_order_id=report.exchange_order_id,
            updated_at=now,
            reason=reason or order.reason,
        )
        if status is not order.status:
            work.log(books, "order", f"{order.role} {order.order_link_id} is {status}", reason=reason)
        if is_news or status is not order.status:
            project(books, trade.id, instrument, now)
    return _seen_as(status, report)


def _seen_as(status: OrderStatus, report: OrderReport) -> Seen:
    if status is not OrderStatus.WORKING:
        return Seen.DONE
    return Seen.LIVE if report.status is ReportStatus.LIVE else Seen.PENDING


def _is_known(work: Work, order: Order, report: OrderReport, booked: Decimal) -> bool:
    """Tell whether a report without new fills says nothing that the books do not hold, so that nothing is written.

    An order that has been found nowhere before is written again, for it has been seen now: `is_forgotten`.
    """
    is_same = order.exchange_order_id == report.exchange_order_id
    if not is_same or _status(order, report, booked) is not order.status:
        return False
    with work.desk.store.read(work.desk.account) as books:
        return books.marker(NOWHERE_MARKER + order.order_link_id) is None


def _all_of(fills: Sequence[Fill], report: OrderReport) -> list[Fill]:
    """Return the fills if they are as much as the report says was filled; else none. An end without any is asked."""
    return list(fills) if sum(f.qty for f in fills) >= report.filled_qty > 0 else []


def _lacks_fills_alone(report: OrderReport) -> bool:
    """Tell whether a report is of an end that can't change any more: an end without a fill may turn out to have one."""
    return report.status is not ReportStatus.LIVE and report.filled_qty > 0


def _is_hasty_end(work: Work, order: Order, report: OrderReport) -> bool:
    """Tell whether an entry was shown as cancelled without a fill only just now."""
    if order.role is not Role.ENTRY or report.status is not ReportStatus.CANCELLED or report.filled_qty:
        return False
    ended_at = report.updated_at or order.sent_at or order.created_at
    return work.desk.clock.now() < ended_at + timedelta(seconds=UNFILLED_LAG_S)


def _wants_fills(report: OrderReport, booked: Decimal) -> bool:
    """Tell whether executions may be missing: always asked for at an end without any."""
    if report.filled_qty > booked:
        return True
    return report.status is not ReportStatus.LIVE and booked == 0


def _status(order: Order, report: OrderReport, booked: Decimal) -> OrderStatus:
    if booked >= order.qty:
        return OrderStatus.FILLED  # whatever a row that lags behind its executions still says
    if report.status is ReportStatus.LIVE or booked < report.filled_qty:
        return OrderStatus.WORKING
    if booked == 0:
        return OrderStatus.REJECTED if report.status is ReportStatus.REJECTED else OrderStatus.CANCELLED
    if report.status is ReportStatus.FILLED:
        return OrderStatus.FILLED
    return OrderStatus.PARTIAL_CANCELLED


def mark_absent(work: Work, order: Order, why: str) -> None:
    """Book that an order never reached the exchange."""
    work.renew()
    instrument = instrument_of(work.desk, order.symbol)
    with work.desk.store.write(work.desk.account) as books:
        drop_unsent(books, order, why, work.desk.clock.now())
        work.log(books, "order", f"{order.role} {order.order_link_id}: {why}")
        project(books, work.trade_id, instrument, work.desk.clock.now())


def follow(
    work: Work, order_link_id: str, *, until: Seen, limit_s: float, live_limit_s: float = inf
) -> Sight:
    """Look an order up until it is DONE (or LIVE, if that is wanted) or proved ABSENT, or `limit_s` is over.

    An order seen LIVE for `live_limit_s` is waited for no longer. A look-up that fails is tried again; the last finding
    is returned, PENDING if there was none.
    """
    clock = work.desk.clock
    ends_at = clock.now() + timedelta(seconds=limit_s)
    pause = POLL_FIRST_S
    is_live = False
    sight = Sight(Seen.PENDING)
    while True:
        order = work.order(order_link_id)
        if not order.is_open:
            return Sight(Seen.DONE)
        is_brief = pause < BRIEF_S and _time_left(ends_at, clock.now()) > 0
        sight = _look_or_pending(work, order, sight, is_brief=is_brief)
        if sight.seen is Seen.LIVE and not is_live:
            is_live = True
            ends_at = min(ends_at, clock.now() + timedelta(seconds=min(live_limit_s, limit_s)))
        if sight.seen in (Seen.DONE, Seen.ABSENT, until) or _time_left(ends_at, clock.now()) <= 0:
            return sight
        clock.sleep(min(pause, _time_left(ends_at, clock.now())))
        pause = min(pause * 2, POLL_MAX_S)


def _look_or_pending(work: Work, order: Order, former: Sight, *, is_brief: bool) -> Sight:
    """Look; an exchange that does not answer, or refuses the question (a revoked key), leaves the order in doubt.

    An order whose end was seen before its executions is not looked for again: only they are.
    The error is kept without its frames, of which some would hold it in turn.
    """
    report = former.report
    try:
        if report is not None and former.seen is Seen.PENDING and _lacks_fills_alone(report):
            return Sight(take_report(work, order, report), report)
        return look(work, order, is_brief=is_brief)
    except EXCHANGE_FAILED as e:
        return Sight(Seen.PENDING, error=e.with_traceback(None))


def cancel_rest(work: Work, order: Order) -> Sight:
    """Cancel what an entry or exit has left on the book, which a market order on a healthy exchange never does."""
    work.renew()
    with suppress(ExchangeRejected, ExchangeUnavailable, OutcomeUnknown):
        # Whatever the answer (OrderGone among them), the order's own state decides.
        work.desk.exchange.cancel(order.symbol, order.order_link_id, is_stop=False)
    return follow(
        work, order.order_link_id, until=Seen.DONE, limit_s=min(CANCEL_REST_LIMIT_S, work.budget.left_s())
    )


def _time_left(ends_at: datetime, now: datetime) -> float:
    return (ends_at - now).total_seconds()


def is_forgotten(work: Work, order: Order, sight: Sight) -> bool:
    """Tell whether an acknowledged stop or exit that is found nowhere is gone for certain, by asking for its cancel.

    Bybit forgets orders that ended without a fill after a day. Whoever takes a filled one for forgotten sells twice: so
    it must have been nowhere on two occasions a while apart (a look-up that failed, or a row whose executions are late,
    is no such occasion), and the cancel must be answered that no such order is known, not that it is filled. The while
    is short when the wallet has just the coins that botbox's trades hold: then none were sold, and it is enough to hear
    that the order is finished in some way.
    """
    if order.status is not OrderStatus.WORKING or order.role is Role.ENTRY or not sight.is_nowhere:
        return False
    nowhere_s = _nowhere_for_s(work, order)
    if nowhere_s < FORGOTTEN_AFTER_S and not (nowhere_s >= UNSOLD_AFTER_S and has_all_coins(work, order.qty)):
        return False
    work.renew()
    try:
        work.desk.exchange.cancel(order.symbol, order.order_link_id, is_stop=order.role is Role.STOP)
    except OrderGone as e:
        return e.code == NOT_FILLED or (e.code != FILLED and has_all_coins(work, order.qty))
    except BotboxError:
        return False
    return False


def _nowhere_for_s(work: Work, order: Order) -> float:
    """Return for how long the order has been nowhere, as far as anybody has noticed; note it the first time."""
    name, now = NOWHERE_MARKER + order.order_link_id, work.desk.clock.now()
    with work.desk.store.write(work.desk.account) as books:
        since = books.marker(name)
        if since is None or datetime.fromisoformat(since) < order.updated_at:  # it has been seen in between
            books.set_marker(name, now.isoformat())
            return 0.0
    return (now - datetime.fromisoformat(since)).total_seconds()


def mark_forgotten(work: Work, order: Order) -> None:
    """Book the end without fills of an order that the exchange has forgotten."""
    instrument = instrument_of(work.desk, order.symbol)
    with work.desk.store.write(work.desk.account) as books:
        why = "not known to the exchange any more, without a fill"
        now = work.desk.clock.now()
        books.move_order(
            order.order_link_id, [OrderStatus.WORKING], OrderStatus.CANCELLED, reason=why, updated_at=now
        )
        work.log(books, "order", f"{order.role} {order.order_link_id}: {why}")
        project(books, work.trade_id, instrument, now)
