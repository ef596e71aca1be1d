"""Reading a WebSocket by the piece that has come, not by the field.

websocket-client asks the system for two bytes of a frame, then for its length, then for its text, and waits for the
socket before each frame: seven calls, most of which give the interpreter away. With thousands of frames a second that
costs more than all else. Here what has come is taken in one call, and frames are cut from memory.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import Any

PIECE = 1 << 16


class Inflow:
    """What has come through one socket and was not asked for yet; of the socket's own thread alone."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        """`receive` waits for bytes and returns at most so many; what it raises is passed on."""
        self._receive = receive
        self._piece = b""
        self._place = 0

    @property
    def is_empty(self) -> bool:
        return self._place >= len(self._piece)

    def read(self, size: int) -> bytes:
        """Return at least one byte and at most `size`."""
        if self.is_empty:
            self._piece, self._place = self._receive(PIECE), 0
        found = self._piece[self._place : self._place + size]
        self._place += len(found)
        return found


def pumped(app: Any, create: Callable[..., Any], wait_s: float, *rest: Any) -> Any:
    """Return the dispatcher that `create` (websocket-client's own) makes, with a `read` that goes by the piece."""
    dispatcher = create(wait_s, *rest)

    def pump(raw: socket.socket, read: Callable[[], bool], check: Callable[[], bool]) -> None:
        """Read frames of an open connection until it ends. `check` raises when a pong is overdue."""
        frames = app.sock.frame_buffer
        inflow = Inflow(frames.recv)
        frames.recv = inflow.read
        with selectors.DefaultSelector() as selector:
            selector.register(raw, selectors.EVENT_READ)
            while app.keep_running:
                if inflow.is_empty and not _has_decrypted(raw):
                    check()
                    if not selector.select(wait_s):
                        continue
                if not read():
                    break

    dispatcher.read = pump
    return dispatcher


def _has_decrypted(raw: socket.socket) -> bool:
    """Tell whether TLS holds bytes that no wait for the socket would show."""
    pending: Callable[[], int] | None = getattr(raw, "pending", None)
    return pending is not None and pending() > 0
