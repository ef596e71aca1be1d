"""Orders: what we decided to send, and what became of it."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from botbox_cli.domain.record import record


class Side(StrEnum):
    """Side of an order (a trade has a direction)."""

    BUY = "buy"
    SELL = "sell"


class Role(StrEnum):
    """What an order is for within its trade."""

    ENTRY = "entry"
    STOP = "stop"
    EXIT = "exit"


class OrderType(StrEnum):
    """The kinds botbox sends."""

    MARKET = "market"
    STOP_MARKET = "stop_market"
    """A stand-alone `tpslOrder` that becomes a market order when the last price reaches its trigger."""


class OrderStatus(StrEnum):
    """State of an order in the books. Exactly one of NOT_SENT, IN_DOUBT, ON_EXCHANGE, DONE holds each."""

    INTENDED = "INTENDED"
    """Saved, certainly not sent yet."""
    UNKNOWN = "UNKNOWN"
    """Sent or about to be sent; no trustworthy answer yet."""
    WORKING = "WORKING"
    """Accepted by the exchange, not known to be finished."""
    FILLED = "FILLED"
    PARTIAL_CANCELLED = "PARTIAL_CANCELLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    """Refused by the exchange, or proved never to have reached it."""


OPEN_STATUSES = (OrderStatus.INTENDED, OrderStatus.UNKNOWN, OrderStatus.WORKING)
DONE_STATUSES = (
    OrderStatus.FILLED,
    OrderStatus.PARTIAL_CANCELLED,
    OrderStatus.CANCELLED,
    OrderStatus.REJECTED,
)


@record
class Order:
    """One order of a trade. `qty` in base coin; `trigger_price` for stops only.

    `sent_at` is the timestamp pinned to the newest request: the exchange refuses that request when it arrives later
    than its receive window, which is what proves absence (see `services/settle`). `sends` counts requests.
    """

    trade_id: int
    role: Role
    attempt: int
    order_link_id: str
    symbol: str
    side: Side
    order_type: OrderType
    qty: Decimal
    status: OrderStatus
    created_at: datetime
    updated_at: datetime
    trigger_price: Decimal | None = None
    exchange_order_id: str | None = None
    sent_at: datetime | None = None
    sends: int = 0
    reason: str = ""
    id: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES


class ReportStatus(StrEnum):
    """What the exchange says of an order."""

    LIVE = "live"
    """On the book, waiting for its trigger, or in a state we do not know."""
    FILLED = "filled"
    PARTIAL_CANCELLED = "partial_cancelled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


@record
class OrderReport:
    """An order as the exchange shows it: ids, state, cumulated base quantity and quote value.

    `base_price` is the last price when the order was made: from it Bybit takes which way a trigger lies.
    """

    order_link_id: str
    exchange_order_id: str
    symbol: str
    side: Side
    status: ReportStatus
    qty: Decimal
    filled_qty: Decimal
    filled_value: Decimal
    trigger_price: Decimal | None
    is_stop: bool
    reason: str
    created_at: datetime
    updated_at: datetime | None = None
    fees: tuple[tuple[str, Decimal], ...] = ()
    base_price: Decimal | None = None


_LINK_ID = re.compile(r"bb-([a-z0-9]+)-(\d+)-(entry|stop|exit)(\d+)")


def order_link_id(installation: str, trade_id: int, role: Role, attempt: int) -> str:
    """Return the id under which the exchange will know this order, at most 36 of `A–Z a–z 0–9 - _`."""
    text = f"bb-{installation}-{trade_id}-{role}{attempt}"
    assert len(text) <= 36, text
    return text


PART = "/"
"""Between the exchange's id of an order or execution and the part of it that the books mean: see `services.outside`."""


def exchange_id(text: str) -> str:
    """Return the id by which the exchange knows an order or execution of the books."""
    return text.partition(PART)[0]


@lru_cache(1024)
def parse_order_link_id(text: str) -> tuple[str, int, Role, int] | None:
    """Return (installation, trade id, role, attempt) of an id that botbox made, or None."""
    match = _LINK_ID.fullmatch(text)
    if match is None:
        return None
    return match[1], int(match[2]), Role(match[3]), int(match[4])
