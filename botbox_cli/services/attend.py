"""One look after one trade: settle what is in doubt, keep the stop, leave at stop or target."""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Quote
from botbox_cli.domain.order import Order, OrderReport, OrderStatus, ReportStatus, Role
from botbox_cli.domain.record import record
from botbox_cli.domain.trade import STOP_LOSS_HIT, TAKE_PROFIT_HIT, TOO_SMALL, Trade, TradeStatus
from botbox_cli.errors import (
    EXCHANGE_FAILED,
    NotFound,
    OutcomeUnknown,
    StopMissing,
    StopPassed,
)
from botbox_cli.services.adopt_order import adopt_shown
from botbox_cli.services.book import TradeBook, instrument_of, read_trade
from botbox_cli.services.cancel_stop import clear_stops
from botbox_cli.services.lease import Work
from botbox_cli.services.leave import carry_out, decide, exit_in_doubt, finish, leave, leave_without_stop
from botbox_cli.services.leftovers import give_up
from botbox_cli.services.outside import adopt_outside_sales, coins_left, coins_missing
from botbox_cli.services.protect import (
    arm,
    fits,
    graver,
    is_through,
    largest_stop,
    settle_stop,
    take_away,
    too_small,
    wanted_stop_qty,
)
from botbox_cli.services.settle import (
    CANCEL_ASKED,
    Seen,
    cancel_rest,
    follow,
    is_forgotten,
    mark_absent,
    mark_forgotten,
    take_report,
)
from botbox_cli.services.target import has_way_out, is_at_target, is_tp1_sold, share_to_keep

IN_DOUBT_LIMIT_S = 9.0


@record
class Snapshot:
    """The exchange at the start of a pass: orders alive by link id, recent executions, prices by symbol."""

    alive: dict[str, OrderReport] = field(default_factory=dict)
    fills: tuple[Fill, ...] = ()
    quotes: dict[str, Quote] = field(default_factory=dict)


@record
class Attended:
    """What was done for a trade: an action of the contract and a sentence."""

    action: str
    detail: str
    price: Decimal | None = None


def attend(work: Work, snapshot: Snapshot, *, act: bool = True) -> Attended:
    """Settle a trade and see it protected; with `act`, also leave it when the price has reached a target.

    Raises:
        OutcomeUnknown: An entry, an exit or a cancel is still in doubt.
        StopMissing: The position has no stop on the exchange.
        ExchangeRejected, ExchangeUnavailable, ConfigError, NotFound, Mismatch, Conflict: as the parts do.
    """
    before = book = work.read()
    if adopted := adopt_shown(work, book, snapshot.alive.values(), snapshot.fills):
        book = work.read()
    notes = [f"{link} was not in the books" for link in adopted]
    if not all(_is_as_shown(book, order, snapshot) for order in book.open_orders):
        notes += _settle_all(work, book, snapshot)
        book = work.read()
    match book.trade.status:
        case TradeStatus.FAILED:
            return Attended("settled", f"entry failed: {book.trade.detail}")
        case TradeStatus.CLOSED:
            changed = before.trade.status is not TradeStatus.CLOSED
            return Attended("closed" if changed else "none", book.trade.close_reason)
        case TradeStatus.OPENING:
            raise entry_in_doubt(book)
    try:
        price = _price(work, book.trade, snapshot)
    except (NotFound, *EXCHANGE_FAILED) as e:
        raise graver(work, e) from e
    if not book.ways_out:
        if _is_sold_by_hand(work, snapshot):
            return _outcome(before, work.read(), price, notes)
        book = work.read()
    try:
        if book.trade.status is TradeStatus.CLOSING:
            _resume_leaving(work, book, price)
        else:
            notes += _keep(work, book, price, snapshot, act=act)
    except StopPassed:
        leave(work, STOP_LOSS_HIT, price)
    return _outcome(before, work.read(), price, notes)


def leave_at_target(work: Work, snapshot: Snapshot) -> Attended | None:
    """Leave a trade that is as the snapshot shows it, at a price that has reached its target; else None.

    It is leased, judged, and decided about in one transaction, for which the first request waits. That need not be on
    the disk: after a loss of power the target is judged anew, and the request only takes back our own stop, which the
    next pass would put back. What sells is on the disk before it is sent, and this with it.

    Raises: as `attend`, and Conflict if the trade is in other hands.
    """
    with work.write(durable=False) as books:
        before = read_trade(books, work.trade_id)
        price = _price_to_leave_at(before, snapshot)
        if price is None:
            return None
        instrument = books.instrument(before.trade.symbol)
        if instrument is None or not has_way_out(before, instrument, price):
            return None
        keep = share_to_keep(work.desk.policy, before, instrument, price)
        stops = decide(work, books, before, TAKE_PROFIT_HIT, price, keep)
    carry_out(work, stops, TAKE_PROFIT_HIT, price, keep)
    return _outcome(before, work.read(), price, [])


def _price_to_leave_at(book: TradeBook, snapshot: Snapshot) -> Decimal | None:
    """Return the price if it has reached the target of a trade that has its stop, and nothing to be settled."""
    trade, quote = book.trade, snapshot.quotes.get(book.trade.symbol)
    if trade.status is not TradeStatus.OPEN or quote is None or not is_at_target(trade, quote.last):
        return None
    is_calm = all(_is_as_shown(book, order, snapshot) for order in book.open_orders)
    has_fired = any(book.filled(stop) for stop in book.of_role(Role.STOP))
    return quote.last if is_calm and book.ways_out and not has_fired else None


def entry_in_doubt(book: TradeBook) -> OutcomeUnknown:
    """The news that nobody can say yet whether an entry landed."""
    entry = book.of_role(Role.ENTRY)[-1]
    return OutcomeUnknown(
        f"the outcome of entry {entry.order_link_id} ({book.trade.symbol}) is not known yet",
        f"run `botbox monitor --once`; no new entry in {book.trade.symbol} until it is settled. If it stays so, "
        "look for that order id in the order history on the exchange's website, and if it is not there say so with "
        f"`botbox trade {book.trade.id} --unfilled`",
    )


# -- settling


def _is_as_shown(book: TradeBook, order: Order, snapshot: Snapshot) -> bool:
    """Tell whether the exchange shows an open stop just as the books have it: then there is nothing to settle."""
    report = snapshot.alive.get(order.order_link_id)
    return (
        order.role is Role.STOP
        and order.status is OrderStatus.WORKING
        and report is not None
        and report.status is ReportStatus.LIVE
        and report.filled_qty == book.filled(order)
    )


def _settle_all(work: Work, before: TradeBook, snapshot: Snapshot) -> list[str]:
    """Settle each open order; return what the person should hear of it."""
    for order in before.open_orders:
        _settle(work, order, snapshot)
    were_open = {o.order_link_id for o in before.open_orders}
    lost = [
        o
        for o in work.read().of_role(Role.STOP)
        if o.status is OrderStatus.CANCELLED and o.order_link_id in were_open and o.reason != CANCEL_ASKED
    ]
    return [f"stop {o.order_link_id} was cancelled outside botbox" for o in lost]


def _settle(work: Work, order: Order, snapshot: Snapshot) -> None:
    if order.status is OrderStatus.INTENDED:
        mark_absent(work, order, "never sent")
        return
    report = snapshot.alive.get(order.order_link_id)
    if report is not None and report.status is ReportStatus.LIVE:
        if order.status is not OrderStatus.WORKING or report.filled_qty != work.read().filled(order):
            take_report(work, order, report)
        if order.role is not Role.STOP:
            cancel_rest(work, order)
        return
    if order.role is Role.STOP:
        settle_stop(work, order)
        return
    limit_s = min(IN_DOUBT_LIMIT_S, work.budget.left_s())
    sight = follow(work, order.order_link_id, until=Seen.DONE, limit_s=limit_s)
    order = work.order(order.order_link_id)
    if sight.seen is Seen.ABSENT:
        mark_absent(work, order, f"never reached the exchange ({order.reason or 'no answer'})")
    elif sight.seen is Seen.PENDING and is_forgotten(work, order, sight):
        mark_forgotten(work, order)


def _is_sold_by_hand(work: Work, snapshot: Snapshot) -> bool:
    """Book what someone sold of the coins; tell whether that was all of them.

    Where that can't be asked the coins are taken to be there: the stop comes first, and is refused if they are not.
    """
    try:
        return adopt_outside_sales(work, snapshot.fills)
    except EXCHANGE_FAILED:
        return False


def _price(work: Work, trade: Trade, snapshot: Snapshot) -> Decimal:
    """Return the last traded price, which is what triggers stops on Bybit and targets here."""
    quote = snapshot.quotes.get(trade.symbol) or work.desk.exchange.quotes([trade.symbol]).get(trade.symbol)
    if quote is None:
        raise NotFound(
            f"{trade.symbol} has no price on the exchange: it may be halted or delisted",
            "look at the exchange's announcements; the stop, if there was one, is the exchange's to keep",
        )
    return quote.last


# -- keeping


def _keep(work: Work, book: TradeBook, price: Decimal, snapshot: Snapshot, *, act: bool) -> list[str]:
    """Leave at a fired stop or a target, else see that the stop is there; return what the person should hear."""
    trade = book.trade
    stops = book.of_role(Role.STOP)
    if any(book.filled(o) for o in stops if o.is_open):
        _let_stop_finish(work, price)
    elif any(book.filled(o) for o in stops):
        leave(work, STOP_LOSS_HIT, price)
    elif (
        act
        and is_at_target(trade, price)
        and has_way_out(book, instrument_of(work.desk, trade.symbol), price)
    ):
        _take_profit(work, book, price)
    else:
        return _keep_stop(work, book, price, snapshot, act=act)
    return []


def _let_stop_finish(work: Work, price: Decimal) -> None:
    """Wait for a stop that has begun to fill; what it leaves over is sold at market."""
    stop = next(o for o in work.read().open_orders if o.role is Role.STOP)
    limit_s = min(IN_DOUBT_LIMIT_S, work.budget.left_s())
    sight = follow(work, stop.order_link_id, until=Seen.DONE, limit_s=limit_s)
    if sight.seen is not Seen.DONE:
        raise exit_in_doubt(work, stop)
    if work.read().trade.status is TradeStatus.OPEN:
        leave(work, STOP_LOSS_HIT, price)


def _keep_stop(work: Work, book: TradeBook, price: Decimal, snapshot: Snapshot, *, act: bool) -> list[str]:
    trade = book.trade
    instrument = instrument_of(work.desk, trade.symbol)
    qty = wanted_stop_qty(book, instrument)
    stop = next((o for o in book.open_orders if o.role is Role.STOP), None)
    if stop is not None:
        report = snapshot.alive.get(stop.order_link_id) or _row_of(work, stop)
        is_alive = report is not None and report.status is ReportStatus.LIVE
        wanted = qty
        if report is not None and is_alive and report.qty - report.filled_qty < wanted:
            qty, wanted = _what_stop_can_cover(work, report, wanted, snapshot)
        has_coins = qty == wanted
        qty = largest_stop(qty, instrument, stop)
        is_there = report is not None and is_alive and fits(stop, report, trade, qty)
        if is_there and not is_through(trade, price):
            if qty < wanted:
                if not has_coins:
                    raise coins_missing(work, qty)
                leave_without_stop(work, price, too_small(work, qty, wanted))
            return []
        if is_there:
            # It should have fired: the list of the pass may be older than the price, so the order is asked for.
            settle_stop(work, stop)
            if not work.order(stop.order_link_id).is_open:
                return _keep_on(work, price, snapshot, act=act)
            if not _is_passed_over(work, stop):
                return []
        note = f"the stop on the exchange was not the one that the books want ({_words(report)}); it was replaced"
        take_away(work, report)
        return [note, *_keep_on(work, price, snapshot, act=act)]
    if not instrument.is_sellable(qty, price):
        _give_up_dust(work)
    elif is_through(trade, price):
        leave(work, STOP_LOSS_HIT, price)
    elif not instrument.is_sellable(qty, trade.stop_loss):
        leave(work, TOO_SMALL, price)  # The exchange takes no stop that is worth so little, at any time.
    else:
        _arm_or_get_out(work, price)
    return []


def _what_stop_can_cover(
    work: Work, report: OrderReport, wanted: Decimal, snapshot: Snapshot
) -> tuple[Decimal, Decimal]:
    """Look why a stop is smaller than the position: return what the account has of its coins, and what it should have.

    A sale by hand that was not seen yet when the stop was armed is booked first.
    """
    covered = report.qty - report.filled_qty
    adopt_outside_sales(work, snapshot.fills, at_most=wanted - covered)
    book = work.read()
    wanted = wanted_stop_qty(book, instrument_of(work.desk, book.trade.symbol))
    return min(wanted, coins_left(work)), wanted


def _keep_on(work: Work, price: Decimal, snapshot: Snapshot, *, act: bool) -> list[str]:
    """Look after a trade whose stop has just gone, unless it went because it was the exit."""
    book = work.read()
    if book.trade.status is not TradeStatus.OPEN:
        return []
    return _keep(work, book, price, Snapshot(quotes=snapshot.quotes), act=act)


def _is_passed_over(work: Work, stop: Order) -> bool:
    """Tell whether a stop that is alive does not fire although the price is through it: it waits for the other side."""
    book = work.read()
    quote = work.desk.exchange.quotes([book.trade.symbol]).get(book.trade.symbol)
    return not book.filled(stop) and quote is not None and is_through(book.trade, quote.last)


def _row_of(work: Work, order: Order) -> OrderReport | None:
    return work.desk.exchange.look_up(order.symbol, order.order_link_id, since=order.created_at).report


def _words(report: OrderReport | None) -> str:
    if report is None:
        return "not found"
    return f"{report.side} {report.qty - report.filled_qty} at {report.trigger_price}"


def _arm_or_get_out(work: Work, price: Decimal) -> None:
    try:
        arm(work)
    except StopPassed:
        raise
    except StopMissing as e:
        leave_without_stop(work, price, e)


def _give_up_dust(work: Work) -> None:
    """Close a trade of which nothing can be sold; an entry still at work may yet add to it."""
    if not work.read().open_orders:
        give_up(work)


# -- leaving


def _take_profit(work: Work, book: TradeBook, price: Decimal) -> None:
    instrument = instrument_of(work.desk, book.trade.symbol)
    leave(work, TAKE_PROFIT_HIT, price, keep=share_to_keep(work.desk.policy, book, instrument, price))


def _resume_leaving(work: Work, book: TradeBook, price: Decimal) -> None:
    """Go on with an exit that an earlier process decided and did not finish."""
    in_doubt = next((o for o in book.open_orders if o.role is Role.EXIT), None)
    if in_doubt is not None:
        raise exit_in_doubt(work, in_doubt)
    trade = book.trade
    is_partial = trade.close_reason == ""
    instrument = instrument_of(work.desk, trade.symbol)
    if is_partial and not book.ways_out and is_tp1_sold(work.desk.policy, book, instrument):
        finish(work, price, took_profit=True)
    elif (is_partial or trade.close_reason == TAKE_PROFIT_HIT) and not is_at_target(trade, price):
        clear_stops(work)
        finish(work, price, took_profit=False)
    elif is_partial:
        _take_profit(work, book, price)
    else:
        leave(work, trade.close_reason, price)


# -- telling


def _outcome(before: TradeBook, book: TradeBook, price: Decimal, notes: list[str]) -> Attended:
    trade = book.trade
    known = {o.order_link_id for o in before.orders}
    armed = [o for o in book.orders if o.role is Role.STOP and o.order_link_id not in known]
    if trade.status is TradeStatus.CLOSED:
        action, detail = "closed", "; ".join(t for t in (trade.close_reason, trade.detail) if t)
    elif trade.tp1_done and not before.trade.tp1_done:
        action, detail = "partly_closed", f"TP1 taken, {book.position.held} {trade.base_coin} kept"
    elif armed:
        action, detail = "stop_armed", f"stop armed at {trade.stop_loss}"
    elif book.fills != before.fills or [o.status for o in book.orders] != [o.status for o in before.orders]:
        action, detail = "settled", "booked what the exchange shows"
    else:
        action, detail = "none", ""
    return Attended(action, "; ".join([*notes, detail]) if detail else "; ".join(notes), price)
