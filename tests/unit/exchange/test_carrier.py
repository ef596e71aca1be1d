"""Answers over a real socket: whole, cut off, compressed, in chunks, and one that drips."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count, repeat
from typing import Any

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, ReadTimeout, RequestException

from botbox_cli.exchange.carrier import Carrier

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def answering(*pieces: bytes, endless: bytes = b"", pause_s: float = 0.0) -> Iterator[str]:
    """Answer a connection with these pieces, then with `endless` again and again while somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.recv(65536)
                for piece in chain(pieces, repeat(endless) if endless else ()):
                    time.sleep(pause_s)
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.close()
        thread.join()


def session(carrier: Carrier | None = None) -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", carrier or Carrier())
    return made


def test_an_answer_is_read_whole() -> None:
    body = b'{"a": "' + b"x" * 200_000 + b'"}'
    with (
        answering(HEAD + b"Content-Length: %d\r\n\r\n" % len(body), body[:7], body[7:]) as url,
        session() as http,
    ):
        assert http.get(url, timeout=5).content == body


def test_compressed_and_chunked_answers_are_read() -> None:
    body = b'{"retCode": 0}' * 500
    packed = gzip.compress(body)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (packed[:20], packed[20:])) + b"0\r\n\r\n"
    head = HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with answering(head, chunks) as url, session() as http:
        assert http.get(url, timeout=5).content == body


@pytest.mark.parametrize("head", [b"Content-Length: 50\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n32\r\n"])
def test_an_answer_that_is_cut_off_is_an_error(head: bytes) -> None:
    with (
        answering(HEAD + head, b'{"retCode": 0') as url,
        session() as http,
        pytest.raises(ChunkedEncodingError),
    ):
        http.get(url, timeout=5)


def test_garbage_for_compression_is_an_error() -> None:
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
    with answering(head, b"\x00\x01\x02\x03") as url, session() as http, pytest.raises(RequestException):
        http.get(url, timeout=5)


@pytest.mark.parametrize(("timeout", "limit_s"), [(5, 8), ((3, 5), 8), ((1, 1), 2)])
def test_an_answer_that_drips_is_given_up(timeout: Any, limit_s: int) -> None:
    """Each piece comes in time, and there is always another; by the carrier's clock a second passes with each."""
    seconds = count()
    head = HEAD + b"Content-Length: 1000000000000\r\n\r\n"
    carrier = Carrier(ticks=lambda: float(next(seconds)))
    with answering(head, endless=b"x") as url, session(carrier) as http, pytest.raises(ReadTimeout):
        http.get(url, timeout=timeout)

    assert next(seconds) <= limit_s + 3


def test_headers_that_drip_are_given_up() -> None:
    """Each line comes in time, and the last of them after nine seconds."""
    headers = [HEAD, *([b"X: y\r\n"] * 90), b"\r\n"]
    with answering(*headers, pause_s=0.1) as url, session() as http, pytest.raises(ReadTimeout):
        http.get(url, timeout=(1, 1))
