"""pybit's WebSocket as botbox uses it: one connection that hands on its texts, says when it ends, and can be torn down.

pybit is imported when the first socket is opened, not before.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from botbox_cli.exchange.session import silence

AUTH_EXPIRES_S = 10
"""When a signature expires, by this machine's clock, which may be behind by nearly so much."""


class Listener(Protocol):
    """Whom a socket tells, in its own thread; nothing that is told may raise."""

    def opening(self, wire: Wire) -> None:
        """The socket exists, and is about to connect."""
        ...

    def text(self, text: str) -> None: ...

    def alive(self) -> None:
        """The other side has answered a ping."""
        ...

    def closed(self, reason: str) -> None: ...


class Wire(Protocol):
    """One connection."""

    def post(self, document: Mapping[str, Any]) -> None:
        """Send a document. Raises OSError or websocket's exceptions if the connection is gone."""
        ...

    def tear(self, join_s: float) -> None:
        """End the connection and its threads, also in the midst of connecting."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, and for whom: `wss://stream.bybit.com/v5/private`; the public socket needs no key."""

    url: str
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    @property
    def is_private(self) -> bool:
        return self.url.endswith("/private")


def connect(target: Target, listener: Listener, *, ping_s: float, pong_s: float, timeout_s: float) -> Wire:
    """Return an open connection; a private one has sent its `auth`, and nobody has read the answer yet.

    Raises:
        OSError, websocket.WebSocketException: When the host can't be reached or does not take the connection.
    """
    import websocket

    # What a connection may take to open; afterwards, how long half a frame may.
    websocket.setdefaulttimeout(timeout_s)
    wire: Wire = _wire_class()(target, listener, ping_s, pong_s)
    return wire


def _wire_class() -> Any:
    """Return pybit's WebSocket without what it does by itself: reconnecting, merging frames, raising in its thread."""
    global _wire  # noqa: PLW0603  # Made once, when pybit is first needed.
    if _wire is None:
        from pybit.unified_trading import WebSocket

        class PybitWire(WebSocket):  # type: ignore[misc]  # pybit has no types.
            """Written against pybit 5.17's `_WebSocketManager`."""

            def __init__(self, target: Target, listener: Listener, ping_s: float, pong_s: float) -> None:
                self._target, self._listener = target, listener
                self._reason = ""
                self._is_torn = False
                listener.opening(self)
                super().__init__(
                    "private" if target.is_private else "spot",
                    testnet=False,
                    api_key=target.key or None,
                    api_secret=target.secret or None,
                    ping_interval=ping_s,
                    ping_timeout=pong_s,
                    retries=2,  # With 1, pybit takes a connection that it has for a failure.
                    restart_on_error=False,
                    private_auth_expire=AUTH_EXPIRES_S,
                )
                if self._is_torn:
                    raise ConnectionAbortedError("torn down while it connected")

            def post(self, document: Mapping[str, Any]) -> None:
                self.ws.send(json.dumps(document))

            def tear(self, join_s: float) -> None:
                self._is_torn = True
                app = getattr(self, "ws", None)
                if app is None:
                    return
                app.keep_running = False
                with suppress(OSError, AttributeError):  # It may be closed, or not connected yet.
                    app.sock.sock.shutdown(socket.SHUT_RDWR)
                thread = getattr(self, "wst", None)
                if thread is not None and thread.is_alive():
                    thread.join(join_s)

            # pybit's own

            def is_connected(self) -> bool:
                # pybit's waiting ends as soon as the socket is torn down.
                return self._is_torn or super().is_connected()

            def _connect(self, url: str) -> None:
                super()._connect(self._target.url or url)

            def _on_message(self, message: str) -> None:
                self._listener.text(message)

            def _on_pong(self) -> None:
                self._listener.alive()
                super()._on_pong()

            def _on_error(self, error: Exception) -> None:
                self._reason = str(error) or type(error).__name__

            def _on_close(self) -> None:
                self._listener.closed(self._reason or "closed")

            def _send_initial_ping(self) -> None:
                """Start no timer: the text ping follows the first pong, a ping's time after the connection opened."""

            def __repr__(self) -> str:
                return f"{type(self).__name__}({self._target.url})"

        silence()
        _wire = PybitWire
    return _wire


_wire: Any = None
