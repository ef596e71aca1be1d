"""A connection, one of so many: silent ones give their places to others, and who has vanished is noticed."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from botbox_cli.web.answer import Refused, refusal
from botbox_cli.web.place import client_name

HEAD_WAIT_S = 10.0
CONNECTIONS_MAX = 512
"""More than may stream (`routes/events.py`), and fewer than the files that a process may have open."""
VANISHED_S = 60
"""A client whose system takes nothing that is sent, or answers nothing at all, for so long is gone."""


class Connection(H11Protocol):
    """uvicorn's, with patience for a head that ends, however it is dripped. Bodies are the guard's (`BODY_WAIT_S`)."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience: asyncio.TimerHandle | None = None
        self._made_at = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _look_after(transport)
        self._wait_for_head()
        if len(self.connections) > CONNECTIONS_MAX:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # What follows an answer is the beginning of a request, or a body that nobody reads any more.
        if not self._is_idle:
            self._stop_waiting()
        elif self._patience is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def peer(self) -> str:
        """Whose it is, as far as the network tells: behind a proxy they are all the proxy's."""
        return client_name(self.client[0]) if self.client else "unknown"

    @property
    def _is_idle(self) -> bool:
        """Whether no request is under way: none has begun, its head has not ended, or the last one is answered."""
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    @property
    def waits_for_client(self) -> bool:
        """Whether it is the other side's turn: to send a request to its end, or to take its answer."""
        cycle: Any = self.cycle
        return cycle is None or cycle.more_body or cycle.response_started

    def _make_room(self) -> None:
        """End the oldest of the others that are idle, of the client that has the most; without one, refuse this one."""
        everybody: list[Connection] = [c for c in self.connections if isinstance(c, Connection)]
        held = Counter(c.peer for c in everybody)
        idle = [c for c in everybody if c is not self and c._is_idle and not c.transport.is_closing()]
        if idle:
            max(idle, key=lambda c: (held[c.peer], -c._made_at)).transport.abort()
        else:
            full = refusal(Refused(503, "too many connections are open", "try again soon", code="too_many"))
            full.headers["Connection"] = "close"
            self.app = full

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_WAIT_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _look_after(transport: asyncio.Transport) -> None:
    """Let the system find out when the other side is gone without a word, or takes nothing any more."""
    plug: socket.socket | None = transport.get_extra_info("socket")
    if plug is None:
        return
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {
        "TCP_KEEPIDLE": max(1, VANISHED_S // 2),
        "TCP_KEEPINTVL": 10,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": VANISHED_S * 1000,
    }
    for name, value in options.items():
        with suppress(AttributeError, OSError):  # not every system has all of them
            plug.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
