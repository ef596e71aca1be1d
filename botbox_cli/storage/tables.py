"""The tables. Rows are read and written through `books`, `store` and `candles`, never as objects of these classes.

Everything that belongs to one account carries its id; candles and instruments belong to a venue.
"""

# Without `from __future__ import annotations`: pydantic takes twice as long to read the fields from text.

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Double,
    Index,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    insert,
    select,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement
from sqlmodel import Field, SQLModel

from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.order import OrderStatus, OrderType, Role, Side
from botbox_cli.domain.setup import Direction, SetupSource, SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.storage.types import Choice, ExactDecimal, Fees, UtcTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""Every constraint has a name that a later migration can address on both databases."""


class Base(SQLModel):
    """Common to all tables."""

    # No row is ever made of these classes: pydantic need not build what would validate it.
    model_config = {"defer_build": True}

    metadata = metadata


NOT_FAILED = text("status <> 'FAILED'")


def _key() -> Any:
    return Field(default=None, primary_key=True)


def _ref(target: str, **options: Any) -> Any:
    return Field(foreign_key=target, **options)


def _money() -> Any:
    return Field(sa_type=ExactDecimal)


def _time() -> Any:
    return Field(sa_type=UtcTime)


def _choice(enum: type[StrEnum]) -> Any:
    return Field(sa_column=Column(Choice(enum), nullable=False))


def _one_of(column: str, enum: type[StrEnum]) -> CheckConstraint:
    values = ", ".join(f"'{member.value}'" for member in enum)
    return CheckConstraint(f"{column} IN ({values})", name=column)


class Installation(Base, table=True):
    """One row: the random tag that is part of every order link id."""

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True)
    tag: str


class Accounts(Base, table=True):
    """Whose books: one row per mode and user of the exchange."""

    __table_args__ = (
        UniqueConstraint("mode", "user_id"),
        _one_of("mode", Mode),
        _one_of("venue", Venue),
    )

    mode: Mode = _choice(Mode)
    user_id: str
    key_hash: str
    venue: Venue = _choice(Venue)
    id: int | None = _key()


class Instruments(Base, table=True):
    """Pairs of a venue. The rules are NULL for a symbol that has candles only."""

    __table_args__ = (UniqueConstraint("venue", "symbol"), _one_of("venue", Venue))

    id: int | None = _key()
    venue: Venue = _choice(Venue)
    symbol: str
    base_coin: str | None
    quote_coin: str | None
    tick_size: Decimal | None = _money()
    lot_size: Decimal | None = _money()
    min_qty: Decimal | None = _money()
    min_value: Decimal | None = _money()
    max_market_qty: Decimal | None = _money()
    margin_trading: str | None
    updated_at: datetime | None = _time()


class Candles(Base, table=True):
    """Closed candles with their indicators (NULL while not defined), clustered by their key. Times in ms."""

    __table_args__ = ({"sqlite_with_rowid": False},)

    instrument_id: int = _ref("instruments.id", primary_key=True)
    timeframe: str = Field(primary_key=True)
    open_ms: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    open: float = Field(sa_type=Double)
    high: float = Field(sa_type=Double)
    low: float = Field(sa_type=Double)
    close: float = Field(sa_type=Double)
    volume: float = Field(sa_type=Double)
    turnover: float = Field(sa_type=Double)
    bb_upper: float | None = Field(sa_type=Double)
    bb_middle: float | None = Field(sa_type=Double)
    bb_lower: float | None = Field(sa_type=Double)
    rsi: float | None = Field(sa_type=Double)
    atr: float | None = Field(sa_type=Double)
    volume_ma: float | None = Field(sa_type=Double)


class Series(Base, table=True):
    """What `candles` holds of each series, kept by the transaction that changes it: counting them takes too long."""

    instrument_id: int = _ref("instruments.id", primary_key=True)
    timeframe: str = Field(primary_key=True)
    count: int
    first_ms: int = Field(sa_type=BigInteger)
    last_ms: int = Field(sa_type=BigInteger)


class Revisions(Base, table=True):
    """How often stored candles of a series were changed, or others put among or before them; no row: never."""

    instrument_id: int = _ref("instruments.id", primary_key=True)
    timeframe: str = Field(primary_key=True)
    revision: int


class Replays(Base, table=True):
    """What the replay of a rule over a series came to, as far as it is settled: `stamp` says what it was made from."""

    instrument_id: int = _ref("instruments.id", primary_key=True)
    timeframe: str = Field(primary_key=True)
    rule: str = Field(primary_key=True)
    stamp: str
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Setups(Base, table=True):
    """Proposals. One per symbol, timeframe, kind and candle; those made by hand have no candle and are not unique."""

    __table_args__ = (
        UniqueConstraint("account_id", "symbol", "timeframe", "kind", "candle_time"),
        Index(None, "account_id", "status"),
        _one_of("direction", Direction),
        _one_of("source", SetupSource),
        _one_of("status", SetupStatus),
    )

    id: int | None = _key()
    account_id: int = _ref("accounts.id")
    symbol: str
    timeframe: str
    kind: str
    direction: Direction = _choice(Direction)
    source: SetupSource = _choice(SetupSource)
    entry_price: Decimal = _money()
    stop_loss: Decimal = _money()
    take_profit_1: Decimal = _money()
    take_profit_2: Decimal | None = _money()
    detected_at: datetime = _time()
    expires_at: datetime = _time()
    status: SetupStatus = _choice(SetupStatus)
    rule: str
    candle_time: datetime | None = _time()
    atr: Decimal | None = _money()
    decided_at: datetime | None = _time()
    note: str
    reason: str


class Signals(Base, table=True):
    """The evidence of a setup, in its order."""

    setup_id: int = _ref("setups.id", primary_key=True)
    position: int = Field(primary_key=True)
    type: str
    value: float = Field(sa_type=Double)


class Trades(Base, table=True):
    """Round trips. A setup has at most one that is not FAILED."""

    __table_args__ = (
        Index(
            "uq_trades_setup_id_not_failed",
            "setup_id",
            unique=True,
            sqlite_where=NOT_FAILED,
        ),
        Index(None, "account_id", "status"),
        _one_of("direction", Direction),
        _one_of("mode", Mode),
        _one_of("status", TradeStatus),
    )

    id: int | None = _key()
    account_id: int = _ref("accounts.id")
    setup_id: int = _ref("setups.id")
    symbol: str
    base_coin: str
    quote_coin: str
    direction: Direction = _choice(Direction)
    mode: Mode = _choice(Mode)
    status: TradeStatus = _choice(TradeStatus)
    initial_stop: Decimal = _money()
    stop_loss: Decimal = _money()
    take_profit_1: Decimal = _money()
    take_profit_2: Decimal | None = _money()
    created_at: datetime = _time()
    entry_time: datetime | None = _time()
    exit_time: datetime | None = _time()
    close_reason: str
    tp1_done: bool
    interest: Decimal = _money()
    detail: str


class Orders(Base, table=True):
    """Orders of trades, from the intent on: the row is there before anything is sent."""

    __table_args__ = (
        UniqueConstraint("order_link_id"),
        UniqueConstraint("trade_id", "role", "attempt"),
        _one_of("role", Role),
        _one_of("side", Side),
        _one_of("order_type", OrderType),
        _one_of("status", OrderStatus),
    )

    id: int | None = _key()
    account_id: int = _ref("accounts.id")
    trade_id: int = _ref("trades.id")
    role: Role = _choice(Role)
    attempt: int
    order_link_id: str
    symbol: str
    side: Side = _choice(Side)
    order_type: OrderType = _choice(OrderType)
    qty: Decimal = _money()
    status: OrderStatus = _choice(OrderStatus)
    created_at: datetime = _time()
    updated_at: datetime = _time()
    trigger_price: Decimal | None = _money()
    exchange_order_id: str | None
    sent_at: datetime | None = _time()
    sends: int
    reason: str


class Fills(Base, table=True):
    """Executions on the exchange, each once per account."""

    __table_args__ = (UniqueConstraint("account_id", "execution_id"), _one_of("side", Side))

    id: int | None = _key()
    account_id: int = _ref("accounts.id")
    execution_id: str
    order_link_id: str = _ref("orders.order_link_id", index=True)
    exchange_order_id: str
    symbol: str
    side: Side = _choice(Side)
    price: Decimal = _money()
    qty: Decimal = _money()
    fees: Any = Field(sa_column=Column(Fees, nullable=False))
    executed_at: datetime = _time()
    is_maker: bool
    fees_quote: Decimal | None = _money()


class Log(Base, table=True):
    """What happened and why, appended only: `hash` chains each entry of an account to the one before (see `chain`)."""

    __table_args__ = (Index(None, "account_id", "id"),)

    id: int | None = _key()
    account_id: int = _ref("accounts.id")
    at: datetime = _time()
    event: str
    detail: str
    trade_id: int | None = _ref("trades.id", index=True)
    setup_id: int | None = _ref("setups.id", index=True)
    data: Any = Field(sa_column=Column(JSON(none_as_null=True)))
    hash: str


class Halts(Base, table=True):
    """The brake of an account, while it is on."""

    account_id: int = _ref("accounts.id", primary_key=True)
    since: datetime = _time()
    reason: str


class Markers(Base, table=True):
    """Small remembered values of an account."""

    account_id: int = _ref("accounts.id", primary_key=True)
    name: str = Field(primary_key=True)
    value: str


class Leases(Base, table=True):
    """Who works on what, until when unless renewed."""

    name: str = Field(primary_key=True)
    host: str
    pid: int
    started: str
    token: str
    expires_at: datetime = _time()


class Jobs(Base, table=True):
    """Passes of the scheduled jobs."""

    __table_args__ = (Index(None, "job", "id"),)

    id: int | None = _key()
    job: str
    started_at: datetime = _time()
    finished_at: datetime | None = _time()
    ok: bool
    detail: str


class WebToken(Base, table=True):
    """One row: the hash of the token that opens the web page."""

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True)
    digest: str
    made_at: datetime = _time()


class WebSessions(Base, table=True):
    """Browsers that have logged in, by the hash of their cookie."""

    digest: str = Field(primary_key=True)
    client: str
    created_at: datetime = _time()
    expires_at: datetime = _time()


class WebFailures(Base, table=True):
    """Wrong tokens by client, counted since a time."""

    client: str = Field(primary_key=True)
    count: int
    since: datetime = _time()


def table(model: type[Base]) -> Table:
    """Return the Core table of `model`, from which statements are built."""
    return metadata.tables[model.__name__.lower()]


def full_metadata() -> MetaData:
    """Return the metadata with its PostgreSQL options, for Alembic.

    Naming one of them makes SQLAlchemy load all its PostgreSQL drivers (40 ms), which nobody else should wait for.
    """
    for index in table(Trades).indexes:
        if index.name == "uq_trades_setup_id_not_failed":
            index.dialect_options["postgresql"]["where"] = NOT_FAILED
    return metadata


def create_all(connection: Connection) -> None:
    """Make all tables at once in an empty SQLite database, the same ones as the migrations make (a test compares)."""
    for statement in _sqlite_ddl():
        connection.exec_driver_sql(statement)


@cache
def _sqlite_ddl() -> tuple[str, ...]:
    """Return the statements: a simulation makes thousands of databases, and compiling them takes longest."""
    from sqlalchemy.dialects import sqlite

    made: list[DDLElement] = []
    for table in metadata.sorted_tables:
        made += [CreateTable(table), *(CreateIndex(index) for index in table.indexes)]
    return tuple(str(statement.compile(dialect=sqlite.dialect())) for statement in made)


def save_tag(connection: Connection, tag: str) -> None:
    """Give the database its installation tag if it has none."""
    installation = table(Installation)
    if connection.execute(select(installation.c.id)).first() is None:
        connection.execute(insert(installation), {"id": 1, "tag": tag})
