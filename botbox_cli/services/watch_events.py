"""What a watch has to tell: one small value an event, in the order in which things happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from botbox_cli.domain.setup import Setup
from botbox_cli.domain.trade import Trade
from botbox_cli.errors import BotboxError
from botbox_cli.ports import Holder
from botbox_cli.services.monitor import TradeAction


@dataclass(frozen=True, slots=True)
class Leading:
    """This watch acts from now on; `after` is the holder before it, None at a first start."""

    after: Holder | None


@dataclass(frozen=True, slots=True)
class Standby:
    """Another watch acts; this one only looks, and takes over when that one is gone."""

    other: Holder


@dataclass(frozen=True, slots=True)
class Connection:
    """A socket came up or went down: `channel` is `public` or `private`."""

    channel: str
    is_up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Polling:
    """Prices are asked for every few seconds (`is_on`), or stream again."""

    is_on: bool
    why: str


@dataclass(frozen=True, slots=True)
class CandleStored:
    """A closed candle that streamed is stored, with its indicators."""

    symbol: str
    timeframe: str
    opened_at: datetime
    close: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """Candles were asked for over REST."""

    recorded: int
    repaired: int
    errors: tuple[BotboxError, ...]


@dataclass(frozen=True, slots=True)
class Scanned:
    """The newest candles of `scanned` symbols were looked at; `found` setups are told one by one."""

    timeframe: str
    scanned: int
    found: int


@dataclass(frozen=True, slots=True)
class SetupFound:
    """A new setup waits for a decision."""

    setup: Setup


@dataclass(frozen=True, slots=True)
class SetupClosed:
    """A setup has gone stale."""

    setup_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Crossed:
    """A price has reached a level of an open trade: `level_name` is `target` or `stop`."""

    trade_id: int
    symbol: str
    level_name: str
    level: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Acted:
    """What was done for a trade, in the words of `monitor`."""

    action: TradeAction


@dataclass(frozen=True, slots=True)
class TradeMoved:
    """Another command opened a trade, or ended one."""

    trade: Trade


@dataclass(frozen=True, slots=True)
class Passed:
    """All open trades were looked after; `errors` are what the pass met."""

    checked: int
    closed: int
    errors: tuple[BotboxError, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something fails, told once until it works again; `subject` is `exchange`, `database` or `trade N`."""

    subject: str
    error: BotboxError


@dataclass(frozen=True, slots=True)
class Recovered:
    """What failed works again."""

    subject: str


@dataclass(frozen=True, slots=True)
class BooksChanged:
    """Setups, trades or the log are not what they were: for a face that shows them."""


Event = (
    Leading
    | Standby
    | Connection
    | Polling
    | CandleStored
    | Recorded
    | Scanned
    | SetupFound
    | SetupClosed
    | Crossed
    | Acted
    | TradeMoved
    | Passed
    | Trouble
    | Recovered
    | BooksChanged
)
