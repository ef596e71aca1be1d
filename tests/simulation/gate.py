"""The judges of entries: who may send one, and that brakes and expiry hold. Figures come from the exchange's ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from botbox_cli.domain.account import Account
from botbox_cli.domain.trade import LIVING_TRADES, Trade, TradeStatus
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.protocol import from_ms, to_ms
from botbox_cli.exchange.paper.state import Lag
from botbox_cli.ports import Store
from botbox_cli.services.desk import Policy
from tests.simulation.checkers import Case, Told, sellable, true_position, true_result
from tests.simulation.truth import name_of

ZERO = Decimal(0)
LANDS_WITHIN = timedelta(seconds=36)
"""From the last moment at which an entry may be decided to the last at which it may land: what a command waits for
answers and sends again (26 s), the receive window, and the clocks' difference."""

MOST_INTEREST = Decimal("1.001")
"""Debt over loan at the end of a day (or two) at the exchange's hourly rate, with room."""
MOST_ROUNDING = Decimal("0.0000005")
"""Interest is rounded up each hour: of a loan of a few units that adds up to more than the rate."""

FEES_APART = Decimal("1.01")
"""Equity is only known from after the entry, which has cost its fees."""


def entries_sent(steps: Sequence[str]) -> list[str]:
    """Return the link ids of the entries that a process sent, from its steps."""
    asked = [step.split()[-1] for step in steps if "-entry" in step and step.startswith("ask place_order ")]
    return [link for link in asked if (name := name_of(link)) is not None and name.role == "entry"]


def judge_sender(told: Told, sent: Sequence[str]) -> Iterator[str]:
    """Only `execute` sends entries, one that was refused has sent none, and none sends two trades' entries."""
    if sent and not told.command.startswith("execute"):
        yield f"{told.command} (exit {told.exit_code}) sent {sent}"
    if told.command == "execute" and len(set(sent)) > 1:
        yield f"execute sent entries of {sorted(set(sent))}"


def judge_brakes(
    case: Case, told: Told, sent: Sequence[str], policy: Policy, now: datetime, *, is_halted: bool
) -> Iterator[str]:
    """After entries were sent, undisturbed: nothing held them back. What their own trades changed is not counted."""
    own = {name.trade_id for link in sent if (name := name_of(link)) is not None}
    others = [t for t in _living(case) if t.id not in own]
    if is_halted:
        yield f"{told} entered while halted"
    if len(others) >= policy.max_open_positions:
        yield f"{told} entered beside {len(others)} open positions"
    for brake in _reached(case, others, policy, now, own):
        yield f"{told} entered against the brake: {brake}"


def _reached(
    case: Case, others: Sequence[Trade], policy: Policy, now: datetime, own: set[int]
) -> Iterator[str]:
    results = list(_results_of(case, now.replace(hour=0, minute=0, second=0, microsecond=0), own))
    equity = case.truth.wallet.get("USDT", ZERO) + sum((_invested(case, t) for t in _living(case)), ZERO)
    percent = equity / 100 * FEES_APART
    if policy.max_day_loss_percent and -sum(results, ZERO) >= percent * policy.max_day_loss_percent:
        yield "day loss"
    last = results[: policy.max_loss_streak]
    if policy.max_loss_streak and len(last) == policy.max_loss_streak and max(last) < 0:
        yield "loss streak"
    # The new trade's own risk comes on top, and is not known here.
    at_risk = sum((_risk(case, t) for t in others), ZERO)
    if policy.max_open_risk_percent and at_risk > percent * policy.max_open_risk_percent:
        yield "open risk"


def _living(case: Case) -> list[Trade]:
    return [t for t in case.trades if t.status in LIVING_TRADES]


def _results_of(case: Case, since: datetime, own: set[int]) -> Iterator[Decimal]:
    """Yield the results of trades that ended, newest first, but for a command's `own`."""
    closed = [t for t in case.trades if t.status is TradeStatus.CLOSED and t.id not in own]
    ended = [t for t in closed if t.exit_time and t.exit_time >= since]
    for trade in sorted(ended, key=lambda t: t.exit_time or since, reverse=True):
        yield true_result(case, trade)["pnl"] or ZERO


def _invested(case: Case, trade: Trade) -> Decimal:
    position = true_position(case, trade)
    if not position.entered:
        return ZERO
    return position.held * position.entry_value / position.entered * trade.direction.sign


def _risk(case: Case, trade: Trade) -> Decimal:
    position = true_position(case, trade)
    if not position.entered:
        return ZERO
    per_coin = position.entry_value / position.entered - trade.stop_loss
    return max(ZERO, position.held * per_coin * trade.direction.sign)


def judge_expiry(case: Case, expiries: dict[int, datetime]) -> Iterator[str]:
    """No entry was decided after its setup's end, nor accepted long after it."""
    for trade in case.trades:
        ends_at = expiries[trade.setup_id]
        if trade.created_at >= ends_at:
            yield f"trade {trade.id} was made at {trade.created_at}, its setup had expired at {ends_at}"
        for order in case.truth.of_trade(case.installation, trade.id, "entry"):
            accepted_at = from_ms(order.created_ms)
            if accepted_at >= ends_at + LANDS_WITHIN:
                yield f"entry {order.link} was accepted at {accepted_at}, its setup had expired at {ends_at}"


def judge_debts(engine: PaperExchange, case: Case, moved: Mapping[str, Decimal]) -> Iterator[str]:
    """What is owed of a coin is what the living shorts in it borrowed, and interest; nothing without one.

    An entry sells what ended shorts have left over, and what one that it overtakes has just bought back, before it
    borrows: of so much there is neither a debt nor a coin. `moved` by coin is what the owner moved away.
    (Quote coin may be owed: to buy back what longs have spent the proceeds of is to borrow it.)
    """
    owed = {coin: b.owed for coin, b in engine._books.begin().ledger.balances.items()}
    engine._books.commit()
    lent: dict[str, Decimal] = defaultdict(Decimal)
    open_loans: dict[str, Decimal] = defaultdict(Decimal)
    left_interest: dict[str, Decimal] = defaultdict(Decimal)
    shorts = [t for t in case.trades if t.direction.sign < 0]
    for trade in shorts:
        loan = true_position(case, trade).entered
        lent[trade.base_coin] += loan
        if trade.status in LIVING_TRADES:
            open_loans[trade.base_coin] += loan
        else:
            open_loans[trade.base_coin] += _too_small(case, trade)
            # Owed as long as it was not bought back; or paid by another short, whose end came first.
            left = ZERO if sellable(case, trade) else true_position(case, trade).held + trade.interest
            left_interest[trade.base_coin] += max(ZERO, min(left, trade.interest))
    for coin, amount in owed.items():
        most = open_loans[coin] * MOST_INTEREST + (MOST_ROUNDING if open_loans[coin] else 0)
        most += left_interest[coin] + (MOST_ROUNDING if left_interest[coin] else 0)
        lent_out = max(ZERO, _coins_of(case, coin) - moved.get(coin, ZERO) - case.truth.wallet[coin])
        if coin != "USDT" and not open_loans[coin] - lent_out <= amount <= most:
            yield f"{amount} {coin} are owed, the open shorts borrowed {open_loans[coin]}"
    for trade in shorts:
        most = lent[trade.base_coin] * (MOST_INTEREST - 1) + MOST_ROUNDING
        if not 0 <= trade.interest <= most:
            yield f"trade {trade.id} paid interest of {trade.interest} {trade.base_coin}, at most {most} can be due"


def _coins_of(case: Case, coin: str) -> Decimal:
    """Return what all trades of a coin have bought and not sold or repaid with."""
    total = ZERO
    for trade in case.trades:
        position = true_position(case, trade)
        if trade.base_coin != coin:
            continue
        if trade.direction.sign > 0:
            total += position.held
        elif trade.status in LIVING_TRADES:
            total += position.exited - position.exit_fee
        else:
            total += max(ZERO, -position.held)  # its interest may have been paid by another short
    return total


def _too_small(case: Case, trade: Trade) -> Decimal:
    """Return what an ended short still owes because the exchange takes no order that would buy it back."""
    return ZERO if sellable(case, trade) else max(ZERO, true_position(case, trade).held)


def is_hidden(engine: PaperExchange, case: Case, lag: Lag, since: datetime, cancelled: set[str]) -> bool:
    """Tell whether a pass that began at `since` may have taken these orders for what they had been before.

    What changed before it did not show in the list of open orders yet, or what the owner `cancelled` before it was
    still alive then.
    """
    by_link, since_ms = engine._books.begin().by_link, to_ms(since)
    engine._books.commit()
    for order in (by_link[true.link] for true in case.truth.orders):
        own = order.effects.lag if order.effects else None
        shown_ms = order.updated_ms + max(lag.realtime_ms, own.realtime_ms if own else 0)
        if order.updated_ms <= since_ms < shown_ms or (
            order.updated_ms > since_ms and order.link_id in cancelled
        ):
            return True
    return False


BETWEEN_MS = 1000
"""How long before an entry is accepted its command may have asked what stops have sold."""


def is_sale_hidden(engine: PaperExchange, case: Case, lag: Lag, entries: Sequence[str]) -> bool:
    """Tell whether our orders had executions that whoever sent these entries could not have been shown before.

    An entry that never reached the exchange was sent just now.
    """
    account = engine._books.begin()
    engine._books.commit()
    accepted = (account.by_link[e].created_ms for e in entries if e in account.by_link)
    accepted_ms = min(accepted, default=to_ms(engine.clock.now()))
    for fill in case.truth.fills:
        if fill.link not in account.by_link:
            continue
        effects = account.by_link[fill.link].effects
        own_ms = effects.lag.executions_ms if effects and effects.lag else 0
        shown_ms = fill.at_ms + max(lag.executions_ms, own_ms)
        if fill.at_ms <= accepted_ms < shown_ms + BETWEEN_MS:
            return True
    return False


def expiries_of(store: Store, account: Account) -> dict[int, datetime]:
    """Return when each setup ends."""
    with store.read(account) as books:
        return {s.id: s.expires_at for s in books.setups()}


def judge_owners_orders(engine: PaperExchange, cancelled: set[str]) -> Iterator[str]:
    """An order of the owner's that was cancelled was cancelled by the owner."""
    for order in engine._books.begin().orders.values():
        name: Any = name_of(order.link_id)
        is_owners = name is None or name.installation.startswith("other")
        if is_owners and order.cancel_type == "CancelByUser" and order.link_id not in cancelled:
            yield f"the owner's order {order.link_id} was cancelled by somebody else"
    engine._books.commit()
