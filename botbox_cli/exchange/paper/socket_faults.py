"""What can go wrong on a WebSocket, set by hand: POST /sandbox/sockets.

`{"drop": true}` tears down what is connected, `{"garbage": "text"}` sends it a frame that is no document,
`{"refuse_s": 2}` turns new connections away for so long, `{"silent": true}` keeps what is connected open and lets
nothing through any more, no pong either; with `channel`, they are about `public` or `private` alone. The others stay
until they are set anew: `duplicate`, `disorder` (each second frame before the first), `delay_s`, `refuse_topics` (a
list, `["*"]` for all), `refuse_auth`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botbox_cli.exchange.paper.sockets import Client

_NAMES = frozenset(
    {"channel", "drop", "garbage", "refuse_s", "silent"}
    | {"duplicate", "disorder", "delay_s", "refuse_topics", "refuse_auth"}
)


class SocketFaults:
    """The faults of one server's sockets."""

    def __init__(self) -> None:
        self.duplicate = False
        self.disorder = False
        self.delay_s = 0.0
        self.refuse_topics: Sequence[str] = ()
        self.refuse_auth = False
        self._refused_until_s = 0.0

    def set(self, asked: Mapping[str, Any], clients: Iterable[Client], now_s: float) -> None:
        """Take what a document asks for. Raises ValueError when it asks for something unknown."""
        if unknown := set(asked) - _NAMES:
            raise ValueError(f"no such socket fault: {', '.join(sorted(unknown))}")
        self.duplicate = bool(asked.get("duplicate", self.duplicate))
        self.disorder = bool(asked.get("disorder", self.disorder))
        self.delay_s = float(asked.get("delay_s", self.delay_s))
        topics = asked.get("refuse_topics", self.refuse_topics)
        if not isinstance(topics, list | tuple):
            raise ValueError("refuse_topics is a list")
        self.refuse_topics = tuple(topics)
        self.refuse_auth = bool(asked.get("refuse_auth", self.refuse_auth))
        if "refuse_s" in asked:
            self._refused_until_s = now_s + float(asked["refuse_s"])
        for client in clients:
            if asked.get("channel") in (None, client.channel):
                self._befall(client, asked)

    def document(self) -> dict[str, Any]:
        """Return what stays set."""
        return {
            "duplicate": self.duplicate,
            "disorder": self.disorder,
            "delay_s": self.delay_s,
            "refuse_topics": list(self.refuse_topics),
            "refuse_auth": self.refuse_auth,
        }

    def refuses_connections(self, now_s: float) -> bool:
        """Tell whether a new connection is turned away."""
        return now_s < self._refused_until_s

    def refuses_topic(self, name: str) -> bool:
        """Tell whether a subscription is refused."""
        return name in self.refuse_topics or "*" in self.refuse_topics

    def twisted(self, client: Client, text: str) -> list[str]:
        """Return the texts to send instead of this one, in their order; one may be kept back for the next time."""
        if self.delay_s:
            time.sleep(self.delay_s)
        if not self.disorder:
            return [text, text] if self.duplicate else [text]
        if client.held is None:
            client.held = text
            return []
        held, client.held = client.held, None
        return [text, held]

    def _befall(self, client: Client, asked: Mapping[str, Any]) -> None:
        if "silent" in asked:
            client.wire.is_deaf = bool(asked["silent"])
        if asked.get("garbage") is not None:
            client.wire.send_text(str(asked["garbage"]))
        if asked.get("drop"):
            client.wire.drop()
