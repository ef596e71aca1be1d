"""Executing an approved setup: at most one entry, then a stop on the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botbox_cli.domain.number import plain
from botbox_cli.domain.order import Order, Role
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.domain.trade import LIVING_TRADES, STOP_LOSS_HIT, Trade, TradeStatus
from botbox_cli.errors import (
    BotboxError,
    Conflict,
    ExchangeRejected,
    ExchangeUnavailable,
    Mismatch,
    OutcomeUnknown,
    StopMissing,
    StopPassed,
    StorageError,
)
from botbox_cli.ports import LogEntry
from botbox_cli.services.attend import entry_in_doubt
from botbox_cli.services.book import read_trade
from botbox_cli.services.brakes import check_halt, check_positions, check_symbol
from botbox_cli.services.decide import Shown, approve_in
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.services.lease import LEASE_TTL_S, Budget, Work, hurried, lease_name, working_on
from botbox_cli.services.leave import leave, leave_without_stop
from botbox_cli.services.plan import (
    Plan,
    Planner,
    check_approved,
    check_living,
    check_money,
    has_living_trade,
    sizing_facts,
)
from botbox_cli.services.protect import arm, is_through
from botbox_cli.services.send import add_intent, deliver
from botbox_cli.services.settle import OLDER_COPY, Seen, cancel_rest
from botbox_cli.services.trades import TradeView, view
from botbox_cli.services.unsettled import catch_up, settle_earlier

ENTRY_LIMIT_S = 20.0
STOP_NEEDS_S = 6.0
"""So much of the command's time is kept for the stop."""
ENTRY_NEEDS_S = 14.0
"""A command with less time left begins no entry: one lost answer, and then the stop."""
ENTRY_LIVE_LIMIT_S = 2.0
"""A market entry that is still on the book after this is cancelled, so that what it filled gets its stop."""

GRAVE = (StopMissing, OutcomeUnknown, Mismatch)
"""What is told of a trade that an earlier process left behind, although this command was not about it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an execution, once its intent was saved. `success`: the entry has filled."""

    setup: Setup
    trade: TradeView
    error: BotboxError | None

    @property
    def success(self) -> bool:
        return self.trade.position.entered > 0


def execute(
    desk: Desk,
    setup_id: int,
    *,
    accept_price: bool = False,
    approve: bool = False,
    note: str = "",
    shown: Shown | None = None,
    budget: Budget | None = None,
) -> Outcome:
    """Trade an approved setup; with `approve`, approve it in the same transaction that saves the entry's intent.

    What was `shown` to the person is logged with the approval. Where others share the `budget`, they may leave no time.

    Raises:
        Everything that goes wrong before the intent is saved: the setup is then as it was, and nothing was sent.
        From then on errors are in the outcome.
    """
    budget = budget or Budget(desk.clock)
    desk = hurried(desk, budget)
    catch_up(desk)
    left = settle_earlier(desk, budget)
    _tell_of_own_trade(desk, setup_id, left)
    _refuse_without_time(budget)
    plan = plan_entry(desk, setup_id, accept_price=accept_price, approve=approve)
    work, entry = _save_intent(desk, plan, budget, approve=approve, note=note, shown=shown)
    try:
        error = _enter(work, entry, plan)
        work.release()
        with desk.store.read(desk.account) as books:
            return Outcome(books.setup(setup_id), view(read_trade(books, work.trade_id)), error)
    except StorageError as e:
        raise OutcomeUnknown(
            f"the database failed while entry {entry.order_link_id} was under way: {e.message}",
            "mend the database, then run `botbox monitor --once`: it settles what was sent",
        ) from e
    except BaseException:
        with suppress(StorageError):
            work.release()
        raise


def _refuse_without_time(budget: Budget) -> None:
    """Refuse to begin an entry that there is no time left to see through and to protect."""
    if budget.left_in_all_s() < ENTRY_NEEDS_S:
        raise ExchangeUnavailable(
            "no time is left in this command for an entry, so slowly does the exchange answer",
            "nothing was placed; try again later",
            code="no_time",
        )


def plan_entry(desk: Desk, setup_id: int, *, accept_price: bool, approve: bool) -> Plan:
    """Check all that can be checked before anything is saved, and size the entry."""
    with desk.store.read(desk.account) as books:
        setup = books.setup(setup_id)
        if not (approve and setup.status is SetupStatus.ACTIVE):
            check_approved(books, setup_id)
    _refuse_second_trade(desk, setup_id)
    return Planner(desk, setup, accept_price=accept_price).plan()


def _living_trade(desk: Desk, setup_id: int) -> Trade | None:
    with desk.store.read(desk.account) as books:
        return next((t for t in books.trades(LIVING_TRADES) if t.setup_id == setup_id), None)


def _tell_of_own_trade(desk: Desk, setup_id: int, left: Mapping[int, BotboxError]) -> None:
    """Raise that the setup's trade has no stop, or is in doubt: graver news than that it can't be traded again.

    `left` is what could not be settled, by trade.
    """
    trade = _living_trade(desk, setup_id)
    error = None if trade is None else left.get(trade.id)
    if isinstance(error, GRAVE):
        raise error


def _refuse_second_trade(desk: Desk, setup_id: int) -> None:
    """Refuse a setup that has a living trade.

    Raises:
        OutcomeUnknown: Nobody is at work on it, and whether its entry landed is not known.
        Conflict: It is open, or another process is opening it.
    """
    trade = _living_trade(desk, setup_id)
    if trade is None:
        return
    if trade.status is TradeStatus.OPENING:
        with working_on(desk, trade.id, Budget(desk.clock)) as work:
            book = work.read()
            if book.trade.status is TradeStatus.OPENING:
                raise entry_in_doubt(book)
    raise Conflict(f"setup {setup_id} is traded already as trade {trade.id}", f"`botbox trade {trade.id}`")


def _save_intent(
    desk: Desk, plan: Plan, budget: Budget, *, approve: bool, note: str, shown: Shown | None
) -> tuple[Work, Order]:
    """Save trade, entry intent and lease in one transaction, after checking again what may have changed."""
    with desk.store.write(desk.account) as books:
        _refuse_without_time(budget)  # A process that has slept since it planned has none.
        now = desk.clock.now()
        setup_id = plan.setup.id
        setup = (
            approve_in(books, desk, setup_id, note=note, shown=shown)
            if approve
            else check_approved(books, setup_id)
        )
        check_living(setup, now)
        if has_living_trade(books, setup_id):
            raise Conflict(
                f"setup {setup_id} is being traded by another process", "`botbox trades --status open`"
            )
        check_halt(books)
        check_positions(books, desk.policy)
        check_symbol(books, setup)
        check_money(books, desk, plan.sizing)
        trade = books.add_trade(_trade_of(desk, plan))
        books.grant_lease(lease_name(trade.id), desk.holder, now, LEASE_TTL_S)
        entry = add_intent(
            books,
            read_trade(books, trade.id),
            installation=desk.store.installation,
            role=Role.ENTRY,
            qty=plan.sizing.qty,
            now=now,
        )
        line, facts = _sizing_line(plan), plan_facts(plan, desk.policy)
        books.log(LogEntry(now, "planned", line, trade_id=trade.id, setup_id=setup_id, data=facts))
    return Work(desk, trade.id, budget), entry


def _trade_of(desk: Desk, plan: Plan) -> Trade:
    setup = plan.setup
    return Trade(
        setup_id=setup.id,
        symbol=setup.symbol,
        base_coin=plan.instrument.base_coin,
        quote_coin=plan.instrument.quote_coin,
        direction=setup.direction,
        mode=str(desk.account.mode),
        status=TradeStatus.OPENING,
        initial_stop=setup.stop_loss,
        stop_loss=setup.stop_loss,
        take_profit_1=setup.take_profit_1,
        take_profit_2=setup.take_profit_2,
        created_at=desk.clock.now(),
    )


def _sizing_line(plan: Plan) -> str:
    s = plan.sizing
    return (
        f"qty {s.qty} at {s.price}, stop {s.stop}, risk {s.risk:.2f} of wanted {s.risk_wanted:.2f}, "
        f"equity {s.equity}, free {s.free}, bound by {s.limited_by}"
    )


def plan_facts(plan: Plan, policy: Policy) -> dict[str, Any]:
    """Return what an entry was sized from, as JSON has it: the quote, the rules of the pair, the limits, the result."""
    quote, pair, sizing = plan.quote, plan.instrument, plan.sizing
    limits = ("risk_percent", "max_position_percent", "max_slippage_percent", "max_entry_drift_r")
    return {
        "quote": {name: plain(getattr(quote, name)) for name in ("bid", "ask", "last")},
        "drift_r": plain(plan.drift_r),
        "instrument": {
            name: plain(getattr(pair, name)) for name in ("tick_size", "lot_size", "min_qty", "min_value")
        },
        "limits": {name: plain(getattr(policy, name)) for name in limits},
        "sizing": sizing_facts(sizing),
    }


def _enter(work: Work, entry: Order, plan: Plan) -> BotboxError | None:
    """Send the entry and protect what it filled; return what went wrong on the way."""
    try:
        sight = deliver(
            work,
            entry,
            plan.instrument,
            until=Seen.DONE,
            limit_s=min(ENTRY_LIMIT_S, work.budget.left_s() - STOP_NEEDS_S),
            live_limit_s=ENTRY_LIVE_LIMIT_S,
        )
        if sight.seen is Seen.LIVE:
            cancel_rest(work, entry)
        book = work.read()
        if book.trade.status is TradeStatus.FAILED:
            reason = book.find(entry.order_link_id).reason or "nothing filled"
            return _taken_back(entry, plan.setup.id, reason)
        if book.trade.status is TradeStatus.OPENING:
            return entry_in_doubt(book)
        _protect(work)
    except (StopMissing, OutcomeUnknown, Mismatch) as e:
        return e
    except StorageError:
        raise
    except BotboxError as e:
        return _truth_after(work, e)
    return None


def _taken_back(entry: Order, setup_id: int, reason: str) -> ExchangeRejected:
    """The news that an accepted entry has ended without a fill."""
    hint = f"`botbox execute {setup_id}` tries again at the present price"
    if reason == OLDER_COPY:
        hint = (
            f"setup {setup_id} may have been traded already: `botbox reconcile` shows what these books lack"
        )
    return ExchangeRejected(f"the exchange took entry {entry.order_link_id} back unfilled: {reason}", hint)


def _truth_after(work: Work, error: BotboxError) -> BotboxError | None:
    """Return what is true of an entry after something else went wrong, or another process has taken its trade."""
    book = work.read()
    match book.trade.status:
        case TradeStatus.OPENING if isinstance(error, Conflict):
            return entry_in_doubt(book)
        case TradeStatus.OPENING | TradeStatus.FAILED:
            return error
        case TradeStatus.OPEN if not book.ways_out:
            return StopMissing(f"trade {book.trade.id} has no stop yet: {error.message}", error.hint)
    return None


def _protect(work: Work) -> None:
    """Put the stop on the exchange; if the entry's own fills are through it already, get out."""
    book = work.read()
    if book.trade.status is not TradeStatus.OPEN:
        return
    last_fill = max(book.fills, key=lambda f: f.executed_at)
    if is_through(book.trade, last_fill.price):
        leave(work, STOP_LOSS_HIT, last_fill.price)
        return
    try:
        arm(work)
    except StopPassed:
        leave(work, STOP_LOSS_HIT, last_fill.price)
    except StopMissing as e:
        leave_without_stop(work, last_fill.price, e)


def execute_approved(desk: Desk) -> list[Outcome | tuple[int, BotboxError]]:
    """Trade every approved setup that has no trade; a refusal of one, as (setup id, error), does not stop the rest.

    So is told, by its setup, that an earlier trade is in doubt or has no stop.
    """
    budget = Budget(desk.clock)
    desk = hurried(desk, budget)
    left = settle_earlier(desk, budget)
    with desk.store.read(desk.account) as books:
        grave = [(books.trade(trade_id).setup_id, e) for trade_id, e in left.items() if isinstance(e, GRAVE)]
        waiting = [s.id for s in books.setups([SetupStatus.APPROVED]) if not has_living_trade(books, s.id)]
    results: list[Outcome | tuple[int, BotboxError]] = [*grave]
    for setup_id in sorted(waiting):
        try:
            results.append(execute(desk, setup_id, budget=budget))
        except BotboxError as e:
            results.append((setup_id, e))
    return results
