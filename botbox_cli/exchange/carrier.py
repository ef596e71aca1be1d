"""What carries requests over the network: requests' own adapter, with a bound on how long a whole answer may take.

requests bounds the wait for each piece of an answer only, so a host that sends a byte a second would be waited for
without end.
"""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Callable
from math import inf
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

ANSWER_LIMIT_S = 8.0
"""From the end of an answer's headers to its last byte: the longest answers (1,000 candles) take far less."""
PIECE = 1 << 16


class _Timed(io.RawIOBase):
    """What a socket receives, until `ends_at`; later is too late. (Each piece may take the socket's time.)"""

    def __init__(self, received: io.RawIOBase, limit_s: float) -> None:
        self._received = received
        self.ends_at = time.monotonic() + limit_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self._received.readinto(buffer)
        if time.monotonic() > self.ends_at:
            raise TimeoutError("the headers came too slowly")
        return count

    def close(self) -> None:
        self._received.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose headers are given up when they are not all there in the time that the first byte may take."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._timed = _Timed(self.fp.detach(), sock.gettimeout() or inf)
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        super().begin()
        self._timed.ends_at = inf  # The body has a bound of its own.


class _Timely:
    """Lets the connections of a pool give answers up whose headers drip."""

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]  # the pool's
        connection.response_class = _Answer
        return connection


class _PlainPool(_Timely, HTTPConnectionPool):
    pass


class _SecurePool(_Timely, HTTPSConnectionPool):
    pass


class Carrier(HTTPAdapter):
    """An adapter whose answers are whole when they are returned. `ticks` counts seconds and never goes back."""

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic, **options: Any) -> None:
        super().__init__(**options)
        self._ticks = ticks

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send a request. Raises ReadTimeout for an answer that takes too long, and what HTTPAdapter raises."""
        response = super().send(request, *args, **options)
        try:
            response._content = self._body(response, _limit_s(options.get("timeout")))
        except BaseException:
            response.close()
            raise
        response._content_consumed = True  # type: ignore[attr-defined]  # as requests marks what it has read
        return response

    def _body(self, response: Response, limit_s: float) -> bytes:
        """Read piece by piece, each as it comes, and translate errors as `Response.iter_content` does."""
        ends_at = self._ticks() + limit_s
        pieces = []
        response.raw.decode_content = True
        try:
            while piece := response.raw.read1(PIECE):
                pieces.append(piece)
                if self._ticks() > ends_at:
                    raise ReadTimeout(f"the answer was not there after {limit_s:g} s")
        except ProtocolError as e:
            raise ChunkedEncodingError(e) from e
        except DecodeError as e:
            raise ContentDecodingError(e) from e
        except ReadTimeoutError as e:
            raise ReadTimeout(e) from e
        return b"".join(pieces)


def _limit_s(timeout: Any) -> float:
    """Return how long a whole answer may take: in a hurry not much longer than its first byte."""
    wait_s = timeout[1] if isinstance(timeout, tuple) else None
    return ANSWER_LIMIT_S if wait_s is None else min(ANSWER_LIMIT_S, 2 * wait_s)
