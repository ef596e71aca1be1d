"""How values travel to SQLite and back, by the name of their kind: what `types` and Python's own need.

A kind is "" (as it is), one of the names below, or the name of an enum whose members are stored as their values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.order import OrderStatus, OrderType, Role, Side
from botbox_cli.domain.setup import Direction, SetupSource, SetupStatus
from botbox_cli.domain.trade import TradeStatus

Convert = Callable[[Any], Any] | None

CHOICES: tuple[type[StrEnum], ...] = (
    Mode, Venue, OrderStatus, OrderType, Role, Side, Direction, SetupSource, SetupStatus, TradeStatus,
)  # fmt: skip


def exact(value: Decimal | None) -> Decimal | None:
    """Return a finite Decimal as it is. Raises TypeError, ValueError for anything else."""
    if value is None:
        return None
    if not isinstance(value, Decimal):
        raise TypeError(f"not a Decimal: {value!r}")
    if not value.is_finite():
        raise ValueError(f"not a finite number: {value}")
    return value


def in_utc(value: datetime | None) -> datetime | None:
    """Return an aware time in UTC. Raises ValueError for one without its zone."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError(f"a time without its zone: {value}")
    return value.astimezone(UTC)


def pairs_of(fees: tuple[tuple[str, Decimal], ...] | None) -> list[list[str]]:
    """Return amounts by coin as JSON has them."""
    return [[coin, format(amount, "f")] for coin, amount in fees or ()]


def fees_of(pairs: Any) -> tuple[tuple[str, Decimal], ...]:
    """Return what `pairs_of` was given."""
    return tuple((coin, Decimal(amount)) for coin, amount in pairs)


def members_in(enum: type[StrEnum]) -> Callable[[Any], str]:
    """Return the way in of an enum's members, or of their values. It raises KeyError for anything else."""
    values: dict[str, str] = {member.value: member.value for member in enum}
    return values.__getitem__  # A member is equal to its value, and so finds it.


def members_out(enum: type[StrEnum]) -> Callable[[Any], StrEnum]:
    """Return the way out."""
    members: dict[str, StrEnum] = {member.value: member for member in enum}
    return members.__getitem__


def decimal_in(value: Decimal | None) -> str | None:
    value = exact(value)
    return None if value is None else format(value, "f")


def decimal_out(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def time_in(value: datetime | None) -> str | None:
    value = in_utc(value)
    return None if value is None else value.isoformat(timespec="microseconds")


def time_out(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _flag_in(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _flag_out(number: int | None) -> bool | None:
    return None if number is None else bool(number)


def _float_in(value: float | None) -> float | None:
    return None if value is None else float(value)


def _json_in(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _json_out(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _fees_in(fees: tuple[tuple[str, Decimal], ...] | None) -> str:
    return json.dumps(pairs_of(fees))


def _fees_out(text: str) -> tuple[tuple[str, Decimal], ...]:
    return fees_of(json.loads(text))


INWARD: dict[str, Convert] = {
    "": None,
    "decimal": decimal_in,
    "time": time_in,
    "flag": _flag_in,
    "float": _float_in,
    "json": _json_in,
    "fees": _fees_in,
    **{enum.__name__: members_in(enum) for enum in CHOICES},
}
OUTWARD: dict[str, Convert] = {
    "": None,
    "decimal": decimal_out,
    "time": time_out,
    "flag": _flag_out,
    "float": None,
    "json": _json_out,
    "fees": _fees_out,
    **{enum.__name__: members_out(enum) for enum in CHOICES},
}
