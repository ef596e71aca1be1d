"""What is kept of the statements for SQLite is what SQLAlchemy makes of them, and values travel the same way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Double, Integer, String
from sqlalchemy.types import TypeEngine

from botbox_cli.domain.order import OrderStatus
from botbox_cli.storage.compile import kind_of
from botbox_cli.storage.conversions import CHOICES, INWARD, OUTWARD
from botbox_cli.storage.engine import Database
from botbox_cli.storage.sqlite_plans import PLANS
from botbox_cli.storage.tables import metadata
from botbox_cli.storage.types import Choice, ExactDecimal, Fees, UtcTime
from tests.support.plans import FILE, plan_of, text_of

NOW = datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("key", PLANS, ids=str)
def test_what_is_kept_is_what_sqlalchemy_makes(key: Any) -> None:
    """`make docs` writes it anew."""
    assert PLANS[key] == plan_of(key)


def test_the_file_is_written_by_the_program() -> None:
    assert FILE.read_text("utf-8") == text_of(PLANS)


def test_every_enum_of_the_tables_has_a_kind() -> None:
    columns = [column.type for table in metadata.sorted_tables for column in table.c]

    assert {type_.enum for type_ in columns if isinstance(type_, Choice)} <= set(CHOICES)


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (ExactDecimal(), [Decimal("1E-8"), Decimal("0.10"), Decimal(10), None]),
        (UtcTime(), [NOW, NOW.astimezone(timezone(timedelta(hours=2))), None]),
        (Choice(OrderStatus), [OrderStatus.FILLED, "WORKING"]),
        (Fees(), [(("BTC", Decimal("1E-8")), ("MNT", Decimal("0.5"))), ()]),
        (Boolean(), [True, False, None]),
        (Double(), [0.1, 3, None]),
        (JSON(none_as_null=True), [{"a": [1, "ü", None]}, [], "text", None]),
        (Integer(), [7, None]),
        (String(), ["text", "", None]),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, TypeEngine) else "",
)
def test_values_travel_as_sqlalchemy_carries_them(type_: TypeEngine[Any], values: list[Any]) -> None:
    dialect, kind = Database("sqlite://").engine.dialect, kind_of(type_)
    impl = type_.dialect_impl(dialect)

    for value in values:
        stored = _carried(impl.bind_processor(dialect), value)
        assert repr(_carried(INWARD[kind], value)) == repr(stored)
        assert repr(_carried(OUTWARD[kind], stored)) == repr(
            _carried(impl.result_processor(dialect, None), stored)
        )


def _carried(convert: Any, value: Any) -> Any:
    return value if convert is None else convert(value)


def test_a_column_of_an_unknown_type_is_noticed() -> None:
    from sqlalchemy import LargeBinary

    with pytest.raises(TypeError, match="LargeBinary"):
        kind_of(LargeBinary())
