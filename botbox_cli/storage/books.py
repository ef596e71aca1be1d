"""One transaction on one account's books: rows in and out as domain values, every query bound to the account.

Statements are built once and compiled once (see `run`); no ORM object is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, false, func, insert, select, update

from botbox_cli.domain.account import Account, Halt
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.order import Order, OrderStatus
from botbox_cli.domain.setup import Setup, SetupStatus, Signal
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import Conflict, NotFound
from botbox_cli.ports import Holder, LogEntry, LogHead
from botbox_cli.storage import tables as t
from botbox_cli.storage.run import Row, Runner
from botbox_cli.storage.upserts import upserts

setups, signals = t.table(t.Setups), t.table(t.Signals)
trades, orders, fills = t.table(t.Trades), t.table(t.Orders), t.table(t.Fills)
log, halts, markers = t.table(t.Log), t.table(t.Halts), t.table(t.Markers)

# Parameters end in "_" where a column of the same name might be set beside them.
KEY: Any = bindparam("key_")
ACCOUNT: Any = bindparam("account_")


def _columns(table: Table, cls: type, *, without: Iterable[str] = ()) -> list[Any]:
    """Return the columns in the order of the dataclass's fields, so that `cls(*row)` makes the value."""
    return [table.c[f.name] for f in fields(cls) if f.name not in without]


def _mine(table: Table, *columns: Any) -> Select[Any]:
    return select(*columns).where(table.c.account_id == ACCOUNT)


def _is_among(column: Any, count: int) -> Any:
    """Compare with the parameters any_0, any_1, …"""
    parameters = [bindparam(f"any_{n}", type_=column.type) for n in range(count)]
    return column.in_(parameters) if parameters else false()


def _among(values: Sequence[Any]) -> dict[str, Any]:
    return {f"any_{n}": value for n, value in enumerate(values)}


def _of(key: Any) -> Any:
    """Build the update of one row, found by `key`."""
    return update(key.table).where(key == KEY, key.table.c.account_id == ACCOUNT)


@cache
def _move(key: Any, count: int) -> Any:
    """Build the update of one row that has one of `count` statuses."""
    return _of(key).where(_is_among(key.table.c.status, count))


_SETUP = _mine(setups, *_columns(setups, Setup, without=["signals"]))
SETUP_BY_ID = _SETUP.where(setups.c.id == KEY)
ALL_SETUPS = _SETUP.order_by(setups.c.id)
SETUP_STATUS = _mine(setups, setups.c.status).where(setups.c.id == KEY)
SIGNALS = select(signals.c.setup_id, signals.c.type, signals.c.value).order_by(
    signals.c.setup_id, signals.c.position
)
ADD_SIGNAL = insert(signals)

_TRADE = _mine(trades, *_columns(trades, Trade))
TRADE_BY_ID = _TRADE.where(trades.c.id == KEY)
TRADE_STATUS = _mine(trades, trades.c.status).where(trades.c.id == KEY)
UPDATE_TRADE = _of(trades.c.id)

_ORDER = _mine(orders, *_columns(orders, Order))
ORDER_BY_LINK_ID = _ORDER.where(orders.c.order_link_id == KEY)
ORDER_STATUS = _mine(orders, orders.c.status).where(orders.c.order_link_id == KEY)

instruments = t.table(t.Instruments)
INSTRUMENT = select(*_columns(instruments, Instrument)).where(
    instruments.c.venue == bindparam("venue_"),
    instruments.c.symbol == bindparam("symbol_"),
    instruments.c.updated_at.is_not(None),
)

_FILLS = (
    _mine(fills, *_columns(fills, Fill))
    .join(orders, orders.c.order_link_id == fills.c.order_link_id)
    .order_by(fills.c.executed_at, fills.c.id)
)
UPDATE_FILL = _of(fills.c.execution_id)

ADD_LOG = insert(log)
LOG = _mine(log, *_columns(log, LogEntry)).order_by(log.c.id)
LOG_LINKS = LOG.add_columns(log.c.hash).limit(bindparam("limit_")).offset(bindparam("offset_"))
LOG_COUNT = _mine(log, func.count())
FIRST_LOG_SINCE = _mine(log, func.min(log.c.id)).where(log.c.at >= bindparam("since_", type_=log.c.at.type))
LOG_COUNT_BEFORE = LOG_COUNT.where(log.c.id < KEY)
LOG_OF_TRADE = LOG.where(log.c.trade_id == KEY)
LOG_OF_SETUP = LOG.where(log.c.setup_id == KEY)
LOG_OF_EVENT = LOG.where(log.c.event == KEY)
LOG_HEAD = "log head"
"""Marker: count and hash. The log itself does not tell when its newest entries are gone."""
HALT = _mine(halts, *_columns(halts, Halt))
DELETE_HALT = delete(halts).where(halts.c.account_id == ACCOUNT)
MARKER = _mine(markers, markers.c.value).where(markers.c.name == KEY)


@cache
def _setups(by_status: int) -> Select[Any]:
    return ALL_SETUPS.where(_is_among(setups.c.status, by_status))


@cache
def _signals(count: int) -> Select[Any]:
    return SIGNALS.where(_is_among(signals.c.setup_id, count))


@cache
def _trades(
    *, by_status: int | None, by_symbol: bool, since: bool, ended: bool, limited: bool
) -> Select[Any]:
    query = _TRADE.order_by(trades.c.id.desc())
    if by_status is not None:
        query = query.where(_is_among(trades.c.status, by_status))
    if by_symbol:
        query = query.where(trades.c.symbol == bindparam("symbol_"))
    if since:
        query = query.where(trades.c.created_at >= bindparam("since_"))
    if ended:
        query = query.where(trades.c.exit_time >= bindparam("ended_since_"))
    if limited:
        query = query.limit(bindparam("limit_")).offset(bindparam("offset_"))
    return query


@cache
def _orders(of_trades: int) -> Select[Any]:
    return _ORDER.where(_is_among(orders.c.trade_id, of_trades)).order_by(orders.c.id)


@cache
def _fills(of_trades: int) -> Select[Any]:
    return _FILLS.where(_is_among(orders.c.trade_id, of_trades))


class _Values:
    """Turns a dataclass into a row: all its fields but the id, the account beside them."""

    def __init__(self, cls: type, *, without: Iterable[str] = ()) -> None:
        self.names = [f.name for f in fields(cls) if f.name not in {"id", *without}]
        self.get = attrgetter(*self.names)

    def __call__(self, value: Any, account: Account) -> dict[str, Any]:
        row = dict(zip(self.names, self.get(value), strict=True))
        row["account_id"] = account.id
        return row


_setup_row, _trade_row = _Values(Setup, without=["signals"]), _Values(Trade)
_order_row, _fill_row, _log_row = _Values(Order), _Values(Fill), _Values(LogEntry)


class SqlBooks:
    """`ports.Books` inside one transaction."""

    def __init__(self, connection: Connection, account: Account) -> None:
        self._run = Runner(connection)
        self._account = account
        self._upserts = upserts(connection.dialect.name)

    # -- setups

    def add_setup(self, setup: Setup) -> Setup | None:
        """Store a setup with its signals; None if one of the same symbol, timeframe, kind and candle exists."""
        setup_id = self._run.value(self._upserts.add_setup, _setup_row(setup, self._account))
        if setup_id is None:
            return None
        for position, signal in enumerate(setup.signals):
            row = {"setup_id": setup_id, "position": position, "type": signal.type, "value": signal.value}
            self._run.changed(ADD_SIGNAL, row)
        return replace(setup, id=setup_id)

    def setup(self, setup_id: int) -> Setup:
        """Return a setup. Raises NotFound."""
        found = self._with_signals(self._rows(SETUP_BY_ID, {"key_": setup_id}))
        if not found:
            raise _no_setup(setup_id)
        return found[0]

    def setups(self, statuses: Sequence[SetupStatus] | None = None) -> list[Setup]:
        """Return setups of these statuses (None: of all), oldest first."""
        if statuses is None:
            return self._with_signals(self._rows(ALL_SETUPS, {}))
        return self._with_signals(self._rows(_setups(len(statuses)), _among(statuses)))

    def _with_signals(self, rows: Sequence[Row]) -> list[Setup]:
        of: dict[int, list[Signal]] = defaultdict(list)
        for batch in _batches([row[-1] for row in rows]):
            for setup_id, type_, value in self._run.rows(_signals(len(batch)), _among(batch)):
                of[setup_id].append(Signal(type_, value))
        return [Setup(*(*row[:-1], tuple(of[row[-1]]), row[-1])) for row in rows]

    def move_setup(
        self, setup_id: int, from_: Sequence[SetupStatus], to: SetupStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved(setups.c.id, setup_id, from_, to, changes):
            status = self._run.value(SETUP_STATUS, self._key(setup_id))
            raise _stale(f"setup {setup_id}", status, from_) if status else _no_setup(setup_id)

    # -- trades

    def add_trade(self, trade: Trade) -> Trade:
        """Store a trade. Raises Conflict if the setup has one that is not FAILED, NotFound without that setup."""
        assert trade.mode == self._account.mode, (trade.mode, self._account.mode)
        if self._run.value(SETUP_STATUS, self._key(trade.setup_id)) is None:
            raise _no_setup(trade.setup_id)
        trade_id = self._run.value(self._upserts.add_trade, _trade_row(trade, self._account))
        if trade_id is None:
            raise Conflict(
                f"setup {trade.setup_id} is traded already",
                "`botbox trades` shows its trade",
                code="already_traded",
            )
        return replace(trade, id=trade_id)

    def trade(self, trade_id: int) -> Trade:
        """Return a trade. Raises NotFound."""
        rows = self._rows(TRADE_BY_ID, {"key_": trade_id})
        if not rows:
            raise _no_trade(trade_id)
        return Trade(*rows[0])

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
        """Return trades, newest first (by id); `since` bounds when they were made, `ended_since` when they ended."""
        query = _trades(
            by_status=None if statuses is None else len(statuses),
            by_symbol=symbol is not None,
            since=since is not None,
            ended=ended_since is not None,
            limited=limit is not None or offset > 0,
        )
        parameters = {
            "symbol_": symbol,
            "since_": since,
            "ended_since_": ended_since,
            "limit_": _NO_LIMIT if limit is None else limit,
            "offset_": offset,
        }
        return [Trade(*row) for row in self._rows(query, parameters | _among(statuses or ()))]

    def move_trade(
        self, trade_id: int, from_: Sequence[TradeStatus], to: TradeStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved(trades.c.id, trade_id, from_, to, changes):
            status = self._run.value(TRADE_STATUS, self._key(trade_id))
            raise _stale(f"trade {trade_id}", status, from_) if status else _no_trade(trade_id)

    def update_trade(self, trade_id: int, **changes: Any) -> None:
        """Change fields of a trade, whatever its status. Raises NotFound."""
        if not self._changed(UPDATE_TRADE, trade_id, changes):
            raise _no_trade(trade_id)

    def grant_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> None:
        """Give the lease of what this very transaction created to its maker, so that nobody else comes first.

        Raises Conflict if another process holds a lease of that name.
        """
        row = {**asdict(holder), "name": name, "expires_at": now + timedelta(seconds=ttl_s), "now_": now}
        if self._run.value(self._upserts.take_lease, row) is None:
            raise Conflict(f"{name} is held by another process", "try again in a moment", code="busy")

    def instrument(self, symbol: str) -> Instrument | None:
        """Return the rules of a pair on the account's venue, or None while they have not been recorded."""
        rows = self._run.rows(INSTRUMENT, {"venue_": self._account.venue, "symbol_": symbol})
        return Instrument(*rows[0]) if rows else None

    # -- orders and fills

    def add_order(self, order: Order) -> Order:
        """Store an order. Raises Conflict if its link id is taken, NotFound without its trade."""
        if self._run.value(TRADE_STATUS, self._key(order.trade_id)) is None:
            raise _no_trade(order.trade_id)
        order_id = self._run.value(self._upserts.add_order, _order_row(order, self._account))
        if order_id is None:
            raise Conflict(
                f"order {order.order_link_id} is in the books already",
                f"`botbox trade {order.trade_id}` shows it",
                code="duplicate_link_id",
            )
        return replace(order, id=order_id)

    def orders(self, trade_ids: Sequence[int]) -> list[Order]:
        """Return the orders of these trades, oldest first."""
        return [Order(*row) for row in self._rows_of(_orders, trade_ids)]

    def order_by_link_id(self, order_link_id: str) -> Order | None:
        """Return an order, or None."""
        rows = self._rows(ORDER_BY_LINK_ID, {"key_": order_link_id})
        return Order(*rows[0]) if rows else None

    def move_order(
        self, order_link_id: str, from_: Sequence[OrderStatus], to: OrderStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved(orders.c.order_link_id, order_link_id, from_, to, changes):
            status = self._run.value(ORDER_STATUS, self._key(order_link_id))
            raise _stale(f"order {order_link_id}", status, from_) if status else _no_order(order_link_id)

    def add_fill(self, fill: Fill) -> bool:
        """Store a fill of a known order; False if its `execution_id` is there already. Raises NotFound."""
        if self._run.value(ORDER_STATUS, self._key(fill.order_link_id)) is None:
            raise _no_order(fill.order_link_id)
        return self._run.value(self._upserts.add_fill, _fill_row(fill, self._account)) is not None

    def set_fill_fees_quote(self, execution_id: str, fees_quote: Decimal) -> None:
        """Remember what the fees of a fill were worth in quote coin. Raises NotFound."""
        if not self._changed(UPDATE_FILL, execution_id, {"fees_quote": fees_quote}):
            raise NotFound(f"no fill {execution_id} in the books", "`botbox trades` lists the trades")

    def fills(self, trade_ids: Sequence[int]) -> list[Fill]:
        """Return the fills of these trades, oldest first."""
        return [Fill(*row) for row in self._rows_of(_fills, trade_ids)]

    # -- the rest

    def log(self, entry: LogEntry) -> None:
        """Append an entry, chained to the remembered head: one that follows removed entries can't hide that."""
        head = self.log_head()
        new = LogHead(head.count + 1, entry.hash_after(head.hash))
        self._run.changed(ADD_LOG, _log_row(entry, self._account) | {"hash": new.hash})
        self.set_marker(LOG_HEAD, f"{new.count} {new.hash}")

    def log_of(
        self, *, trade_id: int | None = None, setup_id: int | None = None, event: str | None = None
    ) -> list[LogEntry]:
        """Return the entries of a trade, of a setup or of an event (all without any of them), oldest first."""
        if trade_id is not None:
            rows = self._rows(LOG_OF_TRADE, {"key_": trade_id})
        elif setup_id is not None:
            rows = self._rows(LOG_OF_SETUP, {"key_": setup_id})
        elif event is not None:
            rows = self._rows(LOG_OF_EVENT, {"key_": event})
        else:
            rows = self._rows(LOG, {})
        return [LogEntry(*row) for row in rows]

    def log_head(self) -> LogHead:
        """Return where the log ends, as remembered beside the log.

        One that was lost or can't be read is that of an empty log: the books must go on, and `audit verify` tells.
        """
        count, _, digest = (self.marker(LOG_HEAD) or "").partition(" ")
        return LogHead(int(count), digest) if count.isdecimal() else LogHead(0, "")

    def log_count(self, before: datetime | None = None) -> int:
        """Return how many entries the log holds: all, or those in front of the first one at or after `before`."""
        if before is not None:
            first = self._run.value(FIRST_LOG_SINCE, {"account_": self._account.id, "since_": before})
            if first is not None:
                return int(self._run.value(LOG_COUNT_BEFORE, self._key(first)))
        return int(self._run.value(LOG_COUNT, {"account_": self._account.id}))

    def log_links(self, skip: int, limit: int) -> list[tuple[LogEntry, str]]:
        """Return entries with their stored hashes, oldest first, without the `skip` oldest."""
        rows = self._rows(LOG_LINKS, {"offset_": skip, "limit_": limit})
        return [(LogEntry(*row[:-1]), row[-1]) for row in rows]

    def halt(self) -> Halt | None:
        """Return the brake if it is on."""
        rows = self._rows(HALT, {})
        return Halt(*rows[0]) if rows else None

    def set_halt(self, halt: Halt | None) -> None:
        """Put the brake on (or change its reason), or take it off."""
        account_id = self._account.id
        if halt is None:
            self._run.changed(DELETE_HALT, {"account_": account_id})
        else:
            row = {"account_id": account_id, "since": halt.since, "reason": halt.reason}
            self._run.changed(self._upserts.put_halt, row)

    def marker(self, name: str) -> str | None:
        """Return a small remembered value of this account, such as the newest execution time seen."""
        value: str | None = self._run.value(MARKER, self._key(name))
        return value

    def set_marker(self, name: str, value: str) -> None:
        """Remember a value."""
        row = {"account_id": self._account.id, "name": name, "value": value}
        self._run.changed(self._upserts.put_marker, row)

    # -- how statements are run

    def _key(self, key: int | str) -> dict[str, Any]:
        return {"key_": key, "account_": self._account.id}

    def _rows(self, statement: Select[Any], parameters: dict[str, Any]) -> list[Row]:
        return self._run.rows(statement, parameters | {"account_": self._account.id})

    def _rows_of(self, query: Callable[[int], Select[Any]], trade_ids: Sequence[int]) -> list[Row]:
        return [row for batch in _batches(trade_ids) for row in self._rows(query(len(batch)), _among(batch))]

    def _moved(
        self, key: Any, value: int | str, from_: Sequence[StrEnum], to: StrEnum, changes: dict[str, Any]
    ) -> bool:
        return self._changed(_move(key, len(from_)), value, {**changes, "status": to, **_among(from_)})

    def _changed(self, statement: Any, key: int | str, parameters: dict[str, Any]) -> bool:
        return self._run.changed(statement, parameters | self._key(key)) == 1


_NO_LIMIT = 2**31 - 1
_BATCHES = (1, 8, 64, 512)


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    """Cut ids into lists for one statement each, of few lengths (the last id repeats): few statements are compiled."""
    for start in range(0, len(ids), _BATCHES[-1]):
        batch = list(ids[start : start + _BATCHES[-1]])
        length = next(n for n in _BATCHES if n >= len(batch))
        yield batch + batch[-1:] * (length - len(batch))


def _no_setup(setup_id: int) -> NotFound:
    return NotFound(f"no setup {setup_id}", "`botbox setups --status all` lists them")


def _no_trade(trade_id: int) -> NotFound:
    return NotFound(f"no trade {trade_id}", "`botbox trades --status all` lists them")


def _no_order(order_link_id: str) -> NotFound:
    return NotFound(f"no order {order_link_id} in the books", "`botbox reconcile` shows what differs")


def _stale(what: str, status: StrEnum, wanted: Sequence[StrEnum]) -> Conflict:
    return Conflict(f"{what} is {status}, not {' or '.join(wanted)}", "look at it again: it has moved on")
