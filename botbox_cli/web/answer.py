"""Documents as HTTP has them: camelCase names, compact JSON, and each error with the status that fits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from starlette.responses import Response

from botbox_cli.documents import SCHEMA, Document, error_document
from botbox_cli.errors import (
    BotboxError,
    ConfigError,
    Conflict,
    Denied,
    ExchangeRejected,
    ExchangeUnavailable,
    Mismatch,
    NotFound,
    OutcomeUnknown,
    StopMissing,
    StorageError,
    UsageError,
)
from botbox_cli.services.web_login import Forged, NotLoggedIn, TooManyTries

STATUS: tuple[tuple[type[BotboxError], int], ...] = (
    (NotLoggedIn, 401),
    (Forged, 403),
    (TooManyTries, 429),
    (UsageError, 400),
    (ConfigError, 403),
    (NotFound, 404),
    (Denied, 409),
    (Conflict, 409),
    (ExchangeRejected, 422),
    (ExchangeUnavailable, 503),
    (OutcomeUnknown, 504),
    (Mismatch, 409),
    (StorageError, 503),
    (StopMissing, 502),
)
"""The first class that fits decides; 500 for what is not here."""

_WORD = re.compile(r"_([a-z0-9])")


class Refused(UsageError):
    """A request that is no request to this server, with the status that HTTP has for it."""

    def __init__(self, status: int, message: str, hint: str = "", *, code: str) -> None:
        super().__init__(message, hint, code=code)
        self.status = status


def status_of(error: BotboxError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, Refused):
        return error.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def encoded(document: Any) -> bytes:
    """Return JSON without a needless byte."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def rendered(document: Document) -> bytes:
    """Return a document with its schema number and camelCase names."""
    return encoded({"schema": SCHEMA, **camel(document)})


def answer(document: Document, status: int = 200) -> Response:
    """Return a response with a document."""
    return raw(rendered(document), status)


def raw(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with JSON that is made already."""
    return Response(body, status, dict(headers or {}), media_type="application/json")


def refusal(error: BotboxError) -> Response:
    """Return the response for an error."""
    response = answer({"error": error_document(error)}, status_of(error))
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, round(retry_after_s)))
    return response


def camel(value: Any) -> Any:
    """Return a document with its names in camelCase, down to the bottom."""
    if isinstance(value, dict):
        return {_camel_name(name): camel(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [camel(inner) for inner in value]
    return value


@cache
def _camel_name(name: str) -> str:
    return _WORD.sub(lambda found: found[1].upper(), name)
