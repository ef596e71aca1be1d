"""Column types that lose nothing on either database: exact decimals, aware UTC times, our own enums, fees by coin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, Dialect, Numeric, String, Text
from sqlalchemy.types import TIMESTAMP, TypeDecorator, TypeEngine

E = TypeVar("E", bound=StrEnum)
Convert = Callable[[Any], Any]


class ExactDecimal(TypeDecorator[Decimal]):
    """A finite Decimal: text in plain notation on SQLite (which has no exact number), NUMERIC on PostgreSQL.

    Text sorts 10 before 9, so no order, comparison or sum of such a column belongs in SQL.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else Numeric()

    def bind_processor(self, dialect: Dialect) -> Convert:
        is_text = dialect.name == "sqlite"

        def convert(value: Decimal | None) -> Any:
            if value is None:
                return None
            if not isinstance(value, Decimal):
                raise TypeError(f"not a Decimal: {value!r}")
            if not value.is_finite():
                raise ValueError(f"not a finite number: {value}")
            return format(value, "f") if is_text else value

        return convert

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert | None:
        # psycopg makes Decimals of NUMERIC itself.
        return _decimal_or_none if dialect.name == "sqlite" else None


class UtcTime(TypeDecorator[datetime]):
    """An aware time, returned in UTC, to the microsecond: ISO 8601 text of fixed width (which sorts) on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else TIMESTAMP(timezone=True)

    def bind_processor(self, dialect: Dialect) -> Convert:
        is_text = dialect.name == "sqlite"

        def convert(value: datetime | None) -> Any:
            if value is None:
                return None
            if value.tzinfo is None:
                raise ValueError(f"a time without its zone: {value}")
            value = value.astimezone(UTC)
            return value.isoformat(timespec="microseconds") if is_text else value

        return convert

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        return _time_of_text if dialect.name == "sqlite" else _time_in_utc


class Choice(TypeDecorator[E], Generic[E]):
    """A member of a StrEnum, stored as its value."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def bind_processor(self, dialect: Dialect) -> Convert:
        values: dict[str, str] = {member.value: member.value for member in self.enum}
        return values.__getitem__  # A member is equal to its value, and so finds it.

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        members: dict[str, E] = {member.value: member for member in self.enum}
        return members.__getitem__


class Fees(TypeDecorator[tuple[tuple[str, Decimal], ...]]):
    """Amounts by coin, as JSON pairs of text: [["BTC", "0.00001"]]."""

    impl = JSON
    cache_ok = True

    def process_bind_param(
        self, value: tuple[tuple[str, Decimal], ...] | None, dialect: Dialect
    ) -> list[list[str]]:
        return [[coin, format(amount, "f")] for coin, amount in value or ()]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[tuple[str, Decimal], ...]:
        return tuple((coin, Decimal(amount)) for coin, amount in value)


def _decimal_or_none(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time_of_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _time_in_utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)
