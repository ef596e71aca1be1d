"""Comparing the books with the exchange: every difference, each with a remedy; the safe ones applied on request.

Safe are: booking a fill, adopting an order of ours, arming a missing stop. A sale never is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import ZERO, plain
from botbox_cli.domain.order import (
    Order,
    OrderReport,
    OrderStatus,
    Role,
    parse_order_link_id,
)
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import LIVING_TRADES, Trade, TradeStatus
from botbox_cli.errors import (
    EXCHANGE_FAILED,
    BotboxError,
    OutcomeUnknown,
)
from botbox_cli.ports import Books
from botbox_cli.services.adopt_order import adopt
from botbox_cli.services.book import TradeBook, books_of, instrument_of, is_from
from botbox_cli.services.desk import Desk
from botbox_cli.services.late_fills import book_known_fills, unbooked
from botbox_cli.services.lease import Budget, Work, hurried, working_on
from botbox_cli.services.margin import left_over
from botbox_cli.services.protect import (
    arm,
    fits,
    is_through,
    largest_stop,
    wanted_stop_qty,
)
from botbox_cli.services.settle import look

LOOK_BACK = timedelta(days=7)
"""How far back executions are compared for trades that have ended; living trades are compared from their start."""

READS_MAX = 3
"""How often both sides are read at most, while another process is at work between them."""

MENDED_BY_A_LOOK = ("order_missing", "order_in_doubt", "missing_stop")
"""Kinds for which the trade's open orders are looked up, and its stop is armed if it then has none."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which books and exchange disagree, and what to type about it."""

    trade_id: int | None
    kind: str
    ours: str
    theirs: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The document of `reconcile`: how many orders and positions agreed, what differs, what was mended."""

    matched: int
    differences: tuple[Difference, ...]
    applied: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides, read once."""

    living: list[TradeBook]
    alive: dict[str, OrderReport]
    fills: list[Fill]
    balances: dict[str, Decimal]
    debts: dict[str, Decimal]
    left_over: dict[str, Decimal]
    known_links: dict[str, Order]


def reconcile(desk: Desk, *, apply: bool = False) -> Reconciliation:
    """Compare; with `apply`, mend what is safe and compare again."""
    budget = Budget(desk.clock)
    desk = hurried(desk, budget)
    found = _compare(desk, _read(desk))
    if not apply:
        return found
    for number, difference in enumerate(found.differences, 1):
        budget.keep_for(len(found.differences) - number)
        _mend(desk, difference, budget)
    after = _compare_again(desk) if found.differences else found
    mended = tuple(d for d in found.differences if d not in after.differences)
    return Reconciliation(after.matched, after.differences, mended)


def _compare_again(desk: Desk) -> Reconciliation:
    """Compare after mending. Raises OutcomeUnknown if nobody can say now: orders may have been placed."""
    try:
        return _compare(desk, _read(desk))
    except EXCHANGE_FAILED as e:
        raise OutcomeUnknown(
            f"what was mended can't be compared with the exchange now: {e.message}",
            "run `botbox monitor --once`, then `botbox reconcile` again",
        ) from e


def _read(desk: Desk) -> _Sides:
    """Read both sides; anew when another process has moved the books between them: that is no difference."""
    for _ in range(READS_MAX):
        with desk.store.read(desk.account) as books:
            before = books_of(books, books.trades(LIVING_TRADES))
        sides = _read_since(desk, min([desk.clock.now() - LOOK_BACK, *(b.trade.created_at for b in before)]))
        if sides.living == before:
            break
    return sides


def _read_since(desk: Desk, since: datetime) -> _Sides:
    alive = {o.order_link_id: o for o in desk.exchange.open_orders()}
    fills = desk.exchange.fills_since(since)
    wallet = desk.exchange.wallet()
    balances = {coin: balance.total for coin, balance in wallet.items()}
    debts = {coin: balance.owed for coin, balance in wallet.items()}
    with desk.store.read(desk.account) as books:
        # Read after the exchange: what another process sends meanwhile is in the books before it is over there.
        living = books_of(books, books.trades(LIVING_TRADES))
        left = _left_over(books, living)
        links = {*alive, *(f.order_link_id for f in fills)}
        known = {link: order for link in links if (order := books.order_by_link_id(link)) is not None}
    return _Sides(living, alive, fills, balances, debts, left, known)


def _left_over(books: Books, living: Iterable[TradeBook]) -> dict[str, Decimal]:
    """Return the coins that ended trades have left of what is short now: its entries sold them, and borrowed less."""
    left: dict[str, Decimal] = {}
    for book in living:
        trade, price = book.trade, book.position.entry_price
        if trade.base_coin in left:
            continue
        instrument = books.instrument(trade.symbol)
        if trade.direction is Direction.SHORT and price is not None and instrument is not None:
            left[trade.base_coin] = left_over(books, instrument, price)
    return left


def _compare(desk: Desk, sides: _Sides) -> Reconciliation:
    differences = [
        *_unknown_orders(desk, sides),
        *_unbooked_fills(desk, sides),
        *_order_differences(sides),
        *_stop_differences(desk, sides),
        *_position_differences(desk, sides),
        *_debt_differences(sides),
    ]
    agreeing = len(sides.living) + len(sides.alive.keys() & sides.known_links.keys())
    return Reconciliation(max(0, agreeing - len(differences)), tuple(differences))


def _unknown_orders(desk: Desk, sides: _Sides) -> Iterator[Difference]:
    """Yield orders under an id that botbox makes, which these books do not know (or know as ended).

    Alive, or ended with executions.
    """
    for link, report in sides.alive.items():
        parsed = parse_order_link_id(link)
        known = sides.known_links.get(link)
        if parsed is None or (known is not None and known.is_open):
            continue
        theirs = f"{report.side} {plain(report.qty)} {report.symbol} ({link})"
        if parsed[0] != desk.store.installation:
            remedy = "another installation of botbox made it: run `botbox reconcile` there, or cancel it on the website"
            yield Difference(None, "foreign_order", "not in these books", theirs, remedy)
        elif known is not None:
            remedy = "cancel it on the exchange's website: the books hold it as ended"
            yield Difference(known.trade_id, "order_alive", str(known.status), theirs, remedy)
        else:
            yield _unknown(desk, sides, link, report.symbol, report.created_at, theirs)
    ended: dict[str, list[Fill]] = {}
    for fill in sides.fills:
        if fill.order_link_id not in sides.alive and fill.order_link_id not in sides.known_links:
            ended.setdefault(fill.order_link_id, []).append(fill)
    for link, fills in ended.items():
        parsed = parse_order_link_id(link)
        if parsed is not None and parsed[0] == desk.store.installation:
            qty = plain(sum((f.qty for f in fills), ZERO))
            theirs = f"{fills[0].side} {qty} {fills[0].symbol} ({link})"
            yield _unknown(desk, sides, link, fills[0].symbol, fills[0].executed_at, theirs)


def _unknown(desk: Desk, sides: _Sides, link: str, symbol: str, at: datetime, theirs: str) -> Difference:
    remedy = "no open trade of these books can take it: look at it on the exchange's website; it has no stop of ours"
    if any(is_from(b.trade, desk.store.installation, link, symbol, at) for b in sides.living):
        remedy = "`botbox reconcile --apply` adopts it"
    parsed = parse_order_link_id(link)
    return Difference(parsed[1] if parsed else None, "unknown_order", "not in the books", theirs, remedy)


def _unbooked_fills(desk: Desk, sides: _Sides) -> Iterator[Difference]:
    for book, fills in unbooked(desk, sides.fills):
        for fill in fills:
            theirs = f"{fill.side} {plain(fill.qty)} at {plain(fill.price)} ({fill.execution_id})"
            remedy = "`botbox reconcile --apply` books it"
            yield Difference(book.trade.id, "fill_not_booked", fill.order_link_id, theirs, remedy)


def _order_differences(sides: _Sides) -> Iterator[Difference]:
    """Yield orders that the books hold as open and the exchange does not show as alive."""
    for book in sides.living:
        for order in book.open_orders:
            if order.order_link_id in sides.alive:
                continue
            ours = f"{order.role} {order.order_link_id} is {order.status}"
            remedy = "`botbox monitor --once` settles it"
            if order.status is OrderStatus.WORKING:
                remedy = f"`botbox reconcile --apply` or {remedy}"
            kind = "order_missing" if order.status is OrderStatus.WORKING else "order_in_doubt"
            yield Difference(book.trade.id, kind, ours, "not alive", remedy)


def _stop_differences(desk: Desk, sides: _Sides) -> Iterator[Difference]:
    for book in sides.living:
        trade = book.trade
        if trade.status is not TradeStatus.OPEN:
            continue
        instrument = instrument_of(desk, trade.symbol)
        qty = wanted_stop_qty(book, instrument)
        if qty == 0:
            continue
        stop = next((o for o in book.open_orders if o.role is Role.STOP), None)
        report = sides.alive.get(stop.order_link_id) if stop is not None else None
        ours = f"stop for {plain(qty)} {trade.base_coin} at {plain(trade.stop_loss)}"
        if stop is None or report is None:
            remedy = "`botbox reconcile --apply` or `botbox monitor --once` arms it"
            yield Difference(trade.id, "missing_stop", ours, "none", remedy)
        elif not fits(stop, report, trade, qty):
            theirs = f"stop for {plain(report.qty - report.filled_qty)} at {report.trigger_price}"
            largest = largest_stop(qty, instrument, stop)
            remedy = _remedy_of_stop(stop, report, trade, largest, _on_account(sides, book, instrument))
            if remedy:
                yield Difference(trade.id, "stop_differs", ours, theirs, remedy)


def _on_account(sides: _Sides, book: TradeBook, instrument: Instrument) -> Decimal:
    """Return what the account has for a long's stop: what those of others hold is theirs. (A short needs no coins.)"""
    trade, held = book.trade, wanted_stop_qty(book, instrument)
    if trade.direction is Direction.SHORT:
        return held
    others = (b for b in sides.living if b.trade.base_coin == trade.base_coin and b.trade.id != trade.id)
    taken = sum((b.position.held for b in others if b.trade.direction is Direction.LONG and b.ways_out), ZERO)
    return min(held, instrument.floor_qty(max(ZERO, sides.balances.get(trade.base_coin, ZERO) - taken)))


def _remedy_of_stop(stop: Order, report: OrderReport, trade: Trade, largest: Decimal, left: Decimal) -> str:
    """Return what to do about a stop that does not cover a position as it should; "" if it covers what there is.

    It covers no more than is `left` on the account, nor more than the `largest` that the exchange takes.
    """
    if fits(stop, report, trade, left):
        return ""  # The position itself is told to be smaller.
    if fits(stop, report, trade, min(left, largest)):
        return (
            f"the exchange takes no larger one; `botbox close {trade.id}` sells all of it, in several orders"
        )
    ours = "`botbox monitor --once` puts ours back"
    if report.trigger_price == trade.stop_loss:
        return ours
    return f"{ours}; `botbox trade {trade.id} --adopt-stop` takes theirs"


def _position_differences(desk: Desk, sides: _Sides) -> Iterator[Difference]:
    """Yield coins of which the account has less than the trades hold, and orders that filled more than is booked.

    Of coins, less than an order can sell is no difference: sales by hand are not booked closer than that either.
    """
    held: dict[str, Decimal] = {}
    lots: dict[str, Decimal] = {}
    for book in sides.living:
        if book.trade.direction is Direction.LONG:
            coin = book.trade.base_coin
            held[coin] = held.get(coin, ZERO) + book.position.held
            lots[coin] = instrument_of(desk, book.trade.symbol).lot_size
        for order in book.open_orders:
            report = sides.alive.get(order.order_link_id)
            if report is not None and report.filled_qty > book.filled(order):
                ours, theirs = plain(book.filled(order)), plain(report.filled_qty)
                remedy = "`botbox monitor --once` books what is missing"
                yield Difference(
                    book.trade.id, "position_larger", f"{ours} filled", f"{theirs} filled", remedy
                )
    for coin, amount in held.items():
        total = sides.balances.get(coin, ZERO)
        if amount - total >= lots[coin]:
            trade_id = next(b.trade.id for b in sides.living if b.trade.base_coin == coin)
            remedy = (
                "`botbox monitor --once` books sales made by hand and protects what is left; coins that moved away "
                f"have to come back, or `botbox close {trade_id}` sells what is left"
            )
            yield Difference(
                trade_id, "position_smaller", f"{plain(amount)} {coin}", f"{plain(total)} {coin}", remedy
            )


def _debt_differences(sides: _Sides) -> Iterator[Difference]:
    """Yield coins of which the account owes less than the open shorts have still to buy back: its owner has repaid.

    What earlier trades had left over it need not owe: an entry has sold that instead of borrowing.
    """
    open_shorts: dict[str, list[TradeBook]] = {}
    for book in sides.living:
        if book.trade.direction is Direction.SHORT and book.position.held > 0:
            open_shorts.setdefault(book.trade.base_coin, []).append(book)
    for coin, shorts in open_shorts.items():
        held = [book.position.held for book in shorts]
        owed = sides.debts.get(coin, ZERO)
        if sum(held) - owed - sides.left_over.get(coin, ZERO) <= min(held) / 2:
            continue
        trade_id = shorts[0].trade.id
        remedy = (
            f"if you have bought back and repaid, `botbox close {trade_id}` ends it: it buys once more, and what it "
            "buys is yours to sell"
        )
        ours, theirs = f"{plain(sum(held, ZERO))} {coin} owed", f"{plain(owed)} {coin} owed"
        yield Difference(trade_id, "position_smaller", ours, theirs, remedy)


# -- mending


def _mend(desk: Desk, difference: Difference, budget: Budget) -> None:
    """Apply the remedy of a difference if it is a safe one; what fails stays a difference."""
    try:
        if difference.kind == "fill_not_booked":
            since = desk.clock.now() - LOOK_BACK
            book_known_fills(desk, desk.exchange.fills_since(min(since, _started(desk, difference.trade_id))))
        elif difference.kind == "unknown_order" and difference.trade_id is not None:
            with working_on(desk, difference.trade_id, budget) as work:
                adopt(work, difference.theirs.rpartition("(")[2].rstrip(")"))
        elif difference.kind in MENDED_BY_A_LOOK and difference.trade_id is not None:
            with working_on(desk, difference.trade_id, budget) as work:
                for order in work.read().open_orders:
                    look(work, order)
                _arm_if_safe(work)
    except BotboxError:
        return


def _started(desk: Desk, trade_id: int | None) -> datetime:
    if trade_id is None:
        return desk.clock.now()
    with desk.store.read(desk.account) as books:
        return books.trade(trade_id).created_at


def _arm_if_safe(work: Work) -> None:
    book = work.read()
    quote = work.desk.exchange.quotes([book.trade.symbol]).get(book.trade.symbol)
    instrument = instrument_of(work.desk, book.trade.symbol)
    is_unprotected = book.trade.status is TradeStatus.OPEN and not book.open_orders
    if not is_unprotected or quote is None or is_through(book.trade, quote.last):
        return
    if instrument.is_sellable(wanted_stop_qty(book, instrument), quote.last):
        arm(work)
