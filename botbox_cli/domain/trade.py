"""A trade: the round trip from an approved setup to flat, its numbers derived from fills."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.order import Order, Role, Side
from botbox_cli.domain.record import record
from botbox_cli.domain.setup import Direction


class TradeStatus(StrEnum):
    """Where a trade stands; CLOSED and FAILED are final."""

    OPENING = "OPENING"
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"
    FAILED = "FAILED"


LIVING_TRADES = (TradeStatus.OPENING, TradeStatus.OPEN, TradeStatus.CLOSING)
ENDED_TRADES = (TradeStatus.CLOSED, TradeStatus.FAILED)

STOP_LOSS_HIT = "Stop loss hit"
TAKE_PROFIT_HIT = "Take profit hit"
CLOSED_BY_HAND = "Closed by hand"
SOLD_OUTSIDE = "Sold outside botbox"
STOP_FAILED = "Stop could not be placed"
TOO_SMALL = "Position below the exchange's minimum"


@record
class Trade:
    """One trade. `stop_loss` is the level now, `initial_stop` the one R is measured by.

    `tp1_done` is set once the TP1 share has been sold. `close_reason` is set when the exit is decided.
    `detail` is the newest thing worth telling the person (a failure, a missing stop). `interest` is what a short owed
    in base coin beyond what it had borrowed, when it was paid back.
    """

    setup_id: int
    symbol: str
    base_coin: str
    quote_coin: str
    direction: Direction
    mode: str
    status: TradeStatus
    initial_stop: Decimal
    stop_loss: Decimal
    take_profit_1: Decimal
    take_profit_2: Decimal | None
    created_at: datetime
    entry_time: datetime | None = None
    exit_time: datetime | None = None
    close_reason: str = ""
    tp1_done: bool = False
    detail: str = ""
    interest: Decimal = ZERO
    id: int = 0

    @property
    def entry_side(self) -> Side:
        return Side.BUY if self.direction is Direction.LONG else Side.SELL

    @property
    def exit_side(self) -> Side:
        return Side.SELL if self.direction is Direction.LONG else Side.BUY


@record
class Position:
    """Base coin that a trade holds, from its fills: a long's coins, or a short's debt (as a positive number).

    `entered` is what the entry filled, `entry_fee` and `exit_fee` the fees taken in base coin, `exited` what the exits
    filled.
    """

    entered: Decimal
    entry_value: Decimal
    entry_fee: Decimal
    exited: Decimal
    exit_value: Decimal
    exit_fee: Decimal
    direction: Direction

    @property
    def held(self) -> Decimal:
        """Base coin still to be exited: a long sells what it has left, a short buys back what it owes."""
        if self.direction is Direction.LONG:
            return self.entered - self.entry_fee - self.exited - self.exit_fee
        return self.entered + self.entry_fee - (self.exited - self.exit_fee)

    @property
    def entry_price(self) -> Decimal | None:
        return self.entry_value / self.entered if self.entered else None

    @property
    def exit_price(self) -> Decimal | None:
        return self.exit_value / self.exited if self.exited else None


def position_of(trade: Trade, orders: Iterable[Order], fills: Iterable[Fill]) -> Position:
    """Return what `fills` of `orders` add up to. The order of the fills does not matter."""
    entries = {o.order_link_id for o in orders if o.role is Role.ENTRY}
    entered = entry_value = entry_fee = exited = exit_value = exit_fee = ZERO
    base_coin = trade.base_coin
    for fill in fills:
        if fill.order_link_id in entries:
            entered += fill.qty
            entry_value += fill.value
            entry_fee += fill.fee_in(base_coin)
        else:
            exited += fill.qty
            exit_value += fill.value
            exit_fee += fill.fee_in(base_coin)
    return Position(entered, entry_value, entry_fee, exited, exit_value, exit_fee, trade.direction)
