"""One transaction on one account's books: rows in and out as domain values, every query bound to the account.

Statements are built once and compiled once (SQLAlchemy caches them by shape); no ORM object is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, insert, select, update

from botbox_cli.domain.account import Account, Halt
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.order import Order, OrderStatus
from botbox_cli.domain.setup import Setup, SetupStatus, Signal
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import Conflict, NotFound
from botbox_cli.ports import Holder, LogEntry
from botbox_cli.storage import tables as t
from botbox_cli.storage.chain import chained_hash, first_broken
from botbox_cli.storage.upserts import upserts

setups, signals = t.table(t.Setups), t.table(t.Signals)
trades, orders, fills = t.table(t.Trades), t.table(t.Orders), t.table(t.Fills)
log, halts, markers = t.table(t.Log), t.table(t.Halts), t.table(t.Markers)

# Parameters end in "_" where a column of the same name might be set beside them.
KEY: Any = bindparam("key_")
ACCOUNT: Any = bindparam("account_")
FROM: Any = bindparam("from_", expanding=True)
IDS: Any = bindparam("ids_", expanding=True)


def _columns(table: Table, cls: type, *, without: Iterable[str] = ()) -> list[Any]:
    """Return the columns in the order of the dataclass's fields, so that `cls(*row)` makes the value."""
    return [table.c[f.name] for f in fields(cls) if f.name not in without]


def _mine(table: Table, *columns: Any) -> Select[Any]:
    return select(*columns).where(table.c.account_id == ACCOUNT)


def _move(table: Table, key: Any) -> Any:
    return update(table).where(key == KEY, table.c.account_id == ACCOUNT, table.c.status.in_(FROM))


_SETUP = _mine(setups, *_columns(setups, Setup, without=["signals"]))
SETUP_BY_ID = _SETUP.where(setups.c.id == KEY)
ALL_SETUPS = _SETUP.order_by(setups.c.id)
SETUPS_BY_STATUS = ALL_SETUPS.where(setups.c.status.in_(FROM))
SIGNALS = (
    select(signals.c.setup_id, signals.c.type, signals.c.value)
    .where(signals.c.setup_id.in_(IDS))
    .order_by(signals.c.setup_id, signals.c.position)
)
SETUP_STATUS = _mine(setups, setups.c.status).where(setups.c.id == KEY)
MOVE_SETUP = _move(setups, setups.c.id)
ADD_SIGNALS = insert(signals)

_TRADE = _mine(trades, *_columns(trades, Trade))
TRADE_BY_ID = _TRADE.where(trades.c.id == KEY)
TRADE_STATUS = _mine(trades, trades.c.status).where(trades.c.id == KEY)
MOVE_TRADE = _move(trades, trades.c.id)
UPDATE_TRADE = update(trades).where(trades.c.id == KEY, trades.c.account_id == ACCOUNT)

_ORDER = _mine(orders, *_columns(orders, Order))
ORDERS = _ORDER.where(orders.c.trade_id.in_(IDS)).order_by(orders.c.id)
ORDER_BY_LINK_ID = _ORDER.where(orders.c.order_link_id == KEY)
ORDER_STATUS = _mine(orders, orders.c.status).where(orders.c.order_link_id == KEY)
MOVE_ORDER = _move(orders, orders.c.order_link_id)

FILLS = (
    _mine(fills, *_columns(fills, Fill))
    .join(orders, orders.c.order_link_id == fills.c.order_link_id)
    .where(orders.c.trade_id.in_(IDS))
    .order_by(fills.c.executed_at, fills.c.id)
)
SET_FILL_FEES = update(fills).where(fills.c.execution_id == KEY, fills.c.account_id == ACCOUNT)

ADD_LOG = insert(log)
LOG = _mine(log, *_columns(log, LogEntry)).order_by(log.c.id)
HASHED_LOG = LOG.add_columns(log.c.hash)
NEWEST_HASH = _mine(log, log.c.hash).order_by(log.c.id.desc()).limit(1)
LOG_OF_TRADE = LOG.where(log.c.trade_id == KEY)
LOG_OF_SETUP = LOG.where(log.c.setup_id == KEY)
HALT = _mine(halts, *_columns(halts, Halt))
DELETE_HALT = delete(halts).where(halts.c.account_id == ACCOUNT)
MARKER = _mine(markers, markers.c.value).where(markers.c.name == KEY)


@cache
def _trades(*, by_status: bool, by_symbol: bool, since: bool, limited: bool) -> Select[Any]:
    query = _TRADE.order_by(trades.c.id.desc())
    if by_status:
        query = query.where(trades.c.status.in_(FROM))
    if by_symbol:
        query = query.where(trades.c.symbol == bindparam("symbol_"))
    if since:
        query = query.where(trades.c.created_at >= bindparam("since_"))
    if limited:
        query = query.limit(bindparam("limit_")).offset(bindparam("offset_"))
    return query


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
        self._connection = connection
        self._account = account
        self._upserts = upserts(connection.dialect.name)

    # -- setups

    def add_setup(self, setup: Setup) -> Setup | None:
        """Store a setup with its signals; None if one of the same symbol, timeframe, kind and candle exists."""
        setup_id = self._scalar(self._upserts.add_setup, _setup_row(setup, self._account))
        if setup_id is None:
            return None
        if setup.signals:
            self._connection.execute(
                ADD_SIGNALS,
                [
                    {"setup_id": setup_id, "position": position, "type": s.type, "value": s.value}
                    for position, s in enumerate(setup.signals)
                ],
            )
        return replace(setup, id=setup_id)

    def setup(self, setup_id: int) -> Setup:
        """Return a setup. Raises NotFound."""
        found = self._setups(SETUP_BY_ID, key_=setup_id)
        if not found:
            raise _no_setup(setup_id)
        return found[0]

    def setups(self, statuses: Sequence[SetupStatus] | None = None) -> list[Setup]:
        """Return setups of these statuses (None: of all), oldest first."""
        if statuses is None:
            return self._setups(ALL_SETUPS)
        return self._setups(SETUPS_BY_STATUS, from_=statuses)

    def _setups(self, query: Select[Any], **parameters: Any) -> list[Setup]:
        rows = self._rows(query, parameters)
        if not rows:
            return []
        of: dict[int, list[Signal]] = defaultdict(list)
        for batch in _batches([row[-1] for row in rows]):
            for setup_id, type_, value in self._connection.execute(SIGNALS, {"ids_": batch}):
                of[setup_id].append(Signal(type_, value))
        return [Setup(*(*row[:-1], tuple(of[row[-1]]), row[-1])) for row in rows]

    def move_setup(
        self, setup_id: int, from_: Sequence[SetupStatus], to: SetupStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved(MOVE_SETUP, setup_id, from_, to, changes):
            status = self._scalar(SETUP_STATUS, self._key(setup_id))
            raise _stale(f"setup {setup_id}", status, from_) if status else _no_setup(setup_id)

    # -- trades

    def add_trade(self, trade: Trade) -> Trade:
        """Store a trade. Raises Conflict if the setup has one that is not FAILED, NotFound without that setup."""
        assert trade.mode == self._account.mode, (trade.mode, self._account.mode)
        if self._scalar(SETUP_STATUS, self._key(trade.setup_id)) is None:
            raise _no_setup(trade.setup_id)
        trade_id = self._scalar(self._upserts.add_trade, _trade_row(trade, self._account))
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
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Trade]:
        """Return trades, newest first (by id); `since` bounds the time they were made."""
        query = _trades(
            by_status=statuses is not None,
            by_symbol=symbol is not None,
            since=since is not None,
            limited=limit is not None or offset > 0,
        )
        parameters = {
            "from_": statuses,
            "symbol_": symbol,
            "since_": since,
            "limit_": _NO_LIMIT if limit is None else limit,
            "offset_": offset,
        }
        return [Trade(*row) for row in self._rows(query, parameters)]

    def move_trade(
        self, trade_id: int, from_: Sequence[TradeStatus], to: TradeStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved(MOVE_TRADE, trade_id, from_, to, changes):
            status = self._scalar(TRADE_STATUS, self._key(trade_id))
            raise _stale(f"trade {trade_id}", status, from_) if status else _no_trade(trade_id)

    def update_trade(self, trade_id: int, **changes: Any) -> None:
        """Change fields of a trade, whatever its status. Raises NotFound."""
        if not self._changed(UPDATE_TRADE, trade_id, changes):
            raise _no_trade(trade_id)

    def grant_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> None:
        """Give the lease of what this very transaction created to its maker, so that nobody else comes first."""
        row = {**asdict(holder), "name": name, "expires_at": now + timedelta(seconds=ttl_s), "now_": now}
        self._connection.execute(self._upserts.take_lease, row)

    # -- orders and fills

    def add_order(self, order: Order) -> Order:
        """Store an order. Raises Conflict if its link id is taken, NotFound without its trade."""
        if self._scalar(TRADE_STATUS, self._key(order.trade_id)) is None:
            raise _no_trade(order.trade_id)
        order_id = self._scalar(self._upserts.add_order, _order_row(order, self._account))
        if order_id is None:
            raise Conflict(
                f"order {order.order_link_id} is in the books already",
                f"`botbox trade {order.trade_id}` shows it",
                code="duplicate_link_id",
            )
        return replace(order, id=order_id)

    def orders(self, trade_ids: Sequence[int]) -> list[Order]:
        """Return the orders of these trades, oldest first."""
        return [Order(*row) for row in self._rows_of(ORDERS, trade_ids)]

    def order_by_link_id(self, order_link_id: str) -> Order | None:
        """Return an order, or None."""
        rows = self._rows(ORDER_BY_LINK_ID, {"key_": order_link_id})
        return Order(*rows[0]) if rows else None

    def move_order(
        self, order_link_id: str, from_: Sequence[OrderStatus], to: OrderStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved(MOVE_ORDER, order_link_id, from_, to, changes):
            status = self._scalar(ORDER_STATUS, self._key(order_link_id))
            raise _stale(f"order {order_link_id}", status, from_) if status else _no_order(order_link_id)

    def add_fill(self, fill: Fill) -> bool:
        """Store a fill of a known order; False if its `execution_id` is there already. Raises NotFound."""
        if self._scalar(ORDER_STATUS, self._key(fill.order_link_id)) is None:
            raise _no_order(fill.order_link_id)
        return self._scalar(self._upserts.add_fill, _fill_row(fill, self._account)) is not None

    def set_fill_fees_quote(self, execution_id: str, fees_quote: Decimal) -> None:
        """Remember what the fees of a fill were worth in quote coin. Raises NotFound."""
        if not self._changed(SET_FILL_FEES, execution_id, {"fees_quote": fees_quote}):
            raise NotFound(f"no fill {execution_id} in the books", "`botbox trades` lists the trades")

    def fills(self, trade_ids: Sequence[int]) -> list[Fill]:
        """Return the fills of these trades, oldest first."""
        return [Fill(*row) for row in self._rows_of(FILLS, trade_ids)]

    # -- the rest

    def log(self, entry: LogEntry) -> None:
        """Append an entry, chained to the account's newest."""
        before = self._scalar(NEWEST_HASH, {"account_": self._account.id}) or ""
        row = _log_row(entry, self._account)
        self._connection.execute(ADD_LOG, row | {"hash": chained_hash(before, entry)})

    def log_of(self, *, trade_id: int | None = None, setup_id: int | None = None) -> list[LogEntry]:
        """Return the entries of a trade or of a setup (of the account without either), oldest first."""
        if trade_id is not None:
            rows = self._rows(LOG_OF_TRADE, {"key_": trade_id})
        elif setup_id is not None:
            rows = self._rows(LOG_OF_SETUP, {"key_": setup_id})
        else:
            rows = self._rows(LOG, {})
        return [LogEntry(*row) for row in rows]

    def broken_log_entry(self) -> LogEntry | None:
        """Return the account's first entry that was changed, or follows a removed one, after it was written."""
        rows = self._rows(HASHED_LOG, {})
        return first_broken((LogEntry(*row[:-1]), row[-1]) for row in rows)

    def halt(self) -> Halt | None:
        """Return the brake if it is on."""
        rows = self._rows(HALT, {})
        return Halt(*rows[0]) if rows else None

    def set_halt(self, halt: Halt | None) -> None:
        """Put the brake on (or change its reason), or take it off."""
        account_id = self._account.id
        if halt is None:
            self._connection.execute(DELETE_HALT, {"account_": account_id})
        else:
            row = {"account_id": account_id, "since": halt.since, "reason": halt.reason}
            self._connection.execute(self._upserts.put_halt, row)

    def marker(self, name: str) -> str | None:
        """Return a small remembered value of this account, such as the newest execution time seen."""
        value: str | None = self._scalar(MARKER, self._key(name))
        return value

    def set_marker(self, name: str, value: str) -> None:
        """Remember a value."""
        row = {"account_id": self._account.id, "name": name, "value": value}
        self._connection.execute(self._upserts.put_marker, row)

    # -- how statements are run

    def _key(self, key: int | str) -> dict[str, Any]:
        return {"key_": key, "account_": self._account.id}

    def _scalar(self, statement: Any, parameters: dict[str, Any]) -> Any:
        row = self._connection.execute(statement, parameters).fetchone()
        return None if row is None else row[0]

    def _rows(self, statement: Select[Any], parameters: dict[str, Any]) -> Sequence[Any]:
        return self._connection.execute(statement, parameters | {"account_": self._account.id}).fetchall()

    def _rows_of(self, statement: Select[Any], trade_ids: Sequence[int]) -> list[Any]:
        return [row for batch in _batches(trade_ids) for row in self._rows(statement, {"ids_": batch})]

    def _moved(
        self, statement: Any, key: int | str, from_: Sequence[StrEnum], to: StrEnum, changes: dict[str, Any]
    ) -> bool:
        parameters = changes | {"status": to, "from_": list(from_)}
        return self._changed(statement, key, parameters)

    def _changed(self, statement: Any, key: int | str, changes: dict[str, Any]) -> bool:
        return self._connection.execute(statement, changes | self._key(key)).rowcount == 1


_NO_LIMIT = 2**31 - 1
_BATCH = 500


def _batches(ids: Sequence[int]) -> Iterable[list[int]]:
    """Cut ids into lists that fit one statement."""
    return (list(ids[start : start + _BATCH]) for start in range(0, len(ids), _BATCH))


def _no_setup(setup_id: int) -> NotFound:
    return NotFound(f"no setup {setup_id}", "`botbox setups --status all` lists them")


def _no_trade(trade_id: int) -> NotFound:
    return NotFound(f"no trade {trade_id}", "`botbox trades --status all` lists them")


def _no_order(order_link_id: str) -> NotFound:
    return NotFound(f"no order {order_link_id} in the books", "`botbox reconcile` shows what differs")


def _stale(what: str, status: StrEnum, wanted: Sequence[StrEnum]) -> Conflict:
    return Conflict(f"{what} is {status}, not {' or '.join(wanted)}", "look at it again: it has moved on")
