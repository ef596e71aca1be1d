"""Never naked: a stop for the whole position rests on the exchange, and botbox has read it back."""

from __future__ import annotations

from decimal import Decimal

from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import ZERO, ceil_to_step, plain
from botbox_cli.domain.order import Order, OrderReport, OrderStatus, Role
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.sizing import BUY_BACK_FACTOR
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import (
    EXCHANGE_FAILED,
    BotboxError,
    ConfigError,
    Conflict,
    Denied,
    ExchangeRejected,
    OutcomeUnknown,
    StopMissing,
    StopPassed,
    StopTooSmall,
)
from botbox_cli.services.book import TradeBook, instrument_of, read_trade
from botbox_cli.services.cancel_stop import clear_stops
from botbox_cli.services.lease import Work
from botbox_cli.services.outside import coins_left, coins_missing
from botbox_cli.services.pair_rules import have_rules_changed
from botbox_cli.services.send import add_intent, deliver
from botbox_cli.services.settle import (
    CANCEL_ASKED,
    Seen,
    follow,
    is_forgotten,
    mark_absent,
    mark_forgotten,
)
from botbox_cli.services.stop_range import note_refused, note_taken

STOP_TRIES = 3
STOP_LIMIT_S = 9.0
"""Long enough for one lost answer to be settled behind the fence and sent again."""
AS_LARGE_AS_TAKEN = "as large as the exchange takes"
"""Reason on a stop for only a part of the position, where none of the pair's rules says so."""


def wanted_stop_qty(book: TradeBook, instrument: Instrument) -> Decimal:
    """Return what a stop must cover: what is held, floored to the lot; for a short what buys back all it owes."""
    if book.trade.direction is Direction.LONG:
        return instrument.floor_qty(book.position.held)
    return ceil_to_step(max(ZERO, book.owed) * BUY_BACK_FACTOR, instrument.lot_size)


def largest_stop(qty: Decimal, instrument: Instrument, stop: Order | None = None) -> Decimal:
    """Return what of `qty` one stop may cover by the rules of the pair, or by what was found out for `stop`."""
    if stop is not None and stop.reason == AS_LARGE_AS_TAKEN:
        return min(qty, stop.qty)
    bound = instrument.max_market_qty
    return qty if bound is None else min(qty, instrument.floor_qty(bound))


def fits(order: Order, report: OrderReport, trade: Trade, qty: Decimal) -> bool:
    """Tell whether a stop on the exchange is the one that the books want.

    One that was made when the price was through it already waits for the wrong side: it would sell on a rise.
    """
    return (
        not is_misarmed(report, trade)
        and report.trigger_price == trade.stop_loss
        and order.trigger_price == trade.stop_loss
        and report.qty - report.filled_qty == qty
    )


def is_misarmed(report: OrderReport, trade: Trade) -> bool:
    """Tell whether a stop was made at a price that was through it already."""
    return report.base_price is not None and is_through(trade, report.base_price)


def is_through(trade: Trade, price: Decimal) -> bool:
    """Tell whether `price` has reached the stop: armed now, Bybit would take it for a stop on the other side."""
    return (price - trade.stop_loss) * trade.direction.sign <= 0


def arm(work: Work) -> None:
    """Place a stop for what is held and read it back; no stop is open and the price is not through it.

    Raises:
        StopPassed: The price went through the stop before it was armed.
        StopMissing: No stop could be placed, or none can be seen; the message says why.
        StopTooSmall: One was placed, for a part of the position: the exchange takes no larger one.
        Mismatch: The account has only a part of the coins, or none of them; that part is protected.
        Conflict: Another process has taken the trade.
    """
    last: BotboxError | None = None
    left: Decimal | None = None
    largest: Decimal | None = None
    is_doubted = False
    tries = 0
    while tries < STOP_TRIES:
        tries += 1
        try:
            if _arm_once(work, left, largest):
                if left is not None:
                    raise coins_missing(work, left)
                _refuse_too_small(work, largest)
                return
        except EXCHANGE_FAILED as e:
            last = e
            if isinstance(e, ExchangeRejected):
                have_rules_changed(work)
                if e.is_too_far:
                    note_refused(work)
                left = _what_is_left(work) if e.is_short_of_coins else None
                if e.is_too_large and (smaller := _smaller(work, largest, is_doubted=is_doubted)) is not None:
                    tries -= 1
                    largest, is_doubted = smaller[0], True
            if isinstance(e, ConfigError):
                break
        if not _may_try_again(work):
            break
        work.desk.clock.sleep(0.3)
    raise _missing(work, last)


def _smaller(work: Work, largest: Decimal | None, *, is_doubted: bool) -> tuple[Decimal | None] | None:
    """Return the bound to try after a stop was refused for its size; None if a smaller one could not be sold.

    The bound is half of what was refused, unless the rules of the pair say by now what is too large. A refusal that
    they do not explain is first doubted: it may have been the moment's, and half a stop would stay.
    """
    book = work.read()
    instrument = instrument_of(work.desk, book.trade.symbol)
    refused = book.of_role(Role.STOP)[-1].qty
    if largest_stop(refused, instrument) < refused or not is_doubted:
        return (largest,)
    half = instrument.floor_qty(refused / 2)
    return (half,) if instrument.is_sellable(half, book.trade.stop_loss) else None


def _refuse_too_small(work: Work, largest: Decimal | None) -> None:
    """Raise StopTooSmall if the stop that was just placed leaves a part of the position bare."""
    book = work.read()
    stop = next((o for o in book.open_orders if o.role is Role.STOP), None)
    wanted = wanted_stop_qty(book, instrument_of(work.desk, book.trade.symbol))
    if stop is None or stop.qty >= wanted:
        return
    if largest is not None:
        with work.desk.store.write(work.desk.account) as books:
            now = work.desk.clock.now()
            books.move_order(
                stop.order_link_id, [stop.status], stop.status, reason=AS_LARGE_AS_TAKEN, updated_at=now
            )
    raise too_small(work, stop.qty, wanted)


def too_small(work: Work, covered: Decimal, wanted: Decimal) -> StopTooSmall:
    """Note and return the news that a stop covers only a part of the position."""
    trade = work.read().trade
    message = (
        f"the stop of trade {trade.id} covers only {plain(covered)} of {plain(wanted)} {trade.base_coin}: the exchange "
        "takes no larger one"
    )
    with work.desk.store.write(work.desk.account) as books:
        books.update_trade(trade.id, detail=message)
    return StopTooSmall(message, f"`botbox close {trade.id}` sells all of it, in several orders")


def _what_is_left(work: Work) -> Decimal | None:
    """Return what the account has of the coins that a stop was refused for; None if that is all of them, or unknown.

    Raises:
        Mismatch: It has too few to be sold: there is nothing to protect.
    """
    trade = (book := work.read()).trade
    instrument = instrument_of(work.desk, trade.symbol)
    try:
        left = coins_left(work)
    except EXCHANGE_FAILED:
        return None
    if trade.direction is Direction.SHORT or left >= wanted_stop_qty(book, instrument):
        return None
    if not instrument.is_sellable(left, trade.stop_loss):
        raise coins_missing(work, left)
    return left


def _may_try_again(work: Work) -> bool:
    return work.budget.left_s() > STOP_LIMIT_S and not work.read().open_orders


def _arm_once(work: Work, left: Decimal | None, largest: Decimal | None) -> bool:
    """Send one stop, for at most `left` and `largest`; True when it rests there, or fired at once and is booked."""
    desk = work.desk
    work.renew()
    instrument = instrument_of(desk, work.read().trade.symbol)
    with desk.store.write(desk.account) as books:
        book = read_trade(books, work.trade_id)
        if book.trade.status not in (TradeStatus.OPEN, TradeStatus.CLOSING):
            # Another process has closed it while this one was held up: there is nothing to protect.
            raise Conflict(
                f"trade {work.trade_id} is {book.trade.status} already",
                f"`botbox trade {work.trade_id}` shows it",
                code="busy",
            )
        wanted = largest_stop(wanted_stop_qty(book, instrument), instrument)
        qty = min(q for q in (wanted, left, largest) if q is not None)
        order = add_intent(
            books,
            book,
            installation=desk.store.installation,
            role=Role.STOP,
            qty=qty,
            now=desk.clock.now(),
            trigger_price=book.trade.stop_loss,
        )
    sight = deliver(work, order, instrument, until=Seen.LIVE, limit_s=work.budget.left_s())
    if sight.seen is Seen.LIVE:
        _refuse_misarmed(work, book.trade, sight.report)
        note_taken(work, book.trade.stop_loss, sight.report.base_price if sight.report else None)
        _settle_detail(work)
        return True
    if sight.seen is Seen.DONE:
        return work.read().filled(order) > 0
    raise _missing(work, OutcomeUnknown(f"stop {order.order_link_id} was sent but can't be seen yet"))


def _refuse_misarmed(work: Work, trade: Trade, report: OrderReport | None) -> None:
    """Take back a stop that was overtaken by the price on its way: it waits for a rise and protects nothing."""
    if report is None or not is_misarmed(report, trade):
        return
    take_away(work, report)
    if work.read().trade.status is TradeStatus.OPEN:
        assert report.base_price is not None, "a misarmed stop was made at a price"
        refuse_passed(work, report.base_price)


def take_away(work: Work, report: OrderReport | None) -> None:
    """Cancel a stop that is not the one wanted, which `report` shows if it is on the exchange.

    Raises: as `clear_stops`; StopMissing when it stays though it protects nothing.
    """
    try:
        clear_stops(work)
    except (OutcomeUnknown, *EXCHANGE_FAILED) as e:
        if report is not None and is_misarmed(report, work.read().trade):
            raise _missing(work, e) from e
        raise


def refuse_passed(work: Work, price: Decimal) -> None:
    """Say that a position has no stop because the price is through it. Raises StopPassed."""
    missing = _missing(work, Denied(f"the price {price} is through it"))
    raise StopPassed(missing.message, missing.hint)


def _settle_detail(work: Work) -> None:
    with work.desk.store.write(work.desk.account) as books:
        work.log(books, "protected", "the stop rests on the exchange")
        books.update_trade(work.trade_id, detail="")


def graver(work: Work, error: BotboxError) -> BotboxError:
    """Return what to raise when a trade can't be looked after: that its position has no stop, if it has none."""
    book = work.read()
    is_bare = book.trade.status in (TradeStatus.OPEN, TradeStatus.CLOSING) and not book.open_orders
    if is_bare and wanted_stop_qty(book, instrument_of(work.desk, book.trade.symbol)) > 0:
        return _missing(work, error)
    return error


def _missing(work: Work, cause: BotboxError | None) -> StopMissing:
    why = cause.message if cause is not None else "the exchange took it back"
    trade = work.read().trade
    message = f"trade {trade.id} ({trade.symbol}) has no stop on the exchange at {trade.stop_loss}: {why}"
    with work.desk.store.write(work.desk.account) as books:
        books.update_trade(trade.id, detail=message)
        work.log(books, "stop_missing", why)
    hint = f"run `botbox monitor --once` to try again, or `botbox close {trade.id}` to get out"
    return StopMissing(message, hint)


def settle_stop(work: Work, order: Order) -> None:
    """Bring a stop that is in doubt to an end or to LIVE, waiting as long as the fence needs and the budget allows.

    Raises:
        StopMissing: It can't be seen, and nothing says that it is there.
        ExchangeUnavailable, ExchangeRejected, ConfigError: Nobody could look for one that rested there before.
    """
    sight = follow(
        work, order.order_link_id, until=Seen.LIVE, limit_s=min(STOP_LIMIT_S, work.budget.left_s())
    )
    order = work.order(order.order_link_id)
    if sight.seen is Seen.ABSENT:
        mark_absent(work, order, "never reached the exchange")
    elif sight.seen is Seen.PENDING and is_forgotten(work, order, sight):
        mark_forgotten(work, order)
    elif sight.error is not None and order.status is OrderStatus.WORKING and order.reason != CANCEL_ASKED:
        raise sight.error
    elif sight.seen is Seen.PENDING:
        raise _missing(work, OutcomeUnknown(f"stop {order.order_link_id} can't be seen on the exchange yet"))
