"""uvicorn around the application: a socket that is bound first, and an end that waits for what is under way."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

import uvicorn

from botbox_cli.bootstrap import Wiring
from botbox_cli.errors import UsageError
from botbox_cli.ports import Clock, WebStore
from botbox_cli.web.app import make_app
from botbox_cli.web.connection import Connection
from botbox_cli.web.office import Office
from botbox_cli.web.place import Place

BACKLOG = 128
KEEP_ALIVE_S = 30
GOODBYE_S = 5
"""Whoever takes no answer, or sends no request to its end, for so long is cut off. What the server itself is at is
answered first: an entry or exit under way is waited for, and no command takes longer than 30 s."""


class _Server(uvicorn.Server):
    """A server that ends quietly by SIGINT and SIGTERM, and tells what streams that it does.

    It cancels no request: that would break off the answer to an order under way, not the order.
    """

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True
        self.on_exit()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        cutting = asyncio.create_task(self._cut_off())
        await super().shutdown(sockets)
        cutting.cancel()

    async def _cut_off(self) -> None:
        """Cut off, again and again, all that wait for their clients."""
        while True:
            await asyncio.sleep(GOODBYE_S)
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection) and connection.waits_for_client:
                    connection.transport.abort()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def bound(place: Place) -> tuple[socket.socket, Place]:
    """Return a listening socket, and the place with the port that it got. Raises UsageError."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as e:
        raise UsageError(
            f"{place.host} port {place.port} can't be used: {e.strerror}", "`--port 0` takes a free one"
        ) from e
    return listener, replace(place, port=int(listener.getsockname()[1]))


@contextmanager
def ready(wiring: Wiring, web: WebStore, place: Place, wall: Clock) -> Iterator[uvicorn.Server]:
    """Open a server, to `run` on a socket of `bound`; at the end wait for what is under way."""
    office = Office(wiring, web, place, wall)
    server = _Server(
        uvicorn.Config(
            make_app(office),
            loop="asyncio",
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            backlog=BACKLOG,
            ssl_certfile=None if place.cert is None else str(place.cert),
            ssl_keyfile=None if place.key is None else str(place.key),
        ),
        office.closing.set,
    )
    try:
        yield server
    finally:
        office.close()
