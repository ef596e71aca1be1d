"""Column types that lose nothing on either database: exact decimals, aware UTC times, our own enums, fees by coin."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, Dialect, Numeric, String, Text
from sqlalchemy.types import TIMESTAMP, TypeDecorator, TypeEngine

E = TypeVar("E", bound=StrEnum)


class ExactDecimal(TypeDecorator[Decimal]):
    """A finite Decimal: text in plain notation on SQLite (which has no exact number), NUMERIC on PostgreSQL.

    Text sorts 10 before 9, so no order, comparison or sum of such a column belongs in SQL.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else Numeric()

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"not a Decimal: {value!r}")
        if not value.is_finite():
            raise ValueError(f"not a finite number: {value}")
        return format(value, "f") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, returned in UTC, to the microsecond: ISO 8601 text of fixed width (which sorts) on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else TIMESTAMP(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without its zone: {value}")
        value = value.astimezone(UTC)
        return value.isoformat(timespec="microseconds") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if dialect.name == "sqlite" else value.astimezone(UTC)


class Choice(TypeDecorator[E], Generic[E]):
    """A member of a StrEnum, stored as its value."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        return None if value is None else self.enum(value)


class Fees(TypeDecorator[tuple[tuple[str, Decimal], ...]]):
    """Amounts by coin, as JSON pairs of text: [["BTC", "0.00001"]]."""

    impl = JSON
    cache_ok = True

    def process_bind_param(
        self,
        value: tuple[tuple[str, Decimal], ...] | None,
        dialect: Dialect,
    ) -> list[list[str]]:
        return [[coin, format(amount, "f")] for coin, amount in value or ()]

    def process_result_value(
        self,
        value: Any,
        dialect: Dialect,
    ) -> tuple[tuple[str, Decimal], ...]:
        return tuple((coin, Decimal(amount)) for coin, amount in value)
