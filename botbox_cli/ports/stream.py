"""What the exchange's sockets tell. They never raise."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from botbox_cli.domain.candle import Interval
from botbox_cli.domain.record import record
from botbox_cli.ports.candles import CandleBatch


@record
class Price:
    """Best prices of one symbol as they streamed; `at` is the exchange's time of that frame."""

    symbol: str
    bid: Decimal
    ask: Decimal
    at: datetime


@record
class CandleClosed:
    """A candle that has closed, as a batch of one."""

    symbol: str
    interval: Interval
    candle: CandleBatch


@record
class OrderNews:
    """Something happened to an order of this account. What, is to be asked for: a frame is a hint, never a fact."""

    symbol: str
    order_link_id: str


@record
class StreamState:
    """A socket came up or went down; nothing is replayed, so whoever hears `is_up` asks for what was missed."""

    channel: str
    """`public` or `private`."""
    is_up: bool
    detail: str
    at: datetime
    missing: tuple[str, ...] = ()
    """Symbols of which the exchange refuses to tell prices or candles, though the socket is up."""


News = Price | CandleClosed | OrderNews | StreamState


class Stream(Protocol):
    """What the exchange's sockets tell, kept alive by itself: it never raises for a dead, silent or refused socket."""

    def follow(self, symbols: Sequence[str], intervals: Sequence[Interval]) -> None:
        """Subscribe to prices of these symbols and candles of these series, beside what is followed already."""
        ...

    def put_first(self, symbols: AbstractSet[str]) -> None:
        """Tell prices of these symbols at once; those of others may wait for a moment. At first all are of these."""
        ...

    def news(self, timeout_s: float) -> list[News]:
        """Wait up to `timeout_s` for news and return all there is, oldest first; empty when there was none."""
        ...

    def wake(self) -> None:
        """Let a waiting `news` return at once."""
        ...

    def close(self) -> None: ...
