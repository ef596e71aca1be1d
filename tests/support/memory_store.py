"""`ports.Store` in plain dictionaries: what the database promises, a hundred times as fast. For the simulation.

It is held to the same tests as the databases (`tests/storage/test_memory_store.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, Self, TypeVar

from botbox_cli.domain.account import Account, Halt, Mode, Venue
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.order import Order, OrderStatus
from botbox_cli.domain.record import changed
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import Conflict, NotFound
from botbox_cli.ports import Holder, JobRun, LogEntry, LogHead

K = TypeVar("K")
V = TypeVar("V")

_NONE: Any = object()
"""What a key that was not there had."""
_ID = attrgetter("id")


class MemoryStore:
    """A store for one test. `is_dead` says which holders of leases are proved dead."""

    def __init__(self, tag: str = "test01") -> None:
        self.installation = tag
        self.is_dead: Callable[[Holder], bool] = lambda holder: False
        self._books: dict[int, MemoryBooks] = {}
        self._accounts: list[Account] = []
        self._leases: dict[str, tuple[Holder, datetime]] = {}
        self._instruments: dict[tuple[Venue, str], Instrument] = {}
        self._jobs: list[JobRun] = []
        self._last_ids: dict[str, int] = {}
        self._links: dict[str, None] = {}

    def close(self) -> None:
        """Forget everything."""
        self._books.clear()

    # -- transactions

    def read(self, account: Account) -> MemoryBooks:
        """Return the books of an account: one transaction at a time, so that they can be the same each time."""
        found = self._books.get(account.id)
        if found is None:
            found = self._books[account.id] = MemoryBooks(self, account)
        return found

    def write(self, account: Account, *, durable: bool = True) -> MemoryBooks:
        return self.read(account)

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


class MemoryBooks:
    """`ports.Books` of one account, and each of its transactions: what it changed is undone if it ends in an error.

    `_orders_of` and `_fills_of` have them by trade, in the order in which they are read. `_found` remembers what was
    read of the trades by their statuses, until a trade changes. `_former` is what the transaction has changed, as
    (table, key, former value).
    """

    def __init__(self, store: MemoryStore, account: Account) -> None:
        self._store, self._account = store, account
        self._setups: dict[int, Setup] = {}
        self._trades: dict[int, Trade] = {}
        self._orders: dict[str, Order] = {}
        self._orders_of: dict[int, tuple[Order, ...]] = {}
        self._fills: dict[str, Fill] = {}
        self._fills_of: dict[int, tuple[Fill, ...]] = {}
        self._found: dict[tuple[TradeStatus, ...] | None, list[Trade]] = {}
        self._log: dict[int, LogEntry] = {}
        self._markers: dict[str, str] = {}
        self._halt: dict[str, Halt | None] = {}
        self._former: list[tuple[dict[Any, Any], Any, Any]] = []
        self._is_busy = False

    def __enter__(self) -> Self:
        if self._is_busy:
            raise RuntimeError("a transaction inside a transaction")
        self._is_busy = True
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_busy = False
        if self._former:
            if kind is not None:
                self._undo()
            self._former.clear()

    def _undo(self) -> None:
        for table, key, value in reversed(self._former):
            if value is _NONE:
                table.pop(key, None)
            else:
                table[key] = value
        self._found.clear()

    # -- setups

    def add_setup(self, setup: Setup) -> Setup | None:
        if setup.candle_time is not None and any(_is_same(setup, s) for s in self._setups.values()):
            return None
        stored = changed(setup, id=self._store.next_id("setups"))
        self._put(self._setups, stored.id, stored)
        return stored

    def setup(self, setup_id: int) -> Setup:
        return _found(self._setups, setup_id, f"no setup {setup_id}")

    def setups(self, statuses: Sequence[SetupStatus] | None = None) -> list[Setup]:
        return [s for s in self._setups.values() if statuses is None or s.status in statuses]

    def move_setup(
        self, setup_id: int, from_: Sequence[SetupStatus], to: SetupStatus, **changes: Any
    ) -> None:
        setup = self.setup(setup_id)
        _check(f"setup {setup_id}", setup.status, from_)
        self._put(self._setups, setup_id, changed(setup, status=to, **changes))

    # -- trades

    def add_trade(self, trade: Trade) -> Trade:
        assert trade.mode == self._account.mode, (trade.mode, self._account.mode)
        self.setup(trade.setup_id)
        self._refuse_second(trade.setup_id)
        stored = changed(trade, id=self._store.next_id("trades"))
        self._put_trade(stored)
        return stored

    def _refuse_second(self, setup_id: int) -> None:
        for other in self._trades.values():
            if other.setup_id == setup_id and other.status is not TradeStatus.FAILED:
                raise Conflict(
                    f"setup {setup_id} is traded already",
                    "`botbox trades` shows its trade",
                    code="already_traded",
                )

    def trade(self, trade_id: int) -> Trade:
        return _found(self._trades, trade_id, f"no trade {trade_id}")

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
        key = None if statuses is None else tuple(statuses)
        newest_first = self._found.get(key)
        if newest_first is None:
            newest_first = [t for t in self._trades.values() if statuses is None or t.status in statuses]
            newest_first.reverse()
            self._found[key] = newest_first
        found = list(newest_first)
        if symbol is not None:
            found = [t for t in found if t.symbol == symbol]
        if since is not None:
            found = [t for t in found if t.created_at >= since]
        if ended_since is not None:
            found = [t for t in found if t.exit_time is not None and t.exit_time >= ended_since]
        return found[offset:] if limit is None else found[offset : offset + limit]

    def move_trade(
        self, trade_id: int, from_: Sequence[TradeStatus], to: TradeStatus, **changes: Any
    ) -> None:
        trade = self.trade(trade_id)
        _check(f"trade {trade_id}", trade.status, from_)
        if trade.status is TradeStatus.FAILED and to is not TradeStatus.FAILED:
            self._refuse_second(trade.setup_id)
        self._put_trade(changed(trade, status=to, **changes))

    def update_trade(self, trade_id: int, **changes: Any) -> None:
        self._put_trade(changed(self.trade(trade_id), **changes))

    def _put_trade(self, trade: Trade) -> None:
        self._put(self._trades, trade.id, trade)
        self._found.clear()

    def grant_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> None:
        former = self._store._leases.get(name, _NONE)
        if self._store.take_lease(name, holder, now, ttl_s) is not None:
            raise Conflict(f"{name} is held by another process", "try again in a moment", code="busy")
        self._former.append((self._store._leases, name, former))

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
        stored = changed(order, id=self._store.next_id("orders"))
        self._put(self._store._links, link, None)
        self._put_order(stored, (*self._orders_of.get(order.trade_id, ()), stored))
        return stored

    def _put_order(self, order: Order, of_trade: tuple[Order, ...]) -> None:
        self._put(self._orders, order.order_link_id, order)
        self._put(self._orders_of, order.trade_id, of_trade)

    def orders(self, trade_ids: Sequence[int]) -> list[Order]:
        of = self._orders_of
        if len(trade_ids) == 1:
            return list(of.get(trade_ids[0], ()))
        return sorted([order for i in set(trade_ids) for order in of.get(i, ())], key=_ID)

    def order_by_link_id(self, order_link_id: str) -> Order | None:
        return self._orders.get(order_link_id)

    def move_order(
        self, order_link_id: str, from_: Sequence[OrderStatus], to: OrderStatus, **changes: Any
    ) -> None:
        order = _found(self._orders, order_link_id, f"no order {order_link_id} in the books")
        _check(f"order {order_link_id}", order.status, from_)
        moved = changed(order, status=to, **changes)
        of_trade = self._orders_of[order.trade_id]
        self._put_order(moved, tuple(moved if each is order else each for each in of_trade))

    def add_fill(self, fill: Fill) -> bool:
        order = _found(self._orders, fill.order_link_id, f"no order {fill.order_link_id} in the books")
        if fill.execution_id in self._fills:
            return False
        self._put_fill(fill, (*self._fills_of.get(order.trade_id, ()), fill))
        return True

    def set_fill_fees_quote(self, execution_id: str, fees_quote: Decimal) -> None:
        fill = _found(self._fills, execution_id, f"no fill {execution_id} in the books")
        valued = changed(fill, fees_quote=fees_quote)
        of_trade = self._fills_of[self._orders[fill.order_link_id].trade_id]
        self._put_fill(valued, tuple(valued if each is fill else each for each in of_trade))

    def _put_fill(self, fill: Fill, of_trade: tuple[Fill, ...]) -> None:
        trade_id = self._orders[fill.order_link_id].trade_id
        self._put(self._fills, fill.execution_id, fill)
        self._put(self._fills_of, trade_id, tuple(sorted(of_trade, key=self._place_of)))

    def _place_of(self, fill: Fill) -> tuple[datetime, int]:
        return fill.executed_at, self._orders[fill.order_link_id].id

    def fills(self, trade_ids: Sequence[int]) -> list[Fill]:
        of = self._fills_of
        if len(trade_ids) == 1:
            return list(of.get(trade_ids[0], ()))
        return sorted([fill for i in set(trade_ids) for fill in of.get(i, ())], key=self._place_of)

    # -- the rest

    def log(self, entry: LogEntry) -> None:
        self._put(self._log, self._store.next_id("log"), entry)

    def log_of(
        self, *, trade_id: int | None = None, setup_id: int | None = None, event: str | None = None
    ) -> list[LogEntry]:
        return [
            replace(e, id=entry_id)
            for entry_id, e in self._log.items()
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
        return self._halt.get("now")

    def set_halt(self, halt: Halt | None) -> None:
        self._put(self._halt, "now", halt)

    def marker(self, name: str) -> str | None:
        return self._markers.get(name)

    def set_marker(self, name: str, value: str) -> None:
        self._put(self._markers, name, value)

    def _put(self, table: dict[K, V], key: K, value: V) -> None:
        self._former.append((table, key, table.get(key, _NONE)))
        table[key] = value


def _is_same(a: Setup, b: Setup) -> bool:
    return (a.symbol, a.timeframe, a.kind, a.candle_time) == (b.symbol, b.timeframe, b.kind, b.candle_time)


def _found(table: dict[K, V], key: K, message: str) -> V:
    value = table.get(key)
    if value is None:
        raise NotFound(message)
    return value


def _check(what: str, status: Any, wanted: Sequence[Any]) -> None:
    if status not in wanted:
        raise Conflict(f"{what} is {status}, not {' or '.join(wanted)}", "look at it again: it has moved on")
