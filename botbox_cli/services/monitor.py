"""One pass over the open trades: settle, re-arm the stop, close at stop or target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.trade import Trade
from botbox_cli.errors import BotboxError, Conflict, ExchangeUnavailable
from botbox_cli.services.attend import Attended, Snapshot, attend
from botbox_cli.services.desk import Desk
from botbox_cli.services.late_fills import book_new_fills, trades_with_fills, value_fees
from botbox_cli.services.lease import Budget, Work, working_on
from botbox_cli.services.leftovers import can_be_sold, leftovers, take_up


@dataclass(frozen=True, slots=True)
class TradeAction:
    """What a pass did for one trade: an action of the contract, and a sentence."""

    id: int
    symbol: str
    price: Decimal | None
    action: str
    detail: str


@dataclass(frozen=True, slots=True)
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


def monitor(desk: Desk) -> MonitorResult:
    """Look after every living trade once. One trade's failure does not stop the others."""
    result = _look_after(desk)
    _sell_leftovers(desk, result)
    value_fees(desk)
    return result


def _look_after(desk: Desk) -> MonitorResult:
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
    budget = Budget(desk.clock)
    with ExitStack() as stack:
        works = [w for t in reversed(living) if (w := _take(stack, desk, t, budget, result)) is not None]
        try:
            snapshot = _snapshot(desk, [t for t, _ in works], ended, result)
        except BotboxError as e:
            result.errors.append(TradeError(e))
            result.trades += [TradeAction(t.id, t.symbol, None, "failed", e.message) for t, _ in works]
            return result
        result.snapshot = snapshot
        for trade, work in works:
            _attend(work, trade, snapshot, result)
    return result


def attend_trade(desk: Desk, trade: Trade, snapshot: Snapshot, *, budget_s: float) -> MonitorResult:
    """Look after one living trade as a pass does, at prices and orders that are known already.

    A snapshot may be old: whether a stop is still there is told by its cancel, never by the list that shows it.
    """
    result = MonitorResult(snapshot=snapshot)
    with ExitStack() as stack:
        taken = _take(stack, desk, trade, Budget(desk.clock, budget_s), result)
        if taken is not None:
            _attend(taken[1], trade, snapshot, result)
    return result


def _take(
    stack: ExitStack, desk: Desk, trade: Trade, budget: Budget, result: MonitorResult
) -> tuple[Trade, Work] | None:
    try:
        return trade, stack.enter_context(working_on(desk, trade.id, budget))
    except Conflict as e:
        result.trades.append(TradeAction(trade.id, trade.symbol, None, "busy", e.message))
        return None


def _attend(work: Work, trade: Trade, snapshot: Snapshot, result: MonitorResult) -> None:
    result.checked += 1
    try:
        with _released(work):
            done = attend(work, snapshot)
    except Conflict as e:
        done = Attended("busy", e.message)
    except BotboxError as e:
        result.errors.append(TradeError(e, trade.id))
        done = Attended("failed", e.message)
    result.closed += done.action == "closed"
    result.trades.append(TradeAction(trade.id, trade.symbol, done.price, done.action, done.detail))


def _sell_leftovers(desk: Desk, result: MonitorResult) -> None:
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
    budget = Budget(desk.clock)
    for book in left:
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


def _snapshot(desk: Desk, trades: list[Trade], ended: list[Trade], result: MonitorResult) -> Snapshot:
    """Ask the exchange once for all trades: orders alive, recent executions, prices."""
    if not trades:
        return Snapshot()
    with desk.store.read(desk.account) as books:
        resting = {o.order_link_id for o in books.orders([t.id for t in trades]) if o.is_open}
    alive = {o.order_link_id: o for o in desk.exchange.open_orders(until=resting)}
    fills = _new_fills(desk, [*trades, *ended], result)
    left = {book.trade.symbol for book in leftovers(desk)}
    quotes = desk.exchange.quotes(sorted({t.symbol for t in trades} | left))
    return Snapshot(alive, tuple(fills), quotes)


def _new_fills(desk: Desk, trades: list[Trade], result: MonitorResult) -> list[Fill]:
    """Return the executions since the last pass, booked; what the books can't take is among the errors."""
    fills, refused = book_new_fills(desk, trades)
    result.errors += [TradeError(error, trade_id) for trade_id, error in refused]
    return fills
