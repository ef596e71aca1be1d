"""What the exchange remembers of the account: orders, executions, balances, settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from botbox_cli.exchange.paper.ledger import Ledger
from botbox_cli.exchange.paper.number import ZERO

OPEN_STATUSES = frozenset({"New", "PartiallyFilled", "Untriggered", "Triggered"})

# How many closed orders order/realtime still shows (docs: open-order, `openOnly`).
RECENT_CLOSED = 500


@dataclass(slots=True)
class Lag:
    """How many milliseconds later each view shows what has happened."""

    realtime_ms: int = 0
    history_ms: int = 0
    executions_ms: int = 0


@dataclass(slots=True)
class Effects:
    """What a fault schedule does to the order of one create request, beyond the ordinary."""

    fill_fraction: Decimal | None = None
    reject_reason: str = ""
    lag: Lag | None = None


@dataclass(slots=True)
class Order:
    """One order, in exchange words (`Buy`, `Market`, `baseCoin`); times in Unix milliseconds.

    `qty` is in the unit of `market_unit`: the quote coin for a market order by value, else the base coin.
    `due_ms` is when an accepted order meets the book, `cancel_due_ms` when an accepted cancel takes effect; prices from
    before `active_ms` can't trigger or fill it.
    """

    number: int
    order_id: str
    link_id: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    market_unit: str
    order_filter: str
    qty: Decimal
    price: Decimal
    trigger_price: Decimal
    rising: bool
    is_leverage: bool
    tolerance_type: str
    tolerance: str
    last_at_creation: Decimal
    created_ms: int
    updated_ms: int
    active_ms: int
    status: str
    effects: Effects | None = None
    due_ms: int | None = None
    cancel_due_ms: int | None = None
    cum_qty: Decimal = ZERO
    cum_value: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=dict)
    reject_reason: str = "EC_NoError"
    cancel_type: str = "UNKNOWN"
    lock_coin: str = ""
    locked: Decimal = ZERO
    triggered_ms: int | None = None
    closed_ms: int | None = None
    row: dict[str, Any] | None = None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def by_value(self) -> bool:
        return self.market_unit == "quoteCoin"

    @property
    def is_buy(self) -> bool:
        return self.side == "Buy"

    @property
    def stop_order_type(self) -> str:
        return {"Order": "", "StopOrder": "Stop"}.get(self.order_filter, self.order_filter)


@dataclass(slots=True)
class Execution:
    """One fill."""

    seq: int
    exec_id: str
    order_id: str
    link_id: str
    symbol: str
    side: str
    order_type: str
    stop_order_type: str
    market_unit: str
    price: Decimal
    qty: Decimal
    value: Decimal
    fee: Decimal
    fee_coin: str
    fee_rate: Decimal
    is_maker: bool
    order_price: Decimal
    order_qty: Decimal
    leaves_qty: Decimal
    time_ms: int


class Account:
    """The books of one paper account, with indexes; what a request changed is listed for the store to save."""

    def __init__(self, opening: Mapping[str, Decimal]) -> None:
        self.ledger = Ledger(opening)
        self.orders: dict[str, Order] = {}
        self.by_link: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.recent_closed: dict[str, Order] = {}
        self.executions: list[Execution] = []
        self.of_order: dict[str, list[Execution]] = {}
        self.counter = 0
        self.advanced_ms: int | None = None
        self.margin_mode = False
        self.restarted_ms = 0
        self.has_lagged = False
        self.dirty_orders: dict[str, Order] = {}
        self.new_executions: list[Execution] = []

    def next_number(self) -> int:
        """Return the next of one sequence that orders and executions share."""
        self.counter += 1
        return self.counter

    def add(self, order: Order) -> None:
        """Take a new order into the books."""
        self._index(order)
        self.dirty_orders[order.order_id] = order

    def touch(self, order: Order, now_ms: int) -> None:
        """Note that an order changed at `now_ms`, moving it to the closed ones when it ended."""
        order.updated_ms = now_ms
        order.row = None
        self.dirty_orders[order.order_id] = order
        if not order.is_open and self.open.pop(order.order_id, None) is not None:
            order.closed_ms = now_ms
            self._keep_closed(order)

    def record(self, execution: Execution) -> None:
        """Take a new fill into the books."""
        self._index_execution(execution)
        self.new_executions.append(execution)

    def load(self, orders: Iterable[Order], executions: Iterable[Execution]) -> None:
        """Take orders (replacing older versions) and further executions from the store."""
        for order in orders:
            self.open.pop(order.order_id, None)
            self._index(order)
        for execution in executions:
            self._index_execution(execution)

    def clear_changes(self) -> None:
        """Forget what the request changed: it is saved."""
        self.dirty_orders.clear()
        self.new_executions.clear()
        self.ledger.changed.clear()

    def _index(self, order: Order) -> None:
        self.orders[order.order_id] = order
        self.by_link[order.link_id] = order
        self.has_lagged = self.has_lagged or bool(order.effects and order.effects.lag)
        if order.is_open:
            self.open[order.order_id] = order
        else:
            self._keep_closed(order)

    def _keep_closed(self, order: Order) -> None:
        self.recent_closed[order.order_id] = order
        if len(self.recent_closed) > RECENT_CLOSED:
            del self.recent_closed[next(iter(self.recent_closed))]

    def _index_execution(self, execution: Execution) -> None:
        self.executions.append(execution)
        self.of_order.setdefault(execution.order_id, []).append(execution)
