"""The exchange's own truth: what it accepted and what it filled, read past every lag and fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple

from botbox_cli.domain.record import record
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.protocol import to_ms
from botbox_cli.exchange.paper.state import Execution, Order

OPEN = frozenset({"New", "PartiallyFilled", "Untriggered", "Triggered"})

_OURS = re.compile(r"bb-([a-z0-9]+)-(\d+)-(entry|stop|exit)(\d+)")


class Name(NamedTuple):
    """What an order link id of botbox says."""

    installation: str
    trade_id: int
    role: str
    attempt: int


@lru_cache(4096)
def name_of(link: str) -> Name | None:
    """Return what a link id says, None if botbox did not make it. (Written anew, not taken from botbox.)"""
    match = _OURS.fullmatch(link)
    return Name(match[1], int(match[2]), match[3], int(match[4])) if match else None


@record
class TrueOrder:
    """An order as the exchange has it; `base_price` is the last price when it was made."""

    link: str
    order_id: str
    symbol: str
    side: str
    status: str
    qty: Decimal
    filled: Decimal
    trigger: Decimal
    base_price: Decimal
    is_stop: bool
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


@record
class TrueFill:
    """An execution as the exchange has it; `fees` by coin, zeros left out."""

    execution_id: str
    link: str
    order_id: str
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    fees: tuple[tuple[str, Decimal], ...]
    at_ms: int


@dataclass(frozen=True)
class Truth:
    """All orders and executions of the account, oldest first, its wallet, and the rules and last prices by symbol."""

    orders: tuple[TrueOrder, ...]
    fills: tuple[TrueFill, ...]
    wallet: Mapping[str, Decimal]
    rules: Mapping[str, Instrument]
    last: Mapping[str, Decimal]

    @cached_property
    def by_link(self) -> dict[str, TrueOrder]:
        return {order.link: order for order in self.orders}

    @cached_property
    def fills_of(self) -> dict[str, list[TrueFill]]:
        found: dict[str, list[TrueFill]] = {}
        for fill in self.fills:
            found.setdefault(fill.link, []).append(fill)
        return found

    @cached_property
    def _of_trade(self) -> dict[tuple[str, int], list[tuple[Name, TrueOrder]]]:
        found: dict[tuple[str, int], list[tuple[Name, TrueOrder]]] = {}
        for order in self.orders:
            name = name_of(order.link)
            if name is not None:
                found.setdefault((name.installation, name.trade_id), []).append((name, order))
        return found

    def of_trade(self, installation: str, trade_id: int, *roles: str) -> list[TrueOrder]:
        """Return the orders of one trade of these roles (none: all), oldest first."""
        named = self._of_trade.get((installation, trade_id), ())
        return [order for name, order in named if not roles or name.role in roles]

    def of_installation(self, installation: str) -> list[TrueOrder]:
        """Return all orders that one installation of botbox made."""
        return [o for (tag, _), named in self._of_trade.items() if tag == installation for _, o in named]

    def fills_of_orders(self, orders: Iterable[TrueOrder]) -> list[TrueFill]:
        """Return the executions of these orders."""
        return [fill for order in orders for fill in self.fills_of.get(order.link, ())]


def truth_of(engine: PaperExchange) -> Truth:
    """Return everything that the exchange holds now."""
    account = engine.advanced()
    symbols = {order.symbol for order in account.orders.values()}
    rules = {symbol: rule for symbol in symbols if (rule := engine.instrument(symbol)) is not None}
    now_ms = to_ms(engine.clock.now())
    last = {symbol: price for symbol in symbols if (price := engine.market.last(symbol, now_ms)) is not None}
    return Truth(
        tuple(_order(each) for each in account.orders.values()),
        tuple(_fill(each) for each in account.executions),
        wallet_of(engine),
        rules,
        last,
    )


def truth_of_links(engine: PaperExchange, prefix: str) -> Truth:
    """Return the part of the truth that is about orders whose links begin so, quickly."""
    now_ms = to_ms(engine.clock.now())
    account = engine._books.begin()
    chosen = [order for link, order in account.by_link.items() if link.startswith(prefix)]
    rules = {o.symbol: rule for o in chosen if (rule := engine.instrument(o.symbol)) is not None}
    orders = [_order(each) for each in chosen]
    fills = [_fill(each) for o in chosen for each in account.of_order.get(o.order_id, ())]
    last = {s: price for s in rules if (price := engine.market.last(s, now_ms)) is not None}
    engine._books.commit()
    return Truth(tuple(orders), tuple(fills), {}, rules, last)


def wallet_of(engine: PaperExchange) -> dict[str, Decimal]:
    """Return the wallet balances by coin."""
    account = engine._books.begin()
    try:
        return {coin: balance.wallet for coin, balance in account.ledger.balances.items()}
    finally:
        engine._books.commit()


def _order(order: Order) -> TrueOrder:
    return TrueOrder(
        link=order.link_id,
        order_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        status=order.status,
        qty=order.qty,
        filled=order.cum_qty,
        trigger=order.trigger_price,
        base_price=order.last_at_creation,
        is_stop=order.stop_order_type == "tpslOrder",
        created_ms=order.created_ms,
        updated_ms=order.updated_ms,
    )


def _fill(execution: Execution) -> TrueFill:
    return TrueFill(
        execution_id=execution.exec_id,
        link=execution.link_id,
        order_id=execution.order_id,
        symbol=execution.symbol,
        side=execution.side,
        price=execution.price,
        qty=execution.qty,
        fees=((execution.fee_coin, execution.fee),) if execution.fee else (),
        at_ms=execution.time_ms,
    )
