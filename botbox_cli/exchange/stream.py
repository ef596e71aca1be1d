"""What Bybit's sockets tell, as one stream: prices and closed candles by the public one, orders by the private one."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Protocol

from botbox_cli.exchange.channel import Channel, Timing
from botbox_cli.exchange.inbox import Inbox
from botbox_cli.exchange.websocket import Target

if TYPE_CHECKING:
    from botbox_cli.domain.candle import Interval
    from botbox_cli.ports import Clock, News

PUBLIC_PATH, PRIVATE_PATH = "/v5/public/spot", "/v5/private"
PRIVATE_TOPICS = ("order", "execution")


class Source(Protocol):
    """What tells of orders: the private socket, or the paper account's file."""

    def start(self) -> None: ...

    def close(self) -> None: ...


class SocketStream:
    """Implements `ports.Stream` over a public socket, connected on the first `follow`, and a source of order news."""

    def __init__(self, public: Channel, orders: Source, inbox: Inbox) -> None:
        self._public = public
        self._orders = orders
        self._inbox = inbox
        orders.start()

    def follow(self, symbols: Sequence[str], intervals: Sequence[Interval]) -> None:
        prices = [f"orderbook.1.{symbol}" for symbol in symbols]
        candles = [f"kline.{interval.code}.{symbol}" for symbol in symbols for interval in intervals]
        if symbols:
            self._public.follow(prices + candles)

    def put_first(self, symbols: AbstractSet[str]) -> None:
        self._inbox.put_first(symbols)

    def news(self, timeout_s: float) -> list[News]:
        return self._inbox.take(timeout_s)

    def wake(self) -> None:
        self._inbox.wake()

    def close(self) -> None:
        self._public.close()
        self._orders.close()


def public_channel(base: str, inbox: Inbox, clock: Clock, timing: Timing | None = None) -> Channel:
    """Return the public socket below a base such as `wss://stream.bybit.com`, following nothing yet."""
    return Channel(Target(base + PUBLIC_PATH), (), inbox, clock, timing)


def private_channel(
    base: str, key: str, secret: str, inbox: Inbox, clock: Clock, timing: Timing | None = None
) -> Channel:
    """Return the private socket of a key."""
    return Channel(Target(base + PRIVATE_PATH, key, secret), PRIVATE_TOPICS, inbox, clock, timing)
