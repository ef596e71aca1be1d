"""Taking a stop off the exchange, certainly: cancelled, seen gone, and what it sold before is booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf

from botbox_cli.domain.order import Order, OrderStatus, Role
from botbox_cli.errors import (
    BotboxError,
    DuplicateOrder,
    ExchangeRejected,
    ExchangeUnavailable,
    OrderGone,
    OutcomeUnknown,
)
from botbox_cli.ports import Books
from botbox_cli.services.lease import Work
from botbox_cli.services.settle import (
    CANCEL_ASKED,
    Seen,
    Sight,
    follow,
    is_forgotten,
    mark_absent,
    mark_forgotten,
)

CANCEL_LIMIT_S = 9.0
CANCEL_TRIES = 3
CANCEL_AGAIN_AFTER_S = 1.0
"""A stop that is seen alive for so long after its cancel was not taken, or was lost, is cancelled again."""


def clear_stops(work: Work, stops: Sequence[Order] | None = None) -> bool:
    """Cancel every open stop of the trade and see each one gone, its fills booked.

    Args:
        stops: Those stops, where they have just been read or written; read here by default.

    Returns:
        Whether a stop held the coins until this very cancel; else someone may have sold them meanwhile.

    Raises:
        OutcomeUnknown: A stop can't be seen gone; nothing may be sold beside it.
        ExchangeRejected, ExchangeUnavailable: Its cancel was refused for certain; it rests there as before.
    """
    if stops is None:
        stops = [o for o in work.read().open_orders if o.role is Role.STOP]
    were_alive = [_clear(work, order) for order in stops]
    return any(were_alive)


def note_cancel(work: Work, books: Books, order: Order, now: datetime) -> Order:
    """Save that a stop is going to be cancelled by us, before it is; return it as it is saved."""
    books.move_order(order.order_link_id, [order.status], order.status, reason=CANCEL_ASKED, updated_at=now)
    work.log(books, "cancelling", f"stop {order.order_link_id}")
    return replace(order, reason=CANCEL_ASKED, updated_at=now)


def _clear(work: Work, order: Order) -> bool:
    """Cancel one stop and see it gone; tell whether it was alive until then."""
    if order.status is OrderStatus.INTENDED:
        mark_absent(work, order, "never sent")
        return False
    desk = work.desk
    now = work.renew()
    if order.reason != CANCEL_ASKED:
        with desk.store.write(desk.account) as books:
            note_cancel(work, books, order, now)
    sight, was_alive, not_asked = _cancel(work, order)
    if sight.seen is Seen.DONE:
        return was_alive
    order = work.order(order.order_link_id)
    if sight.seen is Seen.ABSENT:
        mark_absent(work, order, "never reached the exchange")
    elif sight.seen is Seen.PENDING and is_forgotten(work, order, sight):
        mark_forgotten(work, order)
    elif not_asked is not None and (sight.error is not None or sight.seen is Seen.LIVE):
        _take_back_cancel(work, order)
        raise not_asked
    else:
        raise OutcomeUnknown(
            f"stop {order.order_link_id} of trade {work.trade_id} could not be cancelled for certain; nothing was sold",
            "run `botbox monitor --once`; if it stays so, look at the open orders on the exchange's website",
        )
    return False


def _cancel(work: Work, order: Order) -> tuple[Sight, bool, BotboxError | None]:
    """Cancel a stop, again while that is not taken or has no clear answer, and wait for it to go.

    Returns:
        The last finding; whether the last cancel was taken; why none has reached the exchange, unless one may have.
    """
    desk = work.desk
    ends_at: datetime | None = None
    may_have_reached = False
    for tries_left in reversed(range(CANCEL_TRIES)):
        not_asked: BotboxError | None = None
        again_s = CANCEL_AGAIN_AFTER_S if tries_left else inf
        is_taken = False
        try:
            desk.exchange.cancel(order.symbol, order.order_link_id, is_stop=True)
            is_taken, again_s = True, inf
        except ExchangeUnavailable as e:
            not_asked, again_s = e, max(again_s, e.retry_after_s or 0.0)
        except OutcomeUnknown:
            pass
        except (OrderGone, DuplicateOrder):
            again_s = inf  # Whatever the answer, the order's own state decides.
        except ExchangeRejected as e:
            not_asked, again_s = e, inf
        may_have_reached = may_have_reached or not_asked is None
        now = desk.clock.now()
        ends_at = ends_at or now + timedelta(seconds=min(CANCEL_LIMIT_S, work.budget.left_s() + 1))
        left_s = max(0.0, (ends_at - now).total_seconds())
        sight = follow(work, order.order_link_id, until=Seen.DONE, limit_s=left_s, live_limit_s=again_s)
        if sight.seen is not Seen.LIVE or desk.clock.now() >= ends_at or again_s >= left_s:
            break
    return sight, is_taken, None if may_have_reached else not_asked


def _take_back_cancel(work: Work, order: Order) -> None:
    """Save that a cancel has certainly not reached the exchange: the stop rests there as before."""
    with work.desk.store.write(work.desk.account) as books:
        books.move_order(order.order_link_id, [order.status], order.status, reason="")
