"""Both WebSockets of the paper exchange: `/v5/public/spot` and `/v5/private`, on the port of its REST host.

Each client's connection is read in the thread that accepted it. One more thread looks at the market and the account, at
a pace and at once when `poke` says that something happened, and pushes what has changed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from secrets import token_hex
from typing import Any

from botbox_cli.exchange.paper import auth
from botbox_cli.exchange.paper.connection import Connection, encoded
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.live import LiveMarket
from botbox_cli.exchange.paper.protocol import Refusal, Unavailable, to_ms
from botbox_cli.exchange.paper.pushes import Changes, Seen
from botbox_cli.exchange.paper.socket_faults import SocketFaults
from botbox_cli.exchange.paper.topics import RESEND_S, Frame, Look, Topic, topic_of

PATHS = {"/v5/public/spot": "public", "/v5/private": "private"}
PRIVATE_TOPICS = frozenset({"order", "execution", "wallet", "order.spot", "execution.spot"})
ARGS_MAX = 10

# How often the market is looked at: prices in memory may be looked at often, those of another host not.
PACE_S = 0.1
LIVE_PACE_S = 1.0
LIVE_CANDLE_PACE_S = 10.0
ACCOUNT_PACE_S = 0.25
# Clients such as pybit note what they subscribed to after they have sent it: data must not come before that.
SUBSCRIBED_PAUSE_S = 0.005


class Client:
    """One connection, and what it follows."""

    def __init__(self, channel: str, wire: Connection) -> None:
        self.channel = channel
        self.wire = wire
        self.conn_id = token_hex(10)
        self.topics: set[str] = set()
        self.fresh: set[str] = set()
        """Followed, but nothing was sent yet."""
        self.is_known = channel == "public"
        self.held: str | None = None
        """A frame that is kept back, to come after the next one (a fault)."""


class Sockets:
    """The sockets of one server. Thread-safe."""

    def __init__(
        self, exchange: PaperExchange, pace_s: float | None = None, resend_s: float = RESEND_S
    ) -> None:
        self.exchange = exchange
        self.faults = SocketFaults()
        self.resend_s = resend_s
        self._is_far = isinstance(exchange.market, LiveMarket)
        self._pace_s = pace_s or (LIVE_PACE_S if self._is_far else PACE_S)
        self._priced_s = 0.0
        self._clients: list[Client] = []
        self._topics: dict[str, Topic] = {}
        self._seen: Seen | None = None
        self._account_s = 0.0
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    # A client's thread

    def serve(self, handler: BaseHTTPRequestHandler, channel: str) -> None:
        """Speak with one client until it is gone."""
        handler.close_connection = True
        if self.faults.refuses_connections(time.monotonic()):
            return
        client = Client(channel, Connection(handler.connection, handler.rfile))
        with self._lock:  # Whoever has been let in is among the clients: a fault is for all of them.
            if self._closing or not client.wire.accept(handler.path, handler.headers.items()):
                return
            self._clients.append(client)
            self._start()
        try:
            for text in client.wire.receive():
                if not client.wire.is_deaf:
                    self._answer(client, text)
        finally:
            with self._lock:
                self._clients.remove(client)

    def _answer(self, client: Client, text: str) -> None:
        try:
            asked = json.loads(text)
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            client.wire.send(
                {"success": False, "ret_msg": "Params Error", "conn_id": client.conn_id, "op": ""}
            )
            return
        op = str(asked.get("op"))
        if op == "ping":
            client.wire.send(self._pong(client, asked))
            return
        answer = {"auth": self._auth, "subscribe": self._subscribe, "unsubscribe": self._unsubscribe}.get(op)
        try:
            refusal = answer(client, asked.get("args")) if answer else "Params Error"
        except Unavailable as error:
            refusal = str(error)
        client.wire.send(_told(client, op, refusal, asked.get("req_id")))
        if client.fresh:
            time.sleep(SUBSCRIBED_PAUSE_S)
            self.poke()

    def _pong(self, client: Client, asked: Mapping[str, Any]) -> Frame:
        named = {"req_id": asked["req_id"]} if asked.get("req_id") else {}
        if client.channel == "private":
            return {**named, "op": "pong", "args": [str(self._now_ms())], "conn_id": client.conn_id}
        return {"success": True, "ret_msg": "pong", "conn_id": client.conn_id, **named, "op": "ping"}

    def _auth(self, client: Client, args: object) -> str | None:
        if self.faults.refuse_auth:
            return "API key is invalid."
        refusal = auth.socket_refusal(args, self.exchange.identity, self._now_ms())
        client.is_known = refusal is None
        return refusal

    def _subscribe(self, client: Client, args: object) -> str | None:
        names = _names(args)
        if names is None:
            return "Params Error"
        if len(names) > ARGS_MAX:
            return f"args size >{ARGS_MAX}"
        if not client.is_known:
            return "Request not authorized"
        for name in names:
            if self.faults.refuses_topic(name) or not self._is_served(client.channel, name):
                return f"Invalid topic: {name}"
        with self._lock:
            if client.channel == "private" and not self._private():
                # From here on, not from when it is looked at next: an order may follow at once.
                self._seen = self.exchange.seen()
            client.fresh |= set(names) - client.topics
            client.topics |= set(names)
        return None

    def _unsubscribe(self, client: Client, args: object) -> str | None:
        names = _names(args)
        if names is None:
            return "Params Error"
        with self._lock:
            client.topics -= set(names)
            client.fresh -= set(names)
        return None

    def _is_served(self, channel: str, name: str) -> bool:
        if channel == "private":
            return name in PRIVATE_TOPICS
        with self._lock:
            topic = self._topics.get(name) or topic_of(name, self.exchange.instrument)
            if topic is not None:
                self._topics[name] = topic
        return topic is not None

    # Pushing

    def poke(self) -> None:
        """Let what has changed be pushed at once."""
        self._woken.set()

    def publish(self, frame: Frame) -> None:
        """Send a public frame as it is to whoever follows its topic."""
        text = encoded(frame)
        for client in self._following(frame["topic"]):
            self._push(client, text)

    def control(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Do or set what a fault control asks for, and tell what is connected.

        Raises:
            ValueError: When it asks for something unknown.
        """
        with self._lock:
            clients = list(self._clients)
        self.faults.set(asked, clients, time.monotonic())
        return {
            "clients": [{"channel": each.channel, "topics": sorted(each.topics)} for each in clients],
            "faults": self.faults.document(),
        }

    def close(self) -> None:
        """Drop every client and end the pushing."""
        with self._lock:
            self._closing = True
            clients, thread = list(self._clients), self._thread
        for client in clients:
            client.wire.drop()
        self._woken.set()
        if thread is not None:
            thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sandbox-sockets", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closing:
            is_poked = self._woken.wait(self._pace_s)
            self._woken.clear()
            # A source of prices that is silent is asked again; what has changed by then is pushed then.
            with suppress(Unavailable, Refusal):
                self._push_prices()
            with suppress(Unavailable, Refusal):
                self._push_account(is_poked)

    def _push_prices(self) -> None:
        with self._lock:
            followed = sorted(
                {name for each in self._clients if each.channel == "public" for name in each.topics}
            )
            topics = [self._topics[name] for name in followed]
            is_fresh = any(each.fresh for each in self._clients)
        now_s = time.monotonic()
        # Nothing that is done here moves the prices of another host: a poke is no reason to ask it again.
        if not topics or (self._is_far and not is_fresh and now_s - self._priced_s < self._pace_s):
            return
        self._priced_s = now_s
        symbols = {topic.symbol for topic in topics}
        only = next(iter(symbols)) if len(symbols) == 1 else None
        look = Look(
            self.exchange.market,
            self._now_ms(),
            now_s,
            resend_s=self.resend_s,
            candle_pace_s=LIVE_CANDLE_PACE_S if self._is_far else 0.0,
            of_one=only,
        )
        for name, topic in zip(followed, topics, strict=True):
            texts = [encoded(frame) for frame in topic.frames(look)]
            for client in self._following(name):
                is_new = name in client.fresh
                client.fresh.discard(name)
                latest = topic.latest
                for text in [encoded(latest)] if is_new and latest else texts:
                    self._push(client, text)

    def _push_account(self, is_poked: bool) -> None:
        with self._lock:
            clients, seen = self._private(), self._seen
            for client in clients:
                client.fresh.clear()
        now_s = time.monotonic()
        if not clients or seen is None or not (is_poked or now_s - self._account_s >= ACCOUNT_PACE_S):
            return
        self._account_s = now_s
        changes = self.exchange.changes(seen)
        for client in clients:
            for name in sorted(client.topics):
                rows = _rows(changes, name)
                if rows:
                    self._push(client, encoded(_envelope(name, rows, self._now_ms())))

    def _private(self) -> list[Client]:
        return [each for each in self._clients if each.channel == "private" and each.topics]

    def _push(self, client: Client, text: str) -> None:
        for each in self.faults.twisted(client, text):
            client.wire.send_text(each)

    def _following(self, name: str) -> Sequence[Client]:
        with self._lock:
            return [each for each in self._clients if name in each.topics]

    def _now_ms(self) -> int:
        return to_ms(self.exchange.clock.now())


def _told(client: Client, op: str, refusal: str | None, req_id: object) -> Frame:
    """Return the answer to a request; each socket has its own order of fields."""
    named = {"req_id": req_id} if req_id else {}
    if client.channel == "private":
        told = refusal or ""
        return {"success": not refusal, "ret_msg": told, "op": op, "conn_id": client.conn_id, **named}
    return {"success": not refusal, "ret_msg": refusal or op, "conn_id": client.conn_id, **named, "op": op}


def _names(args: object) -> list[str] | None:
    if not isinstance(args, list) or not args or not all(isinstance(name, str) for name in args):
        return None
    return args


def _rows(changes: Changes, topic: str) -> list[dict[str, Any]]:
    kind = topic.partition(".")[0]
    if kind == "wallet":
        return [changes.wallet] if changes.wallet else []
    return changes.orders if kind == "order" else changes.executions


def _envelope(topic: str, rows: list[dict[str, Any]], now_ms: int) -> Frame:
    push_id = token_hex(16)
    if "." in topic:
        return {"topic": topic, "id": push_id, "creationTime": now_ms, "data": rows}
    return {"id": push_id, "topic": topic, "creationTime": now_ms, "data": rows}
