"""The judges: what must hold between the exchange's truth and the books once everything is settled.

Each returns its findings as sentences; an empty list acquits. They share no code with what they judge beyond the rows
of the books themselves: quantities, fees and results are computed anew from the exchange's executions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from functools import cached_property
from typing import NamedTuple

from botbox_cli.domain.account import Account
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.order import Order, OrderStatus, Role
from botbox_cli.domain.record import record
from botbox_cli.domain.setup import Direction, SetupStatus
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.protocol import from_ms
from botbox_cli.ports import Store
from botbox_cli.services.trades import TradeView, list_trades
from tests.simulation.truth import TrueFill, TrueOrder, Truth, name_of, truth_of_links

ZERO = Decimal(0)
EXACT = Decimal("1E-15")
"""Results that need a division are compared this closely; everything else to the last digit."""

FORGOTTEN_AFTER = timedelta(hours=24)
"""So long the exchange remembers an order that ended without a fill."""

_DONE_AS = {
    "Filled": OrderStatus.FILLED,
    "PartiallyFilledCanceled": OrderStatus.PARTIAL_CANCELLED,
    "Cancelled": OrderStatus.CANCELLED,
    "Deactivated": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
}


@dataclass(frozen=True)
class Case:
    """Both sides of one account, read once."""

    truth: Truth
    installation: str
    trades: tuple[Trade, ...]
    views: dict[int, TradeView]
    orders: dict[int, list[Order]]
    fills: dict[int, list[Fill]]
    setups: dict[int, SetupStatus]

    @cached_property
    def positions(self) -> dict[int, TruePosition]:
        return {trade.id: _added_up(self, trade) for trade in self.trades}


def glance(engine: PaperExchange, store: Store, account: Account, trade_id: int | None) -> Case:
    """Read both sides of one trade only: many times a day."""
    links = f"bb-{store.installation}-{trade_id}-"
    truth = truth_of_links(engine, links)
    if trade_id is None:
        return Case(truth, store.installation, (), {}, {}, {}, {})
    with store.read(account) as books:
        trade = books.trade(trade_id)
        orders, fills = books.orders([trade_id]), books.fills([trade_id])
    return Case(truth, store.installation, (trade,), {}, {trade_id: orders}, {trade_id: fills}, {})


def case_of(truth: Truth, store: Store, account: Account) -> Case:
    """Read the books and set them beside the truth."""
    with store.read(account) as books:
        trades = tuple(reversed(books.trades()))
        ids = [t.id for t in trades]
        orders: dict[int, list[Order]] = {i: [] for i in ids}
        fills: dict[int, list[Fill]] = {i: [] for i in ids}
        owner = {}
        for order in books.orders(ids):
            orders[order.trade_id].append(order)
            owner[order.order_link_id] = order.trade_id
        for fill in books.fills(ids):
            fills[owner[fill.order_link_id]].append(fill)
        setups = {s.id: s.status for s in books.setups()}
    views = {v.trade.id: v for v in list_trades(store, account)}
    return Case(truth, store.installation, trades, views, orders, fills, setups)


def judge(truth: Truth, store: Store, account: Account) -> list[str]:
    """Return everything that is wrong with a settled account."""
    return judge_case(case_of(truth, store, account))


def judge_case(case: Case) -> list[str]:
    """Return everything that is wrong with a settled account, read already."""
    return [
        *judge_once(case),
        *judge_protected(case),
        *judge_orders(case),
        *judge_fills(case),
        *judge_results(case),
        *judge_states(case),
    ]


# -- exactly once


def judge_once(case: Case) -> Iterator[str]:
    """At most one entry per approved setup; never more sold than bought."""
    yield from _entries_of_setups(case)
    for trade in case.trades:
        entries = case.truth.of_trade(case.installation, trade.id, "entry")
        if len(entries) > 1:
            yield f"trade {trade.id}: {len(entries)} entries were accepted: {[o.link for o in entries]}"
        position = true_position(case, trade)
        oversold = position.oversold(case.truth.rules[trade.symbol].base_step) if position.exited else ZERO
        if oversold > 0:
            yield (
                f"trade {trade.id}: {position.exited} {trade.base_coin} were exited, "
                f"{position.entered} less the fee {position.entry_fee} were entered: {oversold} too many"
            )


def _entries_of_setups(case: Case) -> Iterator[str]:
    filled: dict[int, list[str]] = defaultdict(list)
    alive: dict[int, list[str]] = defaultdict(list)
    for trade in case.trades:
        for order in case.truth.of_trade(case.installation, trade.id, "entry"):
            if order.filled:
                filled[trade.setup_id].append(order.link)
            if order.is_open:
                alive[trade.setup_id].append(order.link)
    for setup_id in filled.keys() | alive.keys():
        links = sorted({*filled[setup_id], *alive[setup_id]})
        if len(links) > 1:
            yield f"setup {setup_id}: entered {len(links)} times: {links}"


class TruePosition(NamedTuple):
    """What the executions of a trade add up to; `outside` was sold by hand and is booked as ours."""

    direction: Direction
    entered: Decimal
    entry_value: Decimal
    entry_fee: Decimal
    exited: Decimal
    exit_value: Decimal
    exit_fee: Decimal
    outside: Decimal

    @property
    def held(self) -> Decimal:
        """Base coin still to be exited: coins for a long, debt for a short."""
        if self.direction is Direction.LONG:
            return self.entered - self.entry_fee - self.exited - self.exit_fee
        return self.entered + self.entry_fee - self.exited + self.exit_fee

    def oversold(self, step: Decimal) -> Decimal:
        """What our own exits took beyond what the entry brought.

        A short buys its fee and interest on top, a little and two steps at most: at TP1 and at its end.
        """
        own = self.exited - self.outside
        if self.direction is Direction.LONG:
            return own - (self.entered - self.entry_fee)
        return own - self.entered * Decimal("1.01") - 2 * step


def true_position(case: Case, trade: Trade) -> TruePosition:
    """Return the position of a trade by the exchange's executions (and the foreign sales that the books count in)."""
    return case.positions[trade.id]


def _added_up(case: Case, trade: Trade) -> TruePosition:
    truth = case.truth
    entries = truth.fills_of_orders(truth.of_trade(case.installation, trade.id, "entry"))
    exits = truth.fills_of_orders(truth.of_trade(case.installation, trade.id, "stop", "exit"))
    foreign = [f for f in case.fills[trade.id] if name_of(f.order_link_id) is None]
    outside = sum((f.qty for f in foreign), ZERO)
    return TruePosition(
        trade.direction,
        _qty(entries),
        _value(entries),
        _fee(entries, trade.base_coin),
        _qty(exits) + outside,
        _value(exits) + sum((f.qty * f.price for f in foreign), ZERO),
        _fee(exits, trade.base_coin) + sum((f.fee_in(trade.base_coin) for f in foreign), ZERO),
        outside,
    )


def _qty(fills: Iterable[TrueFill]) -> Decimal:
    return sum((f.qty for f in fills), ZERO)


def _value(fills: Iterable[TrueFill]) -> Decimal:
    return sum((f.qty * f.price for f in fills), ZERO)


def _fee(fills: Iterable[TrueFill], coin: str) -> Decimal:
    return sum((amount for f in fills for c, amount in f.fees if c == coin), ZERO)


# -- never naked


def judge_protected(case: Case) -> Iterator[str]:
    """Each position is flat, or protected by one stop that the exchange holds and the books know to hold."""
    for trade in case.trades:
        alive = [o for o in case.truth.of_trade(case.installation, trade.id) if o.is_open]
        qty = sellable(case, trade)
        if not qty:
            if alive:
                yield f"trade {trade.id} is flat, but {[o.link for o in alive]} are alive"
            continue
        fault = stop_fault(case, trade, qty, alive)
        if fault:
            yield f"trade {trade.id} ({trade.status}) holds {qty} {trade.base_coin} and {fault}"


def sellable(case: Case, trade: Trade) -> Decimal:
    """Return what of a trade's position an order could take now: 0 when flat or below the exchange's minimum."""
    held = true_position(case, trade).held
    if trade.direction is Direction.SHORT:
        held += trade.interest  # what is known of it is bought back too
    if held <= 0:
        return ZERO
    rules = case.truth.rules[trade.symbol]
    if trade.direction is Direction.LONG:
        qty = (held / rules.base_step).to_integral_value(ROUND_FLOOR) * rules.base_step
    else:
        wanted = held * Decimal("1.002") / rules.base_step
        qty = wanted.to_integral_value(ROUND_CEILING) * rules.base_step
    price = case.truth.last[trade.symbol]
    if (
        trade.direction is Direction.SHORT
    ):  # Worth too little by now, it may still be enough where its stop rests.
        stops = case.truth.of_trade(case.installation, trade.id, "stop")
        price = max([price, *(stop.trigger for stop in stops if stop.is_open)])
    is_enough = qty >= rules.min_qty and qty * price >= rules.min_amount
    return qty if is_enough else ZERO


def stop_fault(case: Case, trade: Trade, qty: Decimal, alive: Sequence[TrueOrder]) -> str:
    """Return what is wrong with the protection of a position, "" if nothing is."""
    if not alive:
        return "has no stop"
    if len(alive) > 1:
        return f"has more than one order alive: {[o.link for o in alive]}"
    [stop] = alive
    name = name_of(stop.link)
    if name is None or name.role != "stop" or stop.status != "Untriggered" or not stop.is_stop:
        return f"has {stop.link} ({stop.status}) instead of a waiting stop"
    if stop.trigger != trade.stop_loss:
        return f"its stop lies at {stop.trigger}, recorded is {trade.stop_loss}"
    if stop.qty != qty:
        return f"its stop is for {stop.qty}"
    if (stop.base_price - stop.trigger) * trade.direction.sign <= 0:
        return f"its stop was made at {stop.base_price}, so it waits for the other side of {stop.trigger}"
    booked = [o.status for o in case.orders[trade.id] if o.order_link_id == stop.link]
    if booked != [OrderStatus.WORKING]:
        return f"its stop is {booked} in the books"
    return ""


# -- books and exchange


def judge_orders(case: Case) -> Iterator[str]:
    """No order of ours is unknown to the books, none in the books unknown to the exchange, and their ends agree."""
    booked = {o.order_link_id: o for orders in case.orders.values() for o in orders}
    for order in case.truth.of_installation(case.installation):
        if order.link not in booked:
            yield f"order {order.link} ({order.status}, filled {order.filled}) is not in the books"
    for link, row in booked.items():
        order_or_none = case.truth.by_link.get(link.partition("/")[0])
        if order_or_none is None:
            if row.status is not OrderStatus.REJECTED or row.exchange_order_id is not None:
                yield f"order {link} is {row.status} in the books and unknown to the exchange"
            continue
        yield from _order_differences(row, order_or_none)


def _order_differences(row: Order, true: TrueOrder) -> Iterator[str]:
    link = row.order_link_id
    is_foreign = name_of(link) is None
    expected = OrderStatus.WORKING if true.is_open else _DONE_AS[true.status]
    if row.status is not expected and not is_foreign and not _was_forgotten(row, true):
        yield f"order {link} is {row.status} in the books and {true.status} on the exchange"
    if row.exchange_order_id not in (None, true.order_id):
        yield f"order {link} has exchange id {row.exchange_order_id} in the books, it is {true.order_id}"
    if row.symbol != true.symbol or str(row.side) != true.side.lower():
        yield f"order {link} is {row.side} {row.symbol} in the books, it is {true.side} {true.symbol}"
    if row.qty != true.qty and not is_foreign and not true.is_stop:  # a stop's may be changed by hand
        yield f"order {link} is for {row.qty} in the books, it is for {true.qty}"


def _was_forgotten(row: Order, true: TrueOrder) -> bool:
    """Tell whether an end without a fill was booked only when the exchange could not say any more which one it was."""
    later = row.updated_at - from_ms(true.updated_ms)
    is_unfilled = not true.is_open and not true.filled
    return is_unfilled and row.status is OrderStatus.CANCELLED and later >= FORGOTTEN_AFTER


def judge_fills(case: Case) -> Iterator[str]:
    """The books hold each execution of our orders once, to the last digit, and no other, but sales by hand."""
    true_by_id = {f.execution_id: f for f in case.truth.fills}
    ours = {f.execution_id for f in case.truth.fills if _is_of(case, f.link)}
    seen: set[str] = set()
    foreign: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for trade_id, fills in case.fills.items():
        for fill in fills:
            true = true_by_id.get(execution_of(fill))
            if true is None:
                yield f"trade {trade_id}: fill {fill.execution_id} is unknown to the exchange"
            elif true.execution_id in ours:
                seen.add(true.execution_id)
                yield from _fill_differences(trade_id, fill, true)
            else:
                foreign[true.execution_id] += fill.qty
                yield from _foreign_fault(case, trade_id, fill, true)
    for execution_id in sorted(ours - seen):
        missing = true_by_id[execution_id]
        yield f"execution {execution_id} ({missing.side} {missing.qty} by {missing.link}) is not in the books"
    for execution_id, qty in foreign.items():
        if qty > true_by_id[execution_id].qty:
            yield f"of sale {execution_id} by hand {qty} are booked, it was {true_by_id[execution_id].qty}"


def execution_of(fill: Fill) -> str:
    """Return the exchange's id of a fill; a part of a sale by hand carries its share's number behind a slash."""
    return fill.execution_id.partition("/")[0]


def _is_of(case: Case, link: str) -> bool:
    name = name_of(link)
    return name is not None and name.installation == case.installation


def _fill_differences(trade_id: int, fill: Fill, true: TrueFill) -> Iterator[str]:
    fees = tuple((coin, amount) for coin, amount in fill.fees if amount)
    at_ms = round(fill.executed_at.timestamp() * 1000)
    told = (
        fill.order_link_id,
        fill.exchange_order_id,
        fill.symbol,
        str(fill.side),
        fill.price,
        fill.qty,
        fees,
        at_ms,
    )
    real = (
        true.link,
        true.order_id,
        true.symbol,
        true.side.lower(),
        true.price,
        true.qty,
        true.fees,
        true.at_ms,
    )
    if told != real:
        yield f"trade {trade_id}: fill {fill.execution_id} is {told} in the books, it was {real}"
    if fill.fees_quote is None:
        yield f"trade {trade_id}: the fees of fill {fill.execution_id} have no worth"


def _foreign_fault(case: Case, trade_id: int, fill: Fill, true: TrueFill) -> Iterator[str]:
    trade = next(t for t in case.trades if t.id == trade_id)
    exit_side = "Sell" if trade.direction is Direction.LONG else "Buy"
    if true.side != exit_side or true.symbol != trade.symbol or fill.price != true.price:
        yield f"trade {trade_id}: {fill.execution_id} is booked as a sale by hand, it was {true}"


def judge_results(case: Case) -> Iterator[str]:
    """Quantities, prices, fees and results as people see them, computed anew from the executions."""
    for trade in case.trades:
        view = case.views[trade.id]
        with localcontext() as context:
            context.prec = 60
            expected = true_result(case, trade)
            for name, value in expected.items():
                told = _told(view, name)
                if not _same(told, value):
                    yield f"trade {trade.id}: {name} is {told}, should be {value}"


def _same(told: Decimal | None, value: Decimal | None) -> bool:
    if told is None or value is None:
        return told is value
    return abs(told - value) <= EXACT * max(Decimal(1), abs(value))


def _told(view: TradeView, name: str) -> Decimal | None:
    position, pnl = view.position, view.pnl
    told: dict[str, Decimal | None] = {
        "quantity": position.entered,
        "entry_price": position.entry_price,
        "exit_price": position.exit_price,
        "gross_pnl": pnl.gross,
        "fees": pnl.fees,
        "pnl": pnl.pnl,
        "pnl_percent": pnl.percent,
        "r_multiple": pnl.r_multiple,
        "dust": pnl.dust,
    }
    return told[name]


def true_result(case: Case, trade: Trade) -> dict[str, Decimal | None]:
    """Return a trade's figures by their names in JSON, computed from the executions."""
    position = true_position(case, trade)
    fees = _true_fees(case, trade)
    exited = bool(position.exited and position.entered)
    entry = position.entry_value / position.entered if position.entered else None
    exit_ = position.exit_value / position.exited if position.exited else None
    gross = pnl = percent = r_multiple = None
    if exited:
        assert entry is not None
        assert exit_ is not None
        fees += trade.interest * exit_
        gross = position.exited * (exit_ - entry) * trade.direction.sign
        pnl = gross - fees
        percent = pnl / position.entry_value * 100
        risk = position.entered * abs(entry - trade.initial_stop)
        r_multiple = pnl / risk if risk else None
    dust = None
    if trade.status is TradeStatus.CLOSED:
        dust = position.held if trade.direction is Direction.LONG else -position.held - trade.interest
    return {
        "quantity": position.entered,
        "entry_price": entry,
        "exit_price": exit_,
        "gross_pnl": gross,
        "fees": fees,
        "pnl": pnl,
        "pnl_percent": percent,
        "r_multiple": r_multiple,
        "dust": dust,
    }


def _true_fees(case: Case, trade: Trade) -> Decimal:
    """Return all fees in quote coin. A third coin's worth at its time is the books' own word: it is in no execution."""
    total = ZERO
    worth = {execution_of(f): f.fees_quote or ZERO for f in case.fills[trade.id]}
    for fill in case.truth.fills_of_orders(case.truth.of_trade(case.installation, trade.id)):
        for coin, amount in fill.fees:
            if coin == trade.quote_coin:
                total += amount
            elif coin == trade.base_coin:
                total += amount * fill.price
            else:
                total += worth.get(fill.execution_id, ZERO)
    foreign = (f for f in case.fills[trade.id] if name_of(f.order_link_id) is None)
    return total + sum((f.fees_quote or ZERO for f in foreign), ZERO)


def judge_states(case: Case) -> Iterator[str]:
    """Nothing is left in between, and statuses follow from fills."""
    for trade in case.trades:
        entered = true_position(case, trade).entered
        doubtful = [
            o for o in case.orders[trade.id] if o.status in (OrderStatus.INTENDED, OrderStatus.UNKNOWN)
        ]
        for order in doubtful:
            yield f"trade {trade.id}: order {order.order_link_id} is still {order.status}"
        if trade.status in (TradeStatus.OPENING, TradeStatus.CLOSING):
            yield f"trade {trade.id} is still {trade.status}"
        if (trade.status is TradeStatus.FAILED) != (entered == 0):
            yield f"trade {trade.id} is {trade.status} with {entered} entered"
        if trade.status is TradeStatus.CLOSED and not trade.close_reason:
            yield f"trade {trade.id} is CLOSED without a reason"
        if entered and case.setups[trade.setup_id] is not SetupStatus.TRIGGERED:
            yield f"setup {trade.setup_id} of trade {trade.id} is {case.setups[trade.setup_id]}, not TRIGGERED"
        if trade.status is TradeStatus.OPEN and not sellable(case, trade):
            yield f"trade {trade.id} is OPEN and holds nothing to sell"


# -- what a command said


@record
class Told:
    """What a command said at its end: its name, exit code, and the trade that it was about (None: none was made)."""

    command: str
    exit_code: int
    trade_id: int | None = None
    success: bool = False


def judge_told(told: Told, case: Case, *, accepted: Sequence[str]) -> list[str]:
    """Return what was not true of a command's exit code, at the moment when it ended.

    Args:
        accepted: Link ids of our orders that the exchange accepted between the command's start and its end.
    """
    says = f"{told.command} said {told.exit_code}"
    trade = next((t for t in case.trades if t.id == told.trade_id), None)
    truth = case.truth
    filled = [link for link in accepted if link in truth.by_link and truth.by_link[link].filled]
    entered = [link for link in accepted if (name := name_of(link)) and name.role == "entry"]
    match told.exit_code:
        case 2 | 3 | 4 if entered and told.trade_id is None:
            return [f"{says} (refused), but {entered} was accepted"]
        case 5 if told.command == "execute" and _entry_filled(case, told):
            return [f"{says} (rejected), but the entry of trade {told.trade_id} filled"]
        case 5 if told.command == "close" and (last := _last_exit(case, told)) in filled:
            if truth.by_link[last].filled == truth.by_link[last].qty:  # of a part the rest was taken back
                return [f"{says} (rejected), but {last} filled"]
        case 6 if told.command == "execute" and truth.of_trade(
            case.installation, told.trade_id or 0, "entry"
        ):
            return [
                f"{says} (certainly not placed), but the entry of trade {told.trade_id} is on the exchange"
            ]
        case 6 if told.command == "close" and (last := _last_exit(case, told)) in accepted:
            return [f"{says} (certainly not placed), but {last} was accepted"]
        case 10 if trade is not None and _is_read_back(case, trade):
            return [f"{says} (no stop), but trade {trade.id} has one that was read back"]
        case 0 if told.command == "execute" and trade is not None:
            return _judge_success(case, trade, says)
        case 0 if told.command == "close" and trade is not None and trade.status is TradeStatus.OPEN:
            return [f"{says} (done), but trade {trade.id} is still open"]
    if told.success and told.command == "execute" and not _entry_filled(case, told):
        return [f"{says} with success, but the entry of trade {told.trade_id} has no fill"]
    return []


def judge_pass(case: Case) -> list[str]:
    """Return what is wrong after a pass that found nothing to complain of: a position that is not protected."""
    found = []
    for trade in case.trades:
        qty = sellable(case, trade)
        alive = [o for o in case.truth.of_trade(case.installation, trade.id) if o.is_open]
        if qty and (fault := stop_fault(case, trade, qty, alive)):
            found.append(f"trade {trade.id} ({trade.status}) holds {qty} {trade.base_coin} and {fault}")
    return found


def _judge_success(case: Case, trade: Trade, says: str) -> list[str]:
    if not true_position(case, trade).entered:
        return [f"{says}, but the entry of trade {trade.id} has no fill"]
    qty = sellable(case, trade)
    alive = [o for o in case.truth.of_trade(case.installation, trade.id) if o.is_open]
    fault = stop_fault(case, trade, qty, alive) if qty else ""
    return [f"{says}, but trade {trade.id} {fault}"] if fault else []


def _entry_filled(case: Case, told: Told) -> bool:
    entries = case.truth.of_trade(case.installation, told.trade_id or 0, "entry")
    return any(order.filled for order in entries)


def _is_read_back(case: Case, trade: Trade) -> bool:
    """Tell whether a position's stop holds and the books say so; one that was sent and not seen yet is no such stop."""
    qty = sellable(case, trade)
    alive = [o for o in case.truth.of_trade(case.installation, trade.id) if o.is_open]
    return bool(qty) and not trade.detail and not stop_fault(case, trade, qty, alive)


def _last_exit(case: Case, told: Told) -> str | None:
    exits = [o.order_link_id for o in case.orders.get(told.trade_id or 0, ()) if o.role is Role.EXIT]
    return exits[-1] if exits else None
