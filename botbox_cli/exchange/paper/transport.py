"""The paper exchange behind a `requests` session: pybit signs, sends and parses as it would over the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.faults import Broken, FaultyExchange
from botbox_cli.exchange.paper.protocol import Reply, Request, Unavailable

HOST = "https://paper.invalid"


class PaperAdapter(BaseAdapter):
    """Answers what a session sends to `HOST`: `session.mount(HOST, PaperAdapter(exchange))`.

    A timeout costs its rule's `seconds` on the exchange's clock. A silent source of live prices looks like a refused
    connection: certainly nothing was placed.
    """

    def __init__(self, exchange: PaperExchange | FaultyExchange) -> None:
        super().__init__()
        self._exchange = exchange

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Return the exchange's answer.

        Raises:
            requests.exceptions.RequestException: As the network would, when a fault says so.
        """
        try:
            reply = self._exchange.handle(decode(request))
        except Broken as broken:
            if broken.how == "timeout" and broken.seconds:
                self._exchange.clock.sleep(broken.seconds)
            raise as_network_error(broken.how, request) from broken
        except Unavailable as error:
            raise as_network_error("refused", request) from error
        return _response(request, reply)

    def close(self) -> None:
        """Nothing to close."""


def decode(request: requests.PreparedRequest) -> Request:
    """Return a prepared request as the exchange reads it."""
    parts = urlsplit(request.url or "")
    method = request.method or "GET"
    if method == "GET":
        params: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(method, parts.path, params, request.headers, parts.query)
    body = request.body or b""
    text = body.decode() if isinstance(body, bytes) else body
    return Request(method, parts.path, json.loads(text) if text else {}, request.headers, text)


def as_network_error(
    how: str, request: requests.PreparedRequest | None = None
) -> requests.exceptions.RequestException:
    """Return what requests raises for a broken connection, built as requests builds it."""
    errors = requests.exceptions
    if how == "timeout":
        return errors.ReadTimeout("Read timed out.", request=request)
    if how == "reset":
        cause = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
        return errors.ConnectionError(cause, request=request)
    if how == "truncated":
        return errors.ChunkedEncodingError("Connection broken: IncompleteRead", request=request)
    assert how == "refused", f"no such break as {how}"
    url = (request.url if request else "") or HOST
    refused = NewConnectionError(HTTPConnection("paper.invalid"), "[Errno 111] Connection refused")
    return errors.ConnectionError(MaxRetryError(None, url, refused), request=request)  # type: ignore[arg-type]


def _response(request: requests.PreparedRequest, reply: Reply) -> requests.Response:
    is_text = isinstance(reply.body, str)
    data = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
    response = requests.Response()
    response.status_code = reply.status
    response.headers = CaseInsensitiveDict(
        {"Content-Type": "text/html" if is_text else "application/json", **reply.headers}
    )
    response.raw = BytesIO(data)
    response.encoding = "utf-8"
    response.url = request.url or ""
    response.request = request
    return response
