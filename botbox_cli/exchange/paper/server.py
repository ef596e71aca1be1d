"""The paper exchange over HTTP on loopback: `botbox sandbox`, and the tests' host.

Beside Bybit's paths it has `/sandbox/…`: POST price {symbol, price} (scripted prices), POST faults (a schedule), POST
advance {seconds} (a replay or manual clock), POST restart (realtime
forgets closed orders), GET state (all orders and executions), POST sockets (faults of the WebSockets).
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.faults import Broken, FaultSchedule, FaultyExchange
from botbox_cli.exchange.paper.number import parse
from botbox_cli.exchange.paper.protocol import Reply, Request, Unavailable, to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.sockets import PATHS, Sockets

# How long a connection hangs on a timeout fault that does not say: longer than any client waits.
HANG_S = 60.0


class Sandbox:
    """A running server. Usable as a context manager; `url` is its base."""

    def __init__(
        self, exchange: PaperExchange, host: str = "127.0.0.1", port: int = 0, delay_ms: int = 0
    ) -> None:
        """Bind to a loopback address; port 0 takes a free one. Each answer is held back `delay_ms`.

        Raises:
            ValueError: When `host` is not an IPv4 loopback address.
            OSError: When the port is taken.
        """
        if host != "localhost" and not ipaddress.IPv4Address(host).is_loopback:
            raise ValueError(f"the sandbox serves loopback only, not {host}")
        self.exchange = exchange
        self.faulty = FaultyExchange(exchange)
        self.sockets = Sockets(exchange)
        self.delay_s = delay_ms / 1000
        self.closing = threading.Event()
        self._server = _Server((host, port), _Handler)
        self._server.sandbox = self
        self._thread: threading.Thread | None = None
        self.port = int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}"

    def serve_forever(self) -> None:
        """Answer requests in this thread until `close` is called from another, or the process is interrupted."""
        self._server.serve_forever(poll_interval=0.1)

    def start(self) -> Sandbox:
        """Answer requests in a thread of their own."""
        self._thread = threading.Thread(target=self.serve_forever, name="sandbox", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering and free the port."""
        self.closing.set()
        self.sockets.close()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(exchange: PaperExchange, host: str = "127.0.0.1", port: int = 0, delay_ms: int = 0) -> Sandbox:
    """Return a server bound to a loopback port, not yet answering: `start()` it, or `serve_forever()`."""
    return Sandbox(exchange, host, port, delay_ms)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    sandbox: Sandbox

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about a client that left before its answer; anything else is a bug and shows its traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece: with Nagle's algorithm and delayed acknowledgement two pieces cost 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        channel = PATHS.get(urlsplit(self.path).path)
        if channel is not None and self.headers.get("Upgrade"):
            self.server.sandbox.sockets.serve(self, channel)
        else:
            self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: requests carry keys."""

    def _answer(self, method: str) -> None:
        sandbox = self.server.sandbox
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode()
        if sandbox.delay_s:
            time.sleep(sandbox.delay_s)
        try:
            self._send(self._reply(method, text))
        except Broken as broken:
            self._break(broken)
        except Unavailable as error:
            self._send(Reply(503, {}, f"<html><body>{error}</body></html>"))

    def _reply(self, method: str, text: str) -> Reply:
        parts = urlsplit(self.path)
        try:
            params = json.loads(text) if text else {}
        except ValueError:
            params = None
        if not isinstance(params, dict):
            return Reply(200, {}, {"retCode": 10001, "retMsg": "Request parameter error: body", "result": {}})
        if parts.path.startswith("/sandbox/"):
            return _control(self.server.sandbox, method, parts.path, params)
        if method == "GET":
            params = dict(parse_qsl(parts.query, keep_blank_values=True))
            text = parts.query
        try:
            return self.server.sandbox.faulty.handle(Request(method, parts.path, params, self.headers, text))
        finally:
            if method == "POST":
                self.server.sandbox.sockets.poke()

    def _send(self, reply: Reply, cut: int = 0) -> None:
        is_text = isinstance(reply.body, str)
        data = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/html" if is_text else "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) - cut])
        self.wfile.flush()

    def _break(self, broken: Broken) -> None:
        self.close_connection = True
        if broken.how == "truncated" and broken.reply is not None:
            self._send(broken.reply, cut=20)
            return
        if broken.how == "timeout":
            self.server.sandbox.closing.wait(broken.seconds or HANG_S)
        # A lingering time of 0 turns the close into a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _control(sandbox: Sandbox, method: str, path: str, params: dict[str, Any]) -> Reply:
    actions = {
        ("POST", "/sandbox/price"): _set_price,
        ("POST", "/sandbox/faults"): _set_faults,
        ("POST", "/sandbox/advance"): _advance,
        ("POST", "/sandbox/restart"): _restart,
        ("POST", "/sandbox/sockets"): _sockets,
        ("GET", "/sandbox/state"): _state,
    }
    action = actions.get((method, path))
    if action is None:
        return Reply(404, {}, {"error": f"no such control: {method} {path}"})
    try:
        return Reply(200, {}, action(sandbox, params))
    except ValueError as error:
        return Reply(400, {}, {"error": str(error)})


def _set_price(sandbox: Sandbox, params: dict[str, Any]) -> dict[str, Any]:
    market, clock = sandbox.exchange.market, sandbox.exchange.clock
    price = parse(params.get("price"))
    if not isinstance(market, ScriptedMarket):
        raise ValueError("prices are not scripted here")
    if not price or not isinstance(params.get("symbol"), str):
        raise ValueError("a symbol and a positive price as text are needed")
    market.set_price(params["symbol"], price, to_ms(clock.now()))
    sandbox.sockets.poke()
    return {"symbol": params["symbol"], "price": params["price"]}


def _set_faults(sandbox: Sandbox, params: dict[str, Any]) -> dict[str, Any]:
    sandbox.faulty.schedule = FaultSchedule.from_document(params)
    return {"rules": len(sandbox.faulty.schedule.rules)}


def _advance(sandbox: Sandbox, params: dict[str, Any]) -> dict[str, Any]:
    clock = sandbox.exchange.clock
    seconds = params.get("seconds")
    if isinstance(clock, WallClock):
        raise ValueError("the wall clock can't be moved")
    if not isinstance(seconds, int | float) or seconds < 0:
        raise ValueError("seconds must be a number, not below 0")
    clock.sleep(seconds)
    sandbox.sockets.poke()
    return {"now": clock.now().isoformat()}


def _restart(sandbox: Sandbox, _: dict[str, Any]) -> dict[str, Any]:
    sandbox.exchange.restart()
    return {}


def _sockets(sandbox: Sandbox, params: dict[str, Any]) -> dict[str, Any]:
    return sandbox.sockets.control(params)


def _state(sandbox: Sandbox, _: dict[str, Any]) -> dict[str, Any]:
    orders, executions = sandbox.exchange.look()
    return {"orders": orders, "executions": executions, "fired": sandbox.faulty.schedule.fired}
