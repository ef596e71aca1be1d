"""`ports.Store` in plain dictionaries: what the database promises, a hundred times as fast. For the simulation.

It is held to the same tests as the databases (`tests/storage/test_memory_store.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeVar

from botbox_cli.domain.account import Account, Halt, Mode, Venue
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.order import Order, OrderStatus
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import Conflict, NotFound
from botbox_cli.ports import Holder, JobRun, LogEntry, LogHead

K = TypeVar("K")
V = TypeVar("V")
Undo = Callable[[], None]

_EXECUTED_AT = attrgetter("executed_at")


@dataclass
class _Tables:
    """The rows of one account."""

    setups: dict[int, Setup] = field(default_factory=dict)
    trades: dict[int, Trade] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    orders_of: dict[int, list[str]] = field(default_factory=dict)
    fills: dict[str, Fill] = field(default_factory=dict)
    fills_of: dict[str, list[str]] = field(default_factory=dict)
    log: list[tuple[int, LogEntry]] = field(default_factory=list)
    markers: dict[str, str] = field(default_factory=dict)
    halt: list[Halt] = field(default_factory=list)


class MemoryStore:
    """A store for one test. `is_dead` says which holders of leases are proved dead."""

    def __init__(self, tag: str = "test01") -> None:
        self.installation = tag
        self.is_dead: Callable[[Holder], bool] = lambda holder: False
        self._tables: dict[int, _Tables] = {}
        self._accounts: list[Account] = []
        self._leases: dict[str, tuple[Holder, datetime]] = {}
        self._instruments: dict[tuple[Venue, str], Instrument] = {}
        self._jobs: list[JobRun] = []
        self._last_ids: dict[str, int] = {}
        self._links: set[str] = set()
        self._busy = threading.local()

    def close(self) -> None:
        """Nothing to close."""

    # -- transactions

    def read(self, account: Account) -> _Transaction:
        return _Transaction(self, account)

    def write(self, account: Account, *, durable: bool = True) -> _Transaction:
        return _Transaction(self, account)

    def tables(self, account: Account) -> _Tables:
        found = self._tables.get(account.id)
        if found is None:
            found = self._tables[account.id] = _Tables()
        return found

    def next_id(self, table: str) -> int:
        self._last_ids[table] = self._last_ids.get(table, 0) + 1
        return self._last_ids[table]

    # -- accounts

    def account_by_key(self, mode: Mode, key_hash: str) -> Account | None:
        return next((a for a in self._accounts if (a.mode, a.key_hash) == (mode, key_hash)), None)

    def save_account(self, mode: Mode, user_id: str, key_hash: str, venue: Venue) -> Account:
        found = next((a for a in self._accounts if (a.mode, a.user_id) == (mode, user_id)), None)
        if found is not None:
            self._accounts.remove(found)
        new = Account(mode, user_id, key_hash, venue, found.id if found else self.next_id("accounts"))
        self._accounts = sorted([*self._accounts, new], key=lambda a: a.id)
        return new

    def accounts(self) -> list[Account]:
        return list(self._accounts)

    # -- leases

    def take_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> Holder | None:
        other, expires_at = self._leases.get(name, (holder, now))
        if other.token != holder.token and now < expires_at and not self.is_dead(other):
            return other
        self._leases[name] = holder, now + timedelta(seconds=ttl_s)
        return None

    def free_lease(self, name: str, holder: Holder) -> None:
        if name in self._leases and self._leases[name][0].token == holder.token:
            del self._leases[name]

    # -- instruments and jobs

    def save_instruments(self, venue: Venue, instruments: Iterable[Instrument], now: datetime) -> None:
        self._instruments.update({(venue, i.symbol): i for i in instruments})

    def instrument(self, venue: Venue, symbol: str) -> Instrument | None:
        return self._instruments.get((venue, symbol))

    def start_job(self, job: str, now: datetime) -> int:
        run_id = self._jobs[-1].id + 1 if self._jobs else 1
        self._jobs.append(JobRun(job, now, id=run_id))
        return run_id

    def finish_job(self, run_id: int, now: datetime, *, ok: bool, detail: str) -> None:
        place = next(i for i in reversed(range(len(self._jobs))) if self._jobs[i].id == run_id)
        self._jobs[place] = replace(self._jobs[place], finished_at=now, ok=ok, detail=detail)

    def last_job(self, job: str) -> JobRun | None:
        return next((run for run in reversed(self._jobs) if run.job == job), None)

    def prune_jobs(self, before: datetime, *, keep: int) -> int:
        old = [run for run in self._jobs[: max(0, len(self._jobs) - keep)] if run.started_at < before]
        self._jobs = [run for run in self._jobs if run not in old]
        return len(old)


class _Transaction:
    """One transaction: what it changed is undone if it ends in an exception."""

    __slots__ = ("_account", "_store", "_undo")

    def __init__(self, store: MemoryStore, account: Account) -> None:
        self._store, self._account = store, account
        self._undo: list[Undo] = []

    def __enter__(self) -> MemoryBooks:
        busy = self._store._busy
        if getattr(busy, "now", False):
            raise RuntimeError("a transaction inside a transaction")
        busy.now = True
        return MemoryBooks(self._store, self._account, self._undo)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for back in reversed(self._undo):
                back()
        self._store._busy.now = False


class MemoryBooks:
    """`ports.Books` inside one transaction; what it changes is noted in `undo`."""

    def __init__(self, store: MemoryStore, account: Account, undo: list[Undo]) -> None:
        self._store, self._account, self._undo = store, account, undo
        self._t = store.tables(account)

    # -- setups

    def add_setup(self, setup: Setup) -> Setup | None:
        if setup.candle_time is not None and any(_is_same(setup, s) for s in self._t.setups.values()):
            return None
        stored = replace(setup, id=self._store.next_id("setups"))
        self._put(self._t.setups, stored.id, stored)
        return stored

    def setup(self, setup_id: int) -> Setup:
        return _found(self._t.setups, setup_id, f"no setup {setup_id}")

    def setups(self, statuses: Sequence[SetupStatus] | None = None) -> list[Setup]:
        return [s for s in self._t.setups.values() if statuses is None or s.status in statuses]

    def move_setup(
        self, setup_id: int, from_: Sequence[SetupStatus], to: SetupStatus, **changes: Any
    ) -> None:
        setup = self.setup(setup_id)
        _check(f"setup {setup_id}", setup.status, from_)
        self._put(self._t.setups, setup_id, _changed(setup, status=to, **changes))

    # -- trades

    def add_trade(self, trade: Trade) -> Trade:
        assert trade.mode == self._account.mode, (trade.mode, self._account.mode)
        self.setup(trade.setup_id)
        self._refuse_second(trade.setup_id)
        stored = replace(trade, id=self._store.next_id("trades"))
        self._put(self._t.trades, stored.id, stored)
        self._put(self._t.orders_of, stored.id, [])
        return stored

    def _refuse_second(self, setup_id: int) -> None:
        for other in self._t.trades.values():
            if other.setup_id == setup_id and other.status is not TradeStatus.FAILED:
                raise Conflict(
                    f"setup {setup_id} is traded already",
                    "`botbox trades` shows its trade",
                    code="already_traded",
                )

    def trade(self, trade_id: int) -> Trade:
        return _found(self._t.trades, trade_id, f"no trade {trade_id}")

    def trades(
        self,
        statuses: Sequence[TradeStatus] | None = None,
        *,
        symbol: str | None = None,
        since: datetime | None = None,
        ended_since: datetime | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Trade]:
        found = [
            t
            for t in self._t.trades.values()
            if (statuses is None or t.status in statuses)
            and (symbol is None or t.symbol == symbol)
            and (since is None or t.created_at >= since)
            and (ended_since is None or (t.exit_time is not None and t.exit_time >= ended_since))
        ]
        found.reverse()
        return found[offset:] if limit is None else found[offset : offset + limit]

    def move_trade(
        self, trade_id: int, from_: Sequence[TradeStatus], to: TradeStatus, **changes: Any
    ) -> None:
        trade = self.trade(trade_id)
        _check(f"trade {trade_id}", trade.status, from_)
        if trade.status is TradeStatus.FAILED and to is not TradeStatus.FAILED:
            self._refuse_second(trade.setup_id)
        self._put(self._t.trades, trade_id, _changed(trade, status=to, **changes))

    def update_trade(self, trade_id: int, **changes: Any) -> None:
        self._put(self._t.trades, trade_id, _changed(self.trade(trade_id), **changes))

    def grant_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> None:
        if self._store.take_lease(name, holder, now, ttl_s) is not None:
            raise Conflict(f"{name} is held by another process", "try again in a moment", code="busy")
        self._undo.append(lambda: self._store.free_lease(name, holder))

    def instrument(self, symbol: str) -> Instrument | None:
        return self._store.instrument(self._account.venue, symbol)

    # -- orders and fills

    def add_order(self, order: Order) -> Order:
        self.trade(order.trade_id)
        link = order.order_link_id
        same = (
            o for o in self.orders([order.trade_id]) if (o.role, o.attempt) == (order.role, order.attempt)
        )
        if link in self._store._links or any(same):
            raise Conflict(
                f"order {link} is in the books already",
                f"`botbox trade {order.trade_id}` shows it",
                code="duplicate_link_id",
            )
        stored = replace(order, id=self._store.next_id("orders"))
        self._store._links.add(link)
        self._undo.append(lambda: self._store._links.discard(link))
        self._put(self._t.orders, link, stored)
        self._put(self._t.orders_of, order.trade_id, [*self._t.orders_of[order.trade_id], link])
        self._put(self._t.fills_of, link, [])
        return stored

    def orders(self, trade_ids: Sequence[int]) -> list[Order]:
        orders, of = self._t.orders, self._t.orders_of
        if len(trade_ids) == 1:
            return [orders[link] for link in of.get(trade_ids[0], ())]
        found = [orders[link] for i in set(trade_ids) for link in of.get(i, ())]
        return sorted(found, key=lambda o: o.id)

    def order_by_link_id(self, order_link_id: str) -> Order | None:
        return self._t.orders.get(order_link_id)

    def move_order(
        self, order_link_id: str, from_: Sequence[OrderStatus], to: OrderStatus, **changes: Any
    ) -> None:
        order = _found(self._t.orders, order_link_id, f"no order {order_link_id} in the books")
        _check(f"order {order_link_id}", order.status, from_)
        self._put(self._t.orders, order_link_id, _changed(order, status=to, **changes))

    def add_fill(self, fill: Fill) -> bool:
        link = fill.order_link_id
        _found(self._t.orders, link, f"no order {link} in the books")
        if fill.execution_id in self._t.fills:
            return False
        self._put(self._t.fills, fill.execution_id, fill)
        self._put(self._t.fills_of, link, [*self._t.fills_of[link], fill.execution_id])
        return True

    def set_fill_fees_quote(self, execution_id: str, fees_quote: Decimal) -> None:
        fill = _found(self._t.fills, execution_id, f"no fill {execution_id} in the books")
        self._put(self._t.fills, execution_id, replace(fill, fees_quote=fees_quote))

    def fills(self, trade_ids: Sequence[int]) -> list[Fill]:
        fills, of = self._t.fills, self._t.fills_of
        found = [fills[i] for order in self.orders(trade_ids) for i in of[order.order_link_id]]
        return sorted(found, key=_EXECUTED_AT) if len(found) > 1 else found

    # -- the rest

    def log(self, entry: LogEntry) -> None:
        log = self._t.log
        log.append((self._store.next_id("log"), entry))
        self._undo.append(lambda: (log.pop(), None)[1])

    def log_of(
        self, *, trade_id: int | None = None, setup_id: int | None = None, event: str | None = None
    ) -> list[LogEntry]:
        return [
            replace(e, id=entry_id)
            for entry_id, e in self._t.log
            if (trade_id is None or e.trade_id == trade_id)
            and (setup_id is None or e.setup_id == setup_id)
            and (event is None or e.event == event)
        ]

    def log_head(self) -> LogHead:
        raise NotImplementedError("no test of the chain runs in memory")

    def log_count(self, before: datetime | None = None) -> int:
        raise NotImplementedError("no test of the chain runs in memory")

    def log_links(self, skip: int, limit: int) -> list[tuple[LogEntry, str]]:
        raise NotImplementedError("no test of the chain runs in memory")

    def halt(self) -> Halt | None:
        return self._t.halt[0] if self._t.halt else None

    def set_halt(self, halt: Halt | None) -> None:
        former = list(self._t.halt)
        self._t.halt[:] = [halt] if halt else []
        self._undo.append(lambda: self._t.halt.__setitem__(slice(None), former))

    def marker(self, name: str) -> str | None:
        return self._t.markers.get(name)

    def set_marker(self, name: str, value: str) -> None:
        self._put(self._t.markers, name, value)

    def _put(self, table: dict[K, V], key: K, value: V) -> None:
        if key in table:
            former = table[key]
            self._undo.append(lambda: table.__setitem__(key, former))
        else:
            self._undo.append(lambda: (table.pop(key), None)[1])
        table[key] = value


def _is_same(a: Setup, b: Setup) -> bool:
    return (a.symbol, a.timeframe, a.kind, a.candle_time) == (b.symbol, b.timeframe, b.kind, b.candle_time)


def _found(table: dict[K, V], key: K, message: str) -> V:
    value = table.get(key)
    if value is None:
        raise NotFound(message)
    return value


_SHAPES: dict[type, tuple[Callable[[Any], tuple[Any, ...]], dict[str, int]]] = {}
"""How to read all fields of a kind of row at once, and the place of each."""


def _changed(row: Any, **changes: Any) -> Any:
    """Return a copy with other values, as `dataclasses.replace` does, in half the time."""
    kind = type(row)
    if kind not in _SHAPES:
        names = [f.name for f in fields(kind)]
        _SHAPES[kind] = attrgetter(*names), {name: place for place, name in enumerate(names)}
    read, places = _SHAPES[kind]
    values = list(read(row))
    for name, value in changes.items():
        values[places[name]] = value
    return kind(*values)


def _check(what: str, status: Any, wanted: Sequence[Any]) -> None:
    if status not in wanted:
        raise Conflict(f"{what} is {status}, not {' or '.join(wanted)}", "look at it again: it has moved on")
