"""One client's WebSocket, framed by wsproto over the connection that the HTTP server accepted."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

# A client that takes nothing for so long is dropped, so that it can't hold the others up.
SEND_TIMEOUT_S = 5


class Stream(Protocol):
    """What bytes are read from: http.server's buffered `rfile`, which may hold some that came with the request."""

    def read1(self, size: int, /) -> bytes: ...


class Connection:
    """A WebSocket that is open until `receive` ends. `send` may be called from any thread."""

    def __init__(self, raw: socket.socket, stream: Stream) -> None:
        self._raw = raw
        self._stream = stream
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._lock = threading.Lock()
        self.is_deaf = False
        """Whether it neither answers nor sends: the connection stays open, and nothing comes through it."""

    def accept(self, path: str, headers: Iterable[tuple[str, str]]) -> bool:
        """Answer the request for an upgrade; False if it is none that the protocol allows."""
        sent = [(name.encode(), value.encode()) for name, value in headers]
        try:
            self._protocol.initiate_upgrade_connection(sent, path)
        except RemoteProtocolError:
            return False
        with suppress(OSError):  # Where a timeout is written otherwise, there is none.
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))
        return self._send(AcceptConnection())

    def receive(self) -> Iterator[str]:
        """Yield the client's texts until it is gone; its pings are answered."""
        parts: list[str] = []
        while data := self._read():
            try:
                with self._lock:
                    self._protocol.receive_data(data)
                    events = list(self._protocol.events())
            except RemoteProtocolError:
                return
            for event in events:
                if isinstance(event, CloseConnection):
                    self._send(event.response())
                    return
                if isinstance(event, Ping) and not self.is_deaf:
                    self._send(event.response())
                if isinstance(event, BytesMessage):
                    return
                if isinstance(event, TextMessage):
                    parts.append(event.data)
                    if event.message_finished:
                        yield "".join(parts)
                        parts.clear()

    def send(self, document: Mapping[str, Any]) -> bool:
        """Send a document; False if the client is gone."""
        return self.send_text(encoded(document))

    def send_text(self, text: str) -> bool:
        """Send a text as it is; False if the client is gone."""
        return self.is_deaf or self._send(TextMessage(data=text))

    def drop(self) -> None:
        """Tear the connection down without a word."""
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def _read(self) -> bytes:
        try:
            return self._stream.read1(65_536)
        except (OSError, ValueError):  # It was dropped.
            return b""

    def _send(self, event: Event) -> bool:
        try:
            with self._lock:
                self._raw.sendall(self._protocol.send(event))
        except (OSError, LocalProtocolError):
            self.drop()
            return False
        return True


def encoded(document: Mapping[str, Any]) -> str:
    """Return a document as Bybit writes it: without blanks."""
    return json.dumps(document, separators=(",", ":"))
