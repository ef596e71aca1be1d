"""Leaving a position: the stop is cancelled and seen gone, then what is held is sold, or the stop is put back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import ceil_to_step, floor_to_step, plain
from botbox_cli.domain.order import Order, OrderStatus, Role, Side
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import STOP_FAILED, TradeStatus
from botbox_cli.errors import (
    BotboxError,
    Conflict,
    ExchangeRejected,
    ExchangeUnavailable,
    OutcomeUnknown,
    StopMissing,
    StopTooSmall,
)
from botbox_cli.ports import Books
from botbox_cli.services.adopt_order import adopt_lost
from botbox_cli.services.book import TradeBook, instrument_of, read_trade
from botbox_cli.services.cancel_stop import clear_stops, note_cancel
from botbox_cli.services.lease import Work
from botbox_cli.services.leftovers import give_up
from botbox_cli.services.margin import close_out, note_interest
from botbox_cli.services.outside import adopt_outside_sales, coins_left, coins_missing
from botbox_cli.services.pair_rules import have_rules_changed
from botbox_cli.services.protect import (
    arm,
    is_through,
    refuse_passed,
    wanted_stop_qty,
)
from botbox_cli.services.send import add_intent, deliver
from botbox_cli.services.settle import Seen, cancel_rest

TP1_TAKEN = "TP1 taken, stop at break-even"
EXIT_TRIES = 3
LEAVE_NEEDS_S = 8.0
"""A command with less time left does not begin to leave a trade that has its stop.

Its cancel has to show, and then the fills of the sale: with views that lag by some seconds that takes nearly so long.
"""
COINS_SETTLE = timedelta(seconds=30)
"""How long after an entry's fill a wallet that does not show its coins proves nothing."""
PART_NEEDS_S = 2.0
"""With less time left no further part of a large position is sold: what remains gets its stop back."""
SALE_SHOWS_S = 3.0
"""How long the executions of a sale by hand may take to show after its coins are gone."""
EXIT_LIVE_LIMIT_S = 3.0
"""A market exit that is still on the book after this is cancelled, and what it left is sold anew."""


def leave(work: Work, reason: str, price: Decimal, *, keep: Decimal = Decimal(0)) -> None:
    """Sell what the trade holds beyond `keep` at market.

    With `keep` above zero the trade stays: TP1 was taken, the rest is protected at break-even. `price` is the newest
    price, to judge whether what is left can be sold at all.

    Raises: as `carry_out`.
    """
    refuse_without_time(work)
    with work.write() as books:
        stops = decide(work, books, read_trade(books, work.trade_id), reason, price, keep)
    carry_out(work, stops, reason, price, keep)


def decide(
    work: Work, books: Books, book: TradeBook, reason: str, price: Decimal, keep: Decimal
) -> list[Order]:
    """Save that the trade is left and that its stops are cancelled, before anything is sent; return those stops."""
    now = work.desk.clock.now()
    stops = [
        stop if stop.status is OrderStatus.INTENDED else note_cancel(work, books, stop, now)
        for stop in book.ways_out
        if stop.role is Role.STOP
    ]
    books.move_trade(
        work.trade_id,
        [TradeStatus.OPEN, TradeStatus.CLOSING],
        TradeStatus.CLOSING,
        close_reason="" if keep else reason,
    )
    work.log(books, "closing", reason + (f", keeping {keep}" if keep else ""), price=plain(price))
    return stops


def carry_out(work: Work, stops: Sequence[Order], reason: str, price: Decimal, keep: Decimal) -> None:
    """Do what `decide` has saved, with the stops that it returned.

    Raises:
        ExchangeRejected, ExchangeUnavailable, ConfigError: Nothing (more) was sold; the stop is back.
        OutcomeUnknown: An exit or a cancel is in doubt; the next pass settles it.
        StopMissing: Nothing was sold and the stop could not be put back.
        Conflict: Another process has taken the trade.
    """
    is_all_left = True
    if not keep and any(stop.side is Side.BUY for stop in stops):
        note_interest(work)
    try:
        if _clear_all(work, stops) or not _is_sold_by_hand(work):
            is_all_left = _sell_down(work, price, keep)
    except Conflict:
        raise  # another process has the trade now: whatever is to be put back is its to put back
    except BotboxError:
        _put_back(work, price)
        raise
    if is_all_left:
        finish(work, price, took_profit=bool(keep))
    elif _may_be_late(work):
        _put_back(work, price)
        raise coins_missing(work, Decimal(0))
    else:
        _end_without_the_rest(work, reason)


def _clear_all(work: Work, stops: Sequence[Order]) -> bool:
    """Cancel these stops, and those which the books turn out to lack; tell whether one held the coins until then."""
    if clear_stops(work, stops):
        return True
    return bool(stops) and adopt_lost(work) and clear_stops(work)


def leave_without_stop(work: Work, price: Decimal, missing: StopMissing) -> None:
    """Leave a position that can't be protected, if the person wants that; else raise why it can't be."""
    is_settled = isinstance(missing, StopTooSmall) or not work.read().open_orders
    if not work.desk.policy.close_when_stop_fails or not is_settled:
        raise missing
    leave(work, STOP_FAILED, price)


def refuse_without_time(work: Work) -> None:
    """Refuse to take a stop away when too little of the command's time is left to see the sale through.

    Raises:
        ExchangeUnavailable: Nothing was begun, the stop stays.
    """
    if not work.budget.has(LEAVE_NEEDS_S) and work.read().ways_out:
        raise ExchangeUnavailable(
            f"no time was left to leave trade {work.trade_id}, so slowly does the exchange answer; its stop stays",
            "nothing was sold; run the command again",
            code="no_time",
        )


def _sell_down(work: Work, price: Decimal, keep: Decimal) -> bool:
    """Sell; return False if the account has none of what the books still hold: moved away, or spent without a sale."""
    desk = work.desk
    instrument = instrument_of(desk, work.read().trade.symbol)
    left: Decimal | None = None
    largest: Decimal | None = None
    tries = 0
    while tries < EXIT_TRIES:
        work.renew()
        with desk.store.write(desk.account) as books:
            book = read_trade(books, work.trade_id)
            qty = exit_qty(book, instrument, keep)
            if book.trade.status is not TradeStatus.CLOSING or not instrument.is_sellable(qty, price):
                return True
            qty = qty if left is None else min(qty, left)
            part = instrument.part_of(qty, largest)
            if not instrument.is_sellable(qty, price):
                return False
            order = add_intent(
                books,
                book,
                installation=desk.store.installation,
                role=Role.EXIT,
                qty=part,
                now=desk.clock.now(),
            )
        left_s = work.budget.left_s()
        may_borrow = work.may_borrow
        try:
            sight = deliver(
                work, order, instrument, until=Seen.DONE, limit_s=left_s, live_limit_s=EXIT_LIVE_LIMIT_S
            )
        except ExchangeRejected as e:
            tries += 1
            if have_rules_changed(work):
                instrument = instrument_of(desk, order.symbol)
            elif e.is_too_large:
                tries -= 1
                largest = _half_of(order, instrument, price, e)
            elif e.is_without_margin and may_borrow:
                pass  # What buys back needs no loan, while the account has what the short was sold for.
            elif not _is_sold_by_hand(work) and work.read().position.held == book.position.held:
                left = _what_is_left(work, order, e)
            continue
        if sight.seen is Seen.LIVE:
            sight = cancel_rest(work, order)
        if sight.seen is not Seen.DONE:
            raise exit_in_doubt(work, order)
        _refused_without_fill(work, order)
        filled = work.read().filled(order)
        if part == qty or filled < part:
            tries += 1
        elif work.budget.left_s() < PART_NEEDS_S:
            return True
        left = None if left is None else left - filled
    return True


def _half_of(order: Order, instrument: Instrument, price: Decimal, refusal: ExchangeRejected) -> Decimal:
    """Return what to try after an exit was refused for its size; raise the refusal if that could not be sold."""
    half = instrument.floor_qty(order.qty / 2)
    if not instrument.is_sellable(half, price):
        raise refusal
    return half


def _what_is_left(work: Work, order: Order, refusal: ExchangeRejected) -> Decimal:
    """Return how much less than `order` wanted the account has; raise the refusal if that is not why it was refused."""
    left = coins_left(work) if refusal.is_short_of_coins else order.qty
    if left >= order.qty:
        raise refusal
    return left


def _may_be_late(work: Work) -> bool:
    """Tell whether the entry is so fresh that neither wallet nor exchange may have heard of its coins yet."""
    book = work.read()
    entries = {o.order_link_id for o in book.of_role(Role.ENTRY)}
    entered_at = max(f.executed_at for f in book.fills if f.order_link_id in entries)
    return work.desk.clock.now() < entered_at + COINS_SETTLE


def _end_without_the_rest(work: Work, reason: str) -> None:
    """Close a trade whose remaining coins are not on the account any more; they count as dust, unless a sale shows."""
    work.desk.clock.sleep(min(SALE_SHOWS_S, work.budget.left_s()))
    if _is_sold_by_hand(work):
        return
    trade = (book := work.read()).trade
    gone = f"{plain(book.position.held)} {trade.base_coin} held by the books were not on the account any more"
    close_out(work, reason)
    with work.desk.store.write(work.desk.account) as books:
        books.update_trade(trade.id, detail=gone)
        work.log(books, "coins_missing", gone)


def _is_sold_by_hand(work: Work) -> bool:
    """Book what someone may have sold of our coins while no stop held them; tell whether that was all of them."""
    return work.read().trade.status is TradeStatus.CLOSING and adopt_outside_sales(work, ())


def _refused_without_fill(work: Work, order: Order) -> None:
    """Raise if an accepted exit ended without any fill: the exchange took it back."""
    book = work.read()
    order = book.find(order.order_link_id)
    if book.filled(order) == 0:
        why = order.reason or str(order.status)
        raise ExchangeRejected(
            f"exit {order.order_link_id} of trade {work.trade_id} ended without a fill: {why}"
        )


def exit_in_doubt(work: Work, order: Order) -> OutcomeUnknown:
    """The refusal to go on while an exit may or may not have sold."""
    return OutcomeUnknown(
        f"the outcome of exit {order.order_link_id} of trade {work.trade_id} is not known yet",
        "run `botbox monitor --once`; if it stays so, look at the order on the exchange's website",
    )


def exit_qty(book: TradeBook, instrument: Instrument, keep: Decimal) -> Decimal:
    """Return what to sell so that `keep` stays; a short buys back up to the lot that covers its debt."""
    wanted = wanted_stop_qty(book, instrument)
    return max(Decimal(0), instrument.floor_qty(wanted - keep))


def _put_back(work: Work, price: Decimal) -> None:
    """Take back the decision to leave unless an exit is in doubt: OPEN, with the stop armed again if it is gone.

    StopMissing is the graver news.
    """
    desk = work.desk
    book = work.read()
    if book.trade.status is not TradeStatus.CLOSING or any(o.role is Role.EXIT for o in book.open_orders):
        return
    work.renew()
    with desk.store.write(desk.account) as books:
        books.move_trade(work.trade_id, [TradeStatus.CLOSING], TradeStatus.OPEN, close_reason="")
        work.log(books, "reopened", "the exit did not go through; the stop stays")
    if not book.open_orders:
        arm_unless_through(work, price)


def arm_unless_through(work: Work, price: Decimal) -> None:
    """Arm the stop. Raises StopPassed when the price is through it, StopMissing when it can't be placed."""
    if is_through(work.read().trade, price):
        refuse_passed(work, price)
    arm(work)


def finish(work: Work, price: Decimal, *, took_profit: bool) -> None:
    """Close a trade whose rest can't be sold, or take it back to OPEN with a stop for what remains."""
    desk = work.desk
    book = work.read()
    if book.trade.status is not TradeStatus.CLOSING or book.open_orders:
        return
    instrument = instrument_of(desk, book.trade.symbol)
    if not instrument.is_sellable(wanted_stop_qty(book, instrument), price):
        give_up(work)
        return
    work.renew()
    with desk.store.write(desk.account) as books:
        changes = {"tp1_done": True, "stop_loss": break_even(book, instrument)} if took_profit else {}
        books.move_trade(work.trade_id, [TradeStatus.CLOSING], TradeStatus.OPEN, close_reason="", **changes)
        work.log(books, "reopened", TP1_TAKEN if took_profit else "a rest is still held")
    arm_unless_through(work, price)


def break_even(book: TradeBook, instrument: Instrument) -> Decimal:
    """Return the entry price on the tick that loses nothing, or the present stop if that is better already."""
    trade, entry = book.trade, book.position.entry_price
    assert entry is not None, "a position has an entry"
    if trade.direction is Direction.LONG:
        return max(trade.stop_loss, ceil_to_step(entry, instrument.tick_size))
    return min(trade.stop_loss, floor_to_step(entry, instrument.tick_size))
