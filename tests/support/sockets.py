"""A sandbox with both sockets, a plain client that speaks to it, and a stream that is listened to."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import websocket

from botbox_cli.exchange.channel import Timing
from botbox_cli.exchange.inbox import Inbox
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.protocol import Clock, Request, to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.server import Sandbox
from botbox_cli.exchange.paper.store import Books, MemoryBooks
from botbox_cli.exchange.stream import SocketStream, private_channel, public_channel
from botbox_cli.ports import News, OrderNews, StreamState

# Longer than anything takes on a machine that is busy with other things; nothing waits for it to pass.
PATIENCE_S = 30.0
QUICK = Timing(retry_s=0.05, retry_s_max=0.2, refused_s=0.2)

T = TypeVar("T")


class SkewedClock(WallClock):
    """A clock that is so many seconds ahead of everybody else's."""

    def __init__(self, seconds: float) -> None:
        self._skew = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._skew


class SocketHost(Sandbox):
    """A sandbox with scripted prices."""

    def __init__(self, clock: Clock | None = None, books: Books | None = None, port: int = 0) -> None:
        self.script = ScriptedMarket({"BTCUSDT": "100000", "ETHUSDT": "2500"})
        exchange = PaperExchange(
            books or MemoryBooks(),
            self.script,
            clock or WallClock(),
            limits=LimitRules(is_on=False),
            checks_signature=False,
        )
        super().__init__(exchange, port=port)

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    def move(self, price: str, symbol: str = "BTCUSDT") -> None:
        """Let the price jump."""
        self.script.set_price(symbol, price, to_ms(self.exchange.clock.now()))
        self.sockets.poke()

    def post(self, path: str, **params: Any) -> None:
        """Let somebody ask the exchange for something, beside the sockets."""
        asked = {"category": "spot", "symbol": "BTCUSDT", **params}
        reply = self.exchange.handle(Request("POST", f"/v5/{path}", asked))
        assert isinstance(reply.body, dict)
        assert reply.body["retCode"] == 0, reply.body
        self.sockets.poke()

    def buy(self, link: str) -> None:
        """Buy 0.01 BTC at market."""
        params = {"side": "Buy", "orderType": "Market", "qty": "0.01", "marketUnit": "baseCoin"}
        self.post("order/create", orderLinkId=link, **params)

    def stop(self, link: str, trigger: str) -> None:
        """Place a stop-market sell of 0.004 BTC."""
        params = {"side": "Sell", "orderType": "Market", "qty": "0.004", "orderFilter": "tpslOrder"}
        self.post("order/create", orderLinkId=link, triggerPrice=trigger, **params)

    def followed(self, channel: str) -> list[str]:
        """Return the topics of the first connection of a channel; none while there is no connection."""
        clients = self.sockets.control({})["clients"]
        return next((each["topics"] for each in clients if each["channel"] == channel), [])


class Client:
    """A WebSocket client without any cleverness."""

    def __init__(self, url: str) -> None:
        self._socket = websocket.create_connection(url, timeout=PATIENCE_S)

    def ask(self, document: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its answer, the first frame without a topic."""
        self._socket.send(json.dumps(document))
        return self._next(lambda frame: "topic" not in frame)

    def subscribe(self, *topics: str) -> dict[str, Any]:
        return self.ask({"op": "subscribe", "req_id": "7", "args": list(topics)})

    def auth(self, host: Sandbox, expires_in_s: float = PATIENCE_S, secret: str = "") -> dict[str, Any]:
        who = host.exchange.identity
        expires = int((time.time() + expires_in_s) * 1000)
        signed = hmac.new(
            (secret or who.api_secret).encode(), f"GET/realtime{expires}".encode(), hashlib.sha256
        )
        return self.ask({"op": "auth", "args": [who.api_key, expires, signed.hexdigest()]})

    def frame(self, topic: str) -> dict[str, Any]:
        """Return the next frame of a topic."""
        return self._next(lambda frame: frame.get("topic") == topic)

    def ping(self) -> bytes:
        """Send a ping frame and return what the pong frame carries."""
        self._socket.ping("are you there")
        while True:
            opcode, data = self._socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_PONG:
                assert isinstance(data, bytes)
                return data

    def text(self) -> str:
        """Return the next frame's text."""
        text = self._socket.recv()
        assert isinstance(text, str)
        return text

    def close(self) -> None:
        self._socket.close()

    def _next(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = json.loads(self.text())
            if is_it(frame):
                return frame


class Heard:
    """A stream, and what it has told so far."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
        self.news: list[News] = []

    def until(self, is_it: Callable[[News], bool]) -> News:
        """Return the first news of that kind among those that were not looked at yet.

        What came before it counts as looked at. Each socket keeps its own order, so wait for what one of them tells
        before setting off what the other one will.
        """
        return self.told_until(is_it)[-1]

    def told_until(self, is_it: Callable[[News], bool]) -> list[News]:
        """Return all that was not looked at yet, up to the first news of that kind."""
        deadline = time.monotonic() + PATIENCE_S
        seen = 0
        while time.monotonic() < deadline:
            self.news += self.stream.news(0.5)
            for count, each in enumerate(self.news[seen:], seen + 1):
                if is_it(each):
                    told, self.news = self.news[:count], self.news[count:]
                    return told
            seen = len(self.news)
        raise AssertionError("the stream did not tell it")

    def state(self, channel: str, *, is_up: bool) -> StreamState:
        """Return the next state of a channel that is this one."""
        found = self.until(
            lambda each: isinstance(each, StreamState) and each.channel == channel and each.is_up == is_up
        )
        assert isinstance(found, StreamState)
        return found

    def bid(self, wanted: str, symbol: str = "BTCUSDT") -> list[News]:
        """Wait until a symbol's bid is this one; return what was told till then."""
        return self.told_until(
            lambda each: getattr(each, "symbol", "") == symbol and str(getattr(each, "bid", "")) == wanted
        )

    def order(self, link: str) -> list[News]:
        """Wait for news of an order; return what was told till then."""
        return self.told_until(lambda each: isinstance(each, OrderNews) and each.order_link_id == link)


@contextmanager
def listening(
    host: SocketHost, timing: Timing = QUICK, *, key: str = "", secret: str = ""
) -> Iterator[Heard]:
    """Run a stream of both sockets of a host, with the host's own key unless another one is given."""
    who = host.exchange.identity
    inbox, clock = Inbox(), WallClock()
    public = public_channel(host.ws_url, inbox, clock, timing)
    private = private_channel(host.ws_url, key or who.api_key, secret or who.api_secret, inbox, clock, timing)
    stream = SocketStream(public, private, inbox)
    try:
        yield Heard(stream)
    finally:
        stream.close()
