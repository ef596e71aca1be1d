"""One pass over the open trades: settle, re-arm the stop, close at stop or target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.trade import ENDED_TRADES, LIVING_TRADES, Trade
from botbox_cli.errors import BotboxError, Conflict, ExchangeUnavailable
from botbox_cli.services.attend import Attended, Snapshot, attend, leave_at_target
from botbox_cli.services.claims import Claims
from botbox_cli.services.desk import Desk
from botbox_cli.services.late_fills import book_known_fills, value_fees
from botbox_cli.services.lease import Budget, Work, working_on

FILLS_MARKER = "fills_seen_until"
OVERLAP = timedelta(minutes=10)
"""How far back a pass looks again for executions that became visible late."""
GIVEN_UP = "its price is being acted on"
REMEMBERED = timedelta(hours=1)
"""For so long after its end a trade is still looked at for a fill that came after all."""


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


def monitor(desk: Desk, claims: Claims | None = None) -> MonitorResult:
    """Look after every living trade once. One trade's failure does not stop the others.

    What waits for its turn lies in `claims`; what is given up there is told as busy.
    """
    result = _look_after(desk, claims or Claims())
    value_fees(desk)
    return result


def _look_after(desk: Desk, claims: Claims) -> MonitorResult:
    result = MonitorResult()
    living, ended = _trades(desk)
    if not living and ended:
        try:
            _new_fills(desk, ended, result)
        except ExchangeUnavailable:
            pass  # Nothing is at stake: the next pass looks again.
        except BotboxError as e:
            result.errors.append(TradeError(e))
        living, ended = _trades(desk)
    if not living:
        return result
    budget = Budget(desk.clock)
    with ExitStack() as stack:
        works = [w for t in reversed(living) if (w := _take(stack, desk, t, budget, result)) is not None]
        claims.put({trade.id: work for trade, work in works})
        stack.callback(claims.put, {})
        try:
            snapshot = _snapshot(desk, [t for t, _ in works], ended, result)
        except BotboxError as e:
            result.errors.append(TradeError(e))
            result.trades += [TradeAction(t.id, t.symbol, None, "failed", e.message) for t, _ in works]
            return result
        result.snapshot = snapshot
        for trade, work in works:
            if claims.begin(trade.id):
                _attend(work, trade, snapshot, result)
            else:
                result.trades.append(TradeAction(trade.id, trade.symbol, None, "busy", GIVEN_UP))
    return result


def attend_trade(desk: Desk, trade: Trade, snapshot: Snapshot, *, budget_s: float) -> MonitorResult:
    """Look after one living trade as a pass does, at prices and orders that are known already; at once at its target.

    A snapshot may be old: whether a stop is still there is told by its cancel, never by the list that shows it.
    """
    result = MonitorResult(snapshot=snapshot)
    _attend(Work(desk, trade.id, Budget(desk.clock, budget_s)), trade, snapshot, result, _at_once_or_in_full)
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


def _trades(desk: Desk) -> tuple[list[Trade], list[Trade]]:
    """Return the living trades, and those that ended but are young enough for a late fill."""
    with desk.store.read(desk.account) as books:
        living = books.trades(LIVING_TRADES)
        return living, books.trades(ENDED_TRADES, ended_since=desk.clock.now() - REMEMBERED)


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
    quotes = desk.exchange.quotes(sorted({t.symbol for t in trades}))
    return Snapshot(alive, tuple(fills), quotes)


def _new_fills(desk: Desk, trades: list[Trade], result: MonitorResult) -> list[Fill]:
    """Return executions since the last pass (with an overlap), those of orders we know booked, whatever their state."""
    now = desk.clock.now()
    with desk.store.read(desk.account) as books:
        marker = books.marker(FILLS_MARKER)
    oldest = min(t.created_at for t in trades)
    since = max(oldest, datetime.fromisoformat(marker)) if marker else oldest
    fills = desk.exchange.fills_since(since - OVERLAP)
    result.errors += [TradeError(error, trade_id) for trade_id, error in book_known_fills(desk, fills)]
    with desk.store.write(desk.account) as books:
        books.set_marker(FILLS_MARKER, now.isoformat())
    return fills
