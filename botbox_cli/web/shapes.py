"""The shapes of requests and answers, for OpenAPI. Requests are checked against them, answers only by the tests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GREATEST_ID = 2**63 - 1
TEXT_MAX = 500

Money = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", examples=["1761.96"])]
Time = Annotated[str, Field(examples=["2025-04-28T16:00:00Z"])]


_PRINTED = r"[^\x00-\x08\x0b-\x1f\x7f]*"
Text = Annotated[str, Field(max_length=TEXT_MAX, pattern=f"^{_PRINTED}$")]
Reason = Annotated[str, Field(max_length=TEXT_MAX, pattern=rf"^{_PRINTED}\S{_PRINTED}$")]
Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.~-]{0,500}$")]
Id = Annotated[int, Path(ge=1, le=GREATEST_ID)]
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]


class Shape(BaseModel):
    """Fields are camelCase outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)


class Asked(Shape):
    """A request's body; a field that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Login(Asked):
    token: Annotated[str, Field(max_length=200)]


class Approval(Asked):
    note: Text = ""
    accept_price: bool = False
    confirm: Text | None = None


class Rejection(Asked):
    reason: Reason = "rejected over HTTP"


class Closing(Asked):
    reason: Text = ""
    confirm: Text | None = None


class Halting(Asked):
    reason: Text = ""


class Document(Shape):
    """Every answer."""

    schema_: Literal[1] = Field(alias="schema")


class Error(Shape):
    code: str
    message: str
    hint: str
    retryable: bool


class Problem(Document):
    error: Error


class Signal(Shape):
    type: str
    value: float


class Setup(Shape):
    id: int
    symbol: str
    timeframe: str
    kind: str
    direction: Literal["long", "short"]
    source: Literal["scan", "manual"]
    status: Literal["ACTIVE", "APPROVED", "TRIGGERED", "REJECTED", "INVALIDATED"]
    entry_price: Money
    stop_loss: Money
    take_profit_1: Money
    take_profit_2: Money | None
    detected_at: Time
    expires_at: Time
    decided_at: Time | None
    note: str
    reason: str
    signals: list[Signal]


class Setups(Document):
    setups: list[Setup]


class Card(Document):
    setup: Setup
    quote: dict[str, Money] | None
    drift_r: Money | None
    sizing: dict[str, str] | None
    statistics: dict[str, Any] | None
    changes: dict[str, Any] | None
    against: list[Error]


class Order(Shape):
    order_link_id: str
    exchange_order_id: str | None
    role: Literal["entry", "stop", "exit"]
    side: Literal["buy", "sell"]
    order_type: str
    qty: Money
    filled_qty: Money
    avg_price: Money | None
    fees: dict[str, Money]
    status: Literal["INTENDED", "UNKNOWN", "WORKING", "FILLED", "PARTIAL_CANCELLED", "CANCELLED", "REJECTED"]


class Trade(Shape):
    id: int
    setup_id: int
    symbol: str
    direction: Literal["long", "short"]
    mode: str
    status: Literal["OPENING", "OPEN", "CLOSING", "CLOSED", "FAILED"]
    quantity: Money
    held: Money
    entry_price: Money | None
    exit_price: Money | None
    stop_loss: Money
    take_profit_1: Money
    take_profit_2: Money | None
    entry_time: Time | None
    exit_time: Time | None
    close_reason: str | None
    gross_pnl: Money | None
    fees: Money
    pnl: Money | None
    pnl_percent: Money | None
    r_multiple: Money | None
    dust: Money | None
    orders: list[Order]


class Trades(Document):
    trades: list[Trade]
    next_offset: int | None


class LogLine(Shape):
    at: Time
    event: str
    detail: str
    data: dict[str, Any]


class TradeStory(Document):
    trade: Trade
    log: list[LogLine]


class Approved(Document):
    success: bool
    setup_id: int
    trade_id: int | None
    order_ids: list[str]
    error: Error | None


class Rejected(Document):
    success: bool
    setup_id: int


class Closed(Document):
    success: bool
    trade_id: int
    error: Error | None


class Candle(Shape):
    time: int
    open: Money
    high: Money
    low: Money
    close: Money
    volume: Money
    bb_upper: float | None
    bb_middle: float | None
    bb_lower: float | None
    rsi: float | None
    atr: float | None


class Check(Shape):
    ok: bool
    age_seconds: float | None


class Health(Document):
    ok: bool
    database: Check
    exchange: Check
    record: Check
    scan: Check
    monitor: Check


class Standing(Shape):
    """An open trade at its price: what is realised and what is still held, net of the fees so far."""

    price: Money
    pnl: Money
    r_multiple: Money | None


class Prices(Document):
    prices: dict[str, dict[str, Money]]
    trades: dict[str, Standing]


class Halted(Document):
    halted: Literal[True]
    since: Time
    reason: str


class Resumed(Document):
    halted: Literal[False]
    was_halted: bool


class Brake(Shape):
    since: Time
    reason: str


class Pass(Shape):
    started_at: Time
    finished_at: Time | None
    ok: bool
    detail: str


class Status(Document):
    version: str
    mode: Literal["paper", "demo", "testnet", "live"]
    market: str
    account: str
    armed: bool
    database: str
    now: Time
    halt: Brake | None
    health: dict[str, Any]
    exchange_error: str | None
    jobs: dict[str, Pass | None]
    symbols: list[str]
    timeframes: list[str]


class Point(Shape):
    time: int
    pnl: Money


class Stats(Document):
    mode: str
    trades: int
    wins: int
    losses: int
    win_rate: Money | None
    expectancy_r: Money | None
    profit_factor: Money | None
    max_drawdown: Money
    pnl: Money
    fees: Money
    curve: list[Point]


class Confirmation(Asked):
    confirm: Text | None = None


class Offer(Document):
    action: Literal["approve", "reject"]
    setup: Setup
    sizing: dict[str, str] | None
    against: list[str]
    mode: str


class Done(Document):
    action: Literal["approve", "reject"]
    setup_id: int
    trade_id: int | None
