"""pybit's WebSocket as botbox uses it: one connection that hands on its texts, says when it ends, and can be torn down.

pybit is imported when the first socket is opened, not before.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from botbox_cli.exchange.inflow import pumped
from botbox_cli.exchange.session import is_loopback, silence

TEAR_PACE_S = 0.05
AUTH_EXPIRES_S = 10
"""When a signature expires, by this machine's clock, which may be behind by nearly so much."""


class Listener(Protocol):
    """Whom a socket tells, in its own thread; nothing that is told may raise."""

    def opening(self, wire: Wire) -> None:
        """The socket exists, and is about to connect."""
        ...

    def text(self, text: bytes) -> None: ...

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

    # What a connection may take to open.
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
                self._app: Any = None
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
                self._check_peer()

            def post(self, document: Mapping[str, Any]) -> None:
                self.ws.send(json.dumps(document))

            def tear(self, join_s: float) -> None:
                self._is_torn = True
                if self._app is None:
                    return
                self._app.keep_running = False
                self._hang_up()
                thread, deadline_s = getattr(self, "wst", None), time.monotonic() + join_s
                while thread is not None and thread.is_alive() and time.monotonic() < deadline_s:
                    thread.join(TEAR_PACE_S)
                    self._hang_up()  # It may have got a socket only now.

            def _hang_up(self) -> None:
                with suppress(OSError, AttributeError):  # It may be closed, or not connected yet.
                    self._app.sock.sock.shutdown(socket.SHUT_RDWR)

            def _check_peer(self) -> None:
                """Refuse a connection that a redirect led elsewhere: websocket-client follows where it is sent."""
                asked, raw = urlsplit(self._target.url), self._app.sock.sock
                if asked.scheme == "wss":
                    is_same = raw.server_hostname == asked.hostname
                else:
                    is_same = raw.getpeername()[1] == (asked.port or 80)
                if not is_same:
                    raise ConnectionAbortedError("it was redirected to another host")

            # pybit's own

            @property
            def ws(self) -> Any:
                return self._app

            @ws.setter
            def ws(self, app: Any) -> None:
                """Take what pybit makes to connect with, and run it as botbox wants it."""
                # Frames are decoded when they are parsed; websocket-client would look at each byte in Python before.
                options: dict[str, Any] = {"skip_utf8_validation": True}
                if is_loopback(self._target.url):
                    options["http_no_proxy"] = ["*"]  # No proxy of the environment stands between.
                app.run_forever = partial(app.run_forever, **options)
                app.create_dispatcher = partial(pumped, app, app.create_dispatcher)
                self._app = app

            def is_connected(self) -> bool:
                # pybit's waiting ends as soon as the socket is torn down.
                return self._is_torn or super().is_connected()

            def _connect(self, url: str) -> None:
                super()._connect(self._target.url or url)

            def _auth(self) -> None:
                self._check_peer()
                super()._auth()

            def _on_open(self) -> None:
                # TLS may wake the reader with what is no data: then it waits for the next pong, at the latest.
                self._app.sock.settimeout(2 * self.ping_interval)

            def _on_message(self, message: bytes) -> None:
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
