"""Sending an order in the one safe order of effects: intent saved, marked as sent, sent, answer saved, followed."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from math import inf
from typing import Any

from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import plain
from botbox_cli.domain.order import Order, OrderStatus, OrderType, Role, Side, order_link_id
from botbox_cli.errors import (
    BotboxError,
    ConfigError,
    Conflict,
    DuplicateOrder,
    ExchangeRejected,
    ExchangeUnavailable,
    OutcomeUnknown,
)
from botbox_cli.ports import Books, OrderRequest
from botbox_cli.services.book import TradeBook, project
from botbox_cli.services.lease import Work
from botbox_cli.services.settle import ID_TAKEN, Seen, Sight, follow, mark_absent

MAX_SENDS = 3
RESEND_WITHIN_S = 20.0


def add_intent(
    books: Books,
    book: TradeBook,
    *,
    installation: str,
    role: Role,
    qty: Decimal,
    now: datetime,
    trigger_price: Decimal | None = None,
) -> Order:
    """Save the decision to send an order, before anything is sent. At most one way out may be open at a time.

    Raises:
        Conflict: Another process has made one: this one slept longer than its lease.
    """
    trade = book.trade
    rivals = [o for o in book.open_orders if role is Role.ENTRY or o.role is not Role.ENTRY]
    if rivals:
        raise Conflict(
            f"trade {trade.id} has an open order already: {rivals[0].order_link_id}",
            f"`botbox trade {trade.id}` shows what another process has done",
            code="busy",
        )
    attempt = 1 + max((o.attempt for o in book.of_role(role)), default=0)
    side = trade.entry_side if role is Role.ENTRY else trade.exit_side
    return books.add_order(
        Order(
            trade_id=trade.id,
            role=role,
            attempt=attempt,
            order_link_id=order_link_id(installation, trade.id, role, attempt),
            symbol=trade.symbol,
            side=side,
            order_type=OrderType.MARKET if trigger_price is None else OrderType.STOP_MARKET,
            qty=qty,
            status=OrderStatus.INTENDED,
            created_at=now,
            updated_at=now,
            trigger_price=trigger_price,
        )
    )


def request_of(
    order: Order, instrument: Instrument, timestamp: datetime, *, max_slippage: Decimal, leverage: bool
) -> OrderRequest:
    """Return the exact request of an order; only an entry is bound in slippage, an exit must get out."""
    return OrderRequest(
        order_link_id=order.order_link_id,
        instrument=instrument,
        is_buy=order.side is Side.BUY,
        qty=order.qty,
        timestamp=timestamp,
        trigger_price=order.trigger_price,
        max_slippage_percent=max_slippage if order.role is Role.ENTRY else None,
        is_leverage=leverage,
    )


def send(work: Work, order: Order, instrument: Instrument) -> None:
    """Send a saved order once and save the answer.

    Raises:
        ExchangeRejected: Refused for good; the order is REJECTED.
        ExchangeUnavailable, ConfigError: Certainly not placed; the order is INTENDED again.
        OutcomeUnknown: It may have landed; the order stays UNKNOWN.
    """
    desk = work.desk
    now = work.renew()
    link = order.order_link_id
    if order.role is Role.ENTRY and _spent(now, order.created_at) > RESEND_WITHIN_S:
        # Price, size and brakes were those of the plan: this process has slept since.
        raise ExchangeUnavailable(
            f"entry {link} was planned {_spent(now, order.created_at):.0f} s ago and not sent: something held it up",
            "nothing was placed; execute the setup again at the present price",
            retry_after_s=inf,
            code="not_placed",
        )
    leverage = work.read().trade.direction.sign < 0 and (work.may_borrow or order.role is Role.ENTRY)
    request = request_of(
        order, instrument, now, max_slippage=desk.policy.max_slippage_percent, leverage=leverage
    )
    with desk.store.write(desk.account) as books:
        books.move_order(
            link,
            [OrderStatus.INTENDED, OrderStatus.UNKNOWN],
            OrderStatus.UNKNOWN,
            sent_at=now,
            sends=order.sends + 1,
            updated_at=now,
        )
        what = f"{order.side} {plain(order.qty)} {order.symbol}"
        at = f" at trigger {order.trigger_price}" if order.trigger_price is not None else ""
        params = desk.exchange.order_request(request)
        work.log(books, "sent", f"{order.role} {link}: {what}{at}", order_link_id=link, request=params)
    try:
        exchange_order_id = desk.exchange.place(request)
    except DuplicateOrder as e:
        if order.sends == 0:
            # No earlier send of ours can have landed: either this one came twice, or the id is an older order's.
            _answered(work, order, OrderStatus.UNKNOWN, ID_TAKEN, error=e)
        else:
            _answered(work, order, OrderStatus.WORKING, f"an earlier send has landed: {e.message}", error=e)
    except OutcomeUnknown as e:
        _answered(work, order, OrderStatus.UNKNOWN, e.message, error=e)
        raise
    except ExchangeRejected as e:
        work.may_borrow = work.may_borrow and not e.is_without_margin
        _answered(work, order, OrderStatus.REJECTED, e.message, instrument, error=e)
        raise
    except (ExchangeUnavailable, ConfigError) as e:
        _answered(work, order, OrderStatus.INTENDED, e.message, error=e)
        raise
    else:
        _answered(work, order, OrderStatus.WORKING, "accepted", exchange_order_id=exchange_order_id)


def _answered(
    work: Work,
    order: Order,
    status: OrderStatus,
    reason: str,
    instrument: Instrument | None = None,
    exchange_order_id: str | None = None,
    error: BotboxError | None = None,
) -> None:
    desk = work.desk
    answer: dict[str, Any] = {"order_link_id": order.order_link_id, "order_status": str(status)}
    if error is not None:
        answer |= {"code": error.code, "ret_code": getattr(error, "ret_code", None)}
    fields: dict[str, Any] = {"updated_at": desk.clock.now()}
    if exchange_order_id is not None:
        fields["exchange_order_id"] = answer["exchange_order_id"] = exchange_order_id
    if status is not OrderStatus.WORKING:
        fields["reason"] = reason
    with desk.store.write(desk.account) as books:
        books.move_order(order.order_link_id, [OrderStatus.UNKNOWN], status, **fields)
        work.log(books, "answered", f"{order.role} {order.order_link_id}: {reason}", **answer)
        if instrument is not None:
            project(books, order.trade_id, instrument, desk.clock.now())


def deliver(
    work: Work,
    order: Order,
    instrument: Instrument,
    *,
    until: Seen,
    limit_s: float,
    live_limit_s: float = inf,
) -> Sight:
    """Send a saved order and see it through, for at most about `limit_s`.

    An order proved absent, or certainly not placed, is sent again with the same id at most twice and within 20 s of
    the first time; after that it is booked as never placed.

    Returns:
        DONE, or `until`, or LIVE/PENDING when the time was over first.

    Raises:
        ExchangeRejected: Refused for good.
        ExchangeUnavailable, ConfigError: Certainly not placed, and booked so.
    """
    clock = work.desk.clock
    started = clock.now()
    link = order.order_link_id
    for attempt in range(1, MAX_SENDS + 1):
        may_repeat = attempt < MAX_SENDS
        try:
            send(work, order, instrument)
        except OutcomeUnknown:
            pass
        except ExchangeUnavailable as e:
            pause = 0.5 * attempt if e.retry_after_s is None else e.retry_after_s
            if not may_repeat or _spent(clock.now(), started) + pause >= min(limit_s, RESEND_WITHIN_S):
                mark_absent(work, order, e.message)
                raise
            clock.sleep(pause)
            order = work.order(link)
            continue
        except ConfigError as e:
            mark_absent(work, order, e.message)
            raise
        left_s = limit_s - _spent(clock.now(), started)
        sight = follow(work, link, until=until, limit_s=left_s, live_limit_s=live_limit_s)
        if sight.seen is not Seen.ABSENT:
            return sight
        order = work.order(link)
        is_late = _spent(clock.now(), started) >= min(limit_s, RESEND_WITHIN_S)
        if not may_repeat or is_late or order.reason == ID_TAKEN:
            break
    why = f"never reached the exchange ({order.reason or 'no answer'})"
    mark_absent(work, order, why)
    raise ExchangeUnavailable(f"order {link} {why}", "try again when the exchange answers", code="not_placed")


def _spent(now: datetime, since: datetime) -> float:
    return (now - since) / timedelta(seconds=1)
