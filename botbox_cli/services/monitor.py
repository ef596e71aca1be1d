"""One pass over the open trades: settle, re-arm the stop, close at stop or target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.order import Order
from botbox_cli.domain.record import record
from botbox_cli.domain.trade import Trade
from botbox_cli.errors import EXCHANGE_FAILED, BotboxError, Conflict, ExchangeUnavailable
from botbox_cli.services.attend import Attended, Snapshot, attend, leave_at_target
from botbox_cli.services.book import TradeBook
from botbox_cli.services.claims import Claims
from botbox_cli.services.desk import Desk
from botbox_cli.services.late_fills import book_new_fills, trades_with_fills, value_fees
from botbox_cli.services.lease import Budget, Work, hurried, working_on
from botbox_cli.services.leave import LEAVE_NEEDS_S
from botbox_cli.services.leftovers import can_be_sold, leftovers, take_up
from botbox_cli.services.protect import graver
from botbox_cli.services.unsettled import is_unsettled

GIVEN_UP = "its price is being acted on"


@record
class TradeAction:
    """What a pass did for one trade: an action of the contract, and a sentence."""

    id: int
    symbol: str
    price: Decimal | None
    action: str
    detail: str


@record
class TradeError:
    """A failure of a pass, and the trade it concerns (None: the whole pass)."""

    error: BotboxError
    trade_id: int | None = None


@dataclass(slots=True)
class MonitorResult:
    """The document of `monitor --once`, and what the exchange showed when the pass began."""

    checked: int = 0
    closed: int = 0
    errors: list[TradeError] = field(default_factory=list)
    trades: list[TradeAction] = field(default_factory=list)
    snapshot: Snapshot = field(default_factory=Snapshot)


def monitor(desk: Desk, claims: Claims | None = None) -> MonitorResult:
    """Look after every living trade once. One trade's failure does not stop the others.

    What waits for its turn lies in `claims`; what is given up there is told as busy.
    """
    budget = Budget(desk.clock)
    desk = hurried(desk, budget)
    result = _look_after(desk, budget, claims or Claims())
    _sell_leftovers(desk, budget, result)
    value_fees(desk)
    return result


def _look_after(desk: Desk, budget: Budget, claims: Claims) -> MonitorResult:
    result = MonitorResult()
    living, ended = trades_with_fills(desk)
    if not living and ended:
        try:
            _new_fills(desk, ended, result)
        except ExchangeUnavailable:
            pass  # Nothing is at stake: the next pass looks again.
        except BotboxError as e:
            result.errors.append(TradeError(e))
        living, ended = trades_with_fills(desk)
    if not living:
        return result
    with ExitStack() as stack:
        works = [w for t in reversed(living) if (w := _take(stack, desk, t, budget, result)) is not None]
        orders = _open_orders(desk, [t for t, _ in works])
        claims.put({trade.id: work for trade, work in works})
        stack.callback(claims.put, {})
        try:
            snapshot = _snapshot(desk, [t for t, _ in works], ended, orders, result)
        except BotboxError as e:
            result.errors.append(TradeError(e))
            result.trades += [TradeAction(t.id, t.symbol, None, "failed", e.message) for t, _ in works]
            result.errors += _bare(works, e)
            return result
        result.snapshot = snapshot
        urgent = {t.id for t, _ in works if _is_urgent(t, orders[t.id], snapshot)}
        works.sort(key=lambda taken: taken[0].id not in urgent)
        for number, (trade, work) in enumerate(works, 1):
            budget.keep_for(max(0, len(urgent) - number))
            if claims.begin(trade.id):
                _attend(work, trade, snapshot, result)
            else:
                result.trades.append(TradeAction(trade.id, trade.symbol, None, "busy", GIVEN_UP))
    return result


def _bare(works: list[tuple[Trade, Work]], error: BotboxError) -> list[TradeError]:
    """Return the news of positions that have no stop: nobody could look, but the books know it of these."""
    if not isinstance(error, EXCHANGE_FAILED):
        return []
    news = [(graver(work, error), trade.id) for trade, work in works]
    return [TradeError(each, trade_id) for each, trade_id in news if each is not error]


def _is_urgent(trade: Trade, open_orders: list[Order], snapshot: Snapshot) -> bool:
    """Tell whether a trade may be without its stop: it comes first, and the others leave it time."""
    is_shown = all(order.order_link_id in snapshot.alive for order in open_orders)
    return not is_shown or is_unsettled(TradeBook(trade, tuple(open_orders), ()))


def attend_trade(desk: Desk, trade: Trade, snapshot: Snapshot, *, budget_s: float) -> MonitorResult:
    """Look after one living trade as a pass does, at prices and orders that are known already; at once at its target.

    A snapshot may be old: whether a stop is still there is told by its cancel, never by the list that shows it.
    """
    result = MonitorResult(snapshot=snapshot)
    budget = Budget(desk.clock, budget_s)
    _attend(Work(hurried(desk, budget), trade.id, budget), trade, snapshot, result, _at_once_or_in_full)
    return result


def _at_once_or_in_full(work: Work, snapshot: Snapshot) -> Attended:
    try:
        done = leave_at_target(work, snapshot)
    except Conflict:
        if work.is_held:
            raise
        done = None
    if done is not None:
        return done
    work.renew()
    return attend(work, snapshot)


def _take(
    stack: ExitStack, desk: Desk, trade: Trade, budget: Budget, result: MonitorResult
) -> tuple[Trade, Work] | None:
    try:
        return trade, stack.enter_context(working_on(desk, trade.id, budget))
    except Conflict as e:
        result.trades.append(TradeAction(trade.id, trade.symbol, None, "busy", e.message))
        return None


def _attend(
    work: Work,
    trade: Trade,
    snapshot: Snapshot,
    result: MonitorResult,
    look: Callable[[Work, Snapshot], Attended] = attend,
) -> None:
    result.checked += 1
    try:
        with _released(work):
            done = look(work, snapshot)
    except Conflict as e:
        done = Attended("busy", e.message)
    except BotboxError as e:
        result.errors.append(TradeError(e, trade.id))
        done = Attended("failed", e.message)
    result.closed += done.action == "closed"
    result.trades.append(TradeAction(trade.id, trade.symbol, done.price, done.action, done.detail))


def _sell_leftovers(desk: Desk, budget: Budget, result: MonitorResult) -> None:
    """Sell what ended trades have left over, once it is worth enough. Without any, nothing is asked for."""
    left = leftovers(desk)
    if not left or any(e.trade_id is None for e in result.errors):
        return
    quotes = result.snapshot.quotes
    try:
        unknown = sorted({b.trade.symbol for b in left} - quotes.keys())
        quotes = {**quotes, **(desk.exchange.quotes(unknown) if unknown else {})}
    except ExchangeUnavailable:
        return  # The next pass looks again.
    except BotboxError as e:
        result.errors.append(TradeError(e))
        return
    for book in left:
        if not budget.has(LEAVE_NEEDS_S):
            return  # Nothing is at stake.
        quote = quotes.get(book.trade.symbol)
        if quote is None or not can_be_sold(desk, book, quote.last):
            continue
        with ExitStack() as stack:
            taken = _take(stack, desk, book.trade, budget, result)
            if taken is not None and take_up(taken[1]):
                _attend(taken[1], book.trade, Snapshot(quotes=quotes), result)


@contextmanager
def _released(work: Work) -> Iterator[None]:
    """Give a trade back as soon as it is done, not only when the whole pass is."""
    try:
        yield
    finally:
        work.release()


def _open_orders(desk: Desk, trades: list[Trade]) -> dict[int, list[Order]]:
    found: dict[int, list[Order]] = {t.id: [] for t in trades}
    with desk.store.read(desk.account) as books:
        for order in books.orders(list(found)) if found else []:
            if order.is_open:
                found[order.trade_id].append(order)
    return found


def _snapshot(
    desk: Desk,
    trades: list[Trade],
    ended: list[Trade],
    orders: dict[int, list[Order]],
    result: MonitorResult,
) -> Snapshot:
    """Ask the exchange once for all trades: orders alive, recent executions, prices."""
    if not trades:
        return Snapshot()
    resting = {o.order_link_id for of_trade in orders.values() for o in of_trade}
    alive = {o.order_link_id: o for o in desk.exchange.open_orders(until=resting)}
    fills: list[Fill] = []
    try:
        fills = _new_fills(desk, [*trades, *ended], result)
    except EXCHANGE_FAILED as e:
        result.errors.append(TradeError(e))  # Stops come first: what has sold is looked up by each order.
    left = {book.trade.symbol for book in leftovers(desk)}
    quotes = desk.exchange.quotes(sorted({t.symbol for t in trades} | left))
    return Snapshot(alive, tuple(fills), quotes)


def _new_fills(desk: Desk, trades: list[Trade], result: MonitorResult) -> list[Fill]:
    """Return the executions since the last pass, booked; what the books can't take is among the errors."""
    fills, refused = book_new_fills(desk, trades)
    result.errors += [TradeError(error, trade_id) for trade_id, error in refused]
    return fills
