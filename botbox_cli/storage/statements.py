"""What the books ask their database, in SQLAlchemy's terms; they name it by `run.statement`.

Only what was never asked before imports this: the SQL of the usual statements is kept in `sqlite_plans`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from sqlalchemy import Select, Table, bindparam, delete, false, func, insert, select, update

from botbox_cli.domain.account import Account, Halt
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.order import Order
from botbox_cli.domain.setup import Setup
from botbox_cli.domain.trade import Trade
from botbox_cli.ports import Holder, JobRun, LogEntry, Series
from botbox_cli.storage import tables as t
from botbox_cli.storage.upserts import upserts

accounts, instruments = t.table(t.Accounts), t.table(t.Instruments)
series, leases, jobs = t.table(t.Series), t.table(t.Leases), t.table(t.Jobs)
setups, signals = t.table(t.Setups), t.table(t.Signals)
trades, orders, fills = t.table(t.Trades), t.table(t.Orders), t.table(t.Fills)
log, halts, markers = t.table(t.Log), t.table(t.Halts), t.table(t.Markers)

# Parameters end in "_" where a column of the same name might be set beside them.
KEY: Any = bindparam("key_")
ACCOUNT: Any = bindparam("account_")


def build(name: str, args: tuple[Any, ...], dialect: str) -> Any:
    """Return a statement: an attribute of this module (called with `args` if there are any), or an upsert's."""
    kind, _, what = name.rpartition(".")
    made = getattr(upserts(dialect), what) if kind == "upsert" else globals()[what]
    return made(*args) if args else made


def _columns(table: Table, cls: type, *, without: Iterable[str] = ()) -> list[Any]:
    """Return the columns in the order of the dataclass's fields, so that `cls(*row)` makes the value."""
    return [table.c[f.name] for f in fields(cls) if f.name not in without]


def _mine(table: Table, *columns: Any) -> Select[Any]:
    return select(*columns).where(table.c.account_id == ACCOUNT)


def _is_among(column: Any, count: int) -> Any:
    """Compare with the parameters any_0, any_1, …"""
    parameters = [bindparam(f"any_{n}", type_=column.type) for n in range(count)]
    return column.in_(parameters) if parameters else false()


def _of(key: Any) -> Any:
    """Build the update of one row, found by `key`."""
    return update(key.table).where(key == KEY, key.table.c.account_id == ACCOUNT)


def _move(key: Any, count: int) -> Any:
    """Build the update of one row that has one of `count` statuses."""
    return _of(key).where(_is_among(key.table.c.status, count))


ACCOUNTS = select(*_columns(accounts, Account)).order_by(accounts.c.id)
ACCOUNT_BY_KEY = ACCOUNTS.where(
    accounts.c.mode == bindparam("mode_"), accounts.c.key_hash == bindparam("key_")
)
LOCK_ACCOUNT = select(accounts.c.id).where(accounts.c.id == bindparam("key_")).with_for_update(key_share=True)
INSTRUMENT = select(*_columns(instruments, Instrument)).where(
    instruments.c.venue == bindparam("venue_"),
    instruments.c.symbol == bindparam("symbol_"),
    instruments.c.updated_at.is_not(None),
)
SERIES = (
    select(instruments.c.symbol, *(series.c[f.name] for f in fields(Series)[1:]))
    .join(instruments, instruments.c.id == series.c.instrument_id)
    .where(instruments.c.venue == bindparam("venue_"))
    .order_by(instruments.c.symbol, series.c.timeframe)
)
_NAME, _TOKEN = leases.c.name == bindparam("name_"), leases.c.token == bindparam("token_")
HOLDER = select(*_columns(leases, Holder)).where(_NAME)
REPLACE_HOLDER = update(leases).where(_NAME, _TOKEN)
FREE_LEASE = delete(leases).where(_NAME, _TOKEN)
START_JOB = insert(jobs).returning(jobs.c.id)
FINISH_JOB = update(jobs).where(jobs.c.id == bindparam("key_"))
NEWEST_JOB = select(func.max(jobs.c.id))
PRUNE_JOBS = delete(jobs).where(jobs.c.started_at < bindparam("before_"), jobs.c.id <= bindparam("last_"))
LAST_JOB = (
    select(*_columns(jobs, JobRun)).where(jobs.c.job == bindparam("job_")).order_by(jobs.c.id.desc()).limit(1)
)

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
HALT = _mine(halts, *_columns(halts, Halt))
DELETE_HALT = delete(halts).where(halts.c.account_id == ACCOUNT)
MARKER = _mine(markers, markers.c.value).where(markers.c.name == KEY)


def setups_of(by_status: int) -> Select[Any]:
    return ALL_SETUPS.where(_is_among(setups.c.status, by_status))


def signals_of(setups_: int) -> Select[Any]:
    return SIGNALS.where(_is_among(signals.c.setup_id, setups_))


def trades_of(by_status: int | None, by_symbol: bool, since: bool, ended: bool, limited: bool) -> Select[Any]:
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


def orders_of(of_trades: int) -> Select[Any]:
    return _ORDER.where(_is_among(orders.c.trade_id, of_trades)).order_by(orders.c.id)


def fills_of(of_trades: int) -> Select[Any]:
    return _FILLS.where(_is_among(orders.c.trade_id, of_trades))


def move_setup(from_statuses: int) -> Any:
    return _move(setups.c.id, from_statuses)


def move_trade(from_statuses: int) -> Any:
    return _move(trades.c.id, from_statuses)


def move_order(from_statuses: int) -> Any:
    return _move(orders.c.order_link_id, from_statuses)
