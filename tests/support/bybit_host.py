"""A host on loopback that answers as it is told to, also in ways no HTTP library offers: cut off, reset, silent."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Return the query's values as they were sent, percent signs included."""
        pairs = (pair.partition("=") for pair in urlsplit(self.target).query.split("&") if pair)
        return {name: value for name, _, value in pairs}

    @property
    def params(self) -> dict[str, Any]:
        """Return what was asked: the JSON of a POST, or the query decoded."""
        if self.body:
            asked: dict[str, Any] = json.loads(self.body)
            return asked
        return dict(parse_qsl(urlsplit(self.target).query))


Act = Callable[[Seen, socket.socket], None]


def answer(body: Any, status: int = 200, **headers: str) -> Act:
    """Answer with JSON, or with text as it is; `_` in header names stands for `-`."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(text)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + text)


def refuse(code: Any, message: str = "no", **headers: str) -> Act:
    """Answer with one of Bybit's codes."""
    return answer(
        {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": 1}, 200, **headers
    )


def raw(data: bytes) -> Act:
    """Send these bytes and close."""
    return lambda _, peer: peer.sendall(data)


def hang_up(_: Seen, __: socket.socket) -> None:
    """Close without a word."""


def reset(_: Seen, peer: socket.socket) -> None:
    """Tear the connection down."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silence(_: Seen, peer: socket.socket) -> None:
    """Say nothing until the caller gives up."""
    with suppress(OSError):
        peer.recv(1)


@dataclass
class Host:
    """Answers the next request with the next act of the script; `otherwise` when the script is over."""

    port: int
    script: list[Act] = field(default_factory=list)
    otherwise: Act = hang_up
    seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Seen:
        return self.seen[-1]


@contextmanager
def running_host(*script: Act) -> Iterator[Host]:
    """Run a host; it is gone when the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = Host(listener.getsockname()[1], list(script))
        server = threading.Thread(target=_serve, args=(listener, host))
        server.start()
        try:
            yield host
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.join()


def _serve(listener: socket.socket, host: Host) -> None:
    """Serve one connection after the other, one request on each."""
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:  # The test is over.
            return
        with peer, suppress(ConnectionError):
            if request := _read(peer):
                host.seen.append(request)
                act = host.script.pop(0) if host.script else host.otherwise
                act(request, peer)


def _read(peer: socket.socket) -> Seen | None:
    with peer.makefile("rb") as stream:
        first = stream.readline().decode("latin-1").split(" ")
        if len(first) != 3:  # No HTTP, such as the start of TLS.
            return None
        headers = {}
        while line := stream.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
    return Seen(first[0], first[1], headers, body)
