"""Whose books these are: a mode, the exchange's user id, and the venue whose candles it trades on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from botbox_cli.domain.number import ZERO
from botbox_cli.domain.record import record


class Mode(StrEnum):
    """Which world the orders go to."""

    PAPER = "paper"
    DEMO = "demo"
    TESTNET = "testnet"
    LIVE = "live"


class Venue(StrEnum):
    """Where candles and instruments come from; accounts of one venue share them."""

    MAINNET = "mainnet"
    TESTNET = "testnet"
    REPLAY = "replay"


@record
class Account:
    """One account in the books. `user_id` is the exchange's; `key_hash` recognises its key without asking."""

    mode: Mode
    user_id: str
    key_hash: str
    venue: Venue
    id: int = 0


@record
class Halt:
    """The brake on new entries: since when and why."""

    since: datetime
    reason: str


@record
class Balance:
    """Holdings of one coin: `total` includes what open orders lock; `debt` was borrowed, `interest` is owed on it."""

    coin: str
    total: Decimal
    locked: Decimal = ZERO
    debt: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def owed(self) -> Decimal:
        return self.debt + self.interest

    @property
    def free(self) -> Decimal:
        return max(ZERO, self.total - self.locked)


@record
class KeyInfo:
    """What the exchange says of an API key."""

    user_id: str
    read_only: bool
    may_trade_spot: bool
    may_withdraw: bool
    ip_bound: bool
    expires_at: datetime | None
