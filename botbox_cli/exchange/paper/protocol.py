"""The words the paper exchange and its ways in share: request, reply, clock, refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS


class Clock(Protocol):
    """The exchange's own clock: aware UTC time."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...


class HeaderLookup(Protocol):
    """Whatever finds a header by its name: a dict, requests' headers, http.server's message."""

    def get(self, name: str, /) -> str | None: ...


NO_HEADERS: HeaderLookup = MappingProxyType[str, str]({})


@dataclass(slots=True)
class Request:
    """One HTTP request, decoded.

    `params` are the query's values (text) or the JSON body's; `payload` is the query or body exactly as it was signed.
    """

    method: str
    path: str
    params: Mapping[str, Any]
    headers: HeaderLookup = field(default_factory=lambda: NO_HEADERS)
    payload: str = ""


@dataclass(slots=True)
class Reply:
    """One HTTP answer; `body` is a JSON document, or text where the real host sends no JSON."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any] | str


class Refusal(Exception):
    """The exchange says no: a retCode, its text, and the HTTP status it comes with (200 but for a few)."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


class Unavailable(Exception):
    """The source of prices does not answer, or the state file is not free. The request that met it changed nothing."""


def to_ms(moment: datetime) -> int:
    """Return Unix milliseconds, rounded down."""
    since = moment - EPOCH
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000


def from_ms(ms: int) -> datetime:
    """Return the aware UTC time of Unix milliseconds."""
    return EPOCH + ms * _MILLISECOND
