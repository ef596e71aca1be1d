"""Column types that lose nothing on either database: exact decimals, aware UTC times, our own enums, fees by coin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import JSON, Dialect, Numeric, String, Text
from sqlalchemy.types import TIMESTAMP, TypeDecorator, TypeEngine

from botbox_cli.storage.conversions import (
    decimal_in,
    decimal_out,
    exact,
    fees_of,
    in_utc,
    members_in,
    members_out,
    pairs_of,
    time_in,
    time_out,
)

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
        return decimal_in if dialect.name == "sqlite" else exact

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert | None:
        # psycopg makes Decimals of NUMERIC itself.
        return decimal_out if dialect.name == "sqlite" else None


class UtcTime(TypeDecorator[datetime]):
    """An aware time, returned in UTC, to the microsecond: ISO 8601 text of fixed width (which sorts) on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else TIMESTAMP(timezone=True)

    def bind_processor(self, dialect: Dialect) -> Convert:
        return time_in if dialect.name == "sqlite" else in_utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        return time_out if dialect.name == "sqlite" else in_utc


class Choice(TypeDecorator[E], Generic[E]):
    """A member of a StrEnum, stored as its value."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[E]) -> None:
        super().__init__()
        self.enum = enum

    def bind_processor(self, dialect: Dialect) -> Convert:
        return members_in(self.enum)

    def result_processor(self, dialect: Dialect, coltype: object) -> Convert:
        return members_out(self.enum)


class Fees(TypeDecorator[tuple[tuple[str, Decimal], ...]]):
    """Amounts by coin, as JSON pairs of text: [["BTC", "0.00001"]]."""

    impl = JSON
    cache_ok = True

    def process_bind_param(
        self, value: tuple[tuple[str, Decimal], ...] | None, dialect: Dialect
    ) -> list[list[str]]:
        return pairs_of(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[tuple[str, Decimal], ...]:
        return fees_of(value)
