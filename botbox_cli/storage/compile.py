"""What SQLAlchemy makes of a statement for SQLite, in plain values: the form in which `sqlite_plans` keeps it."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any

from sqlalchemy import JSON, Boolean, Dialect, Double, Integer, String
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.types import NullType, TypeEngine
from sqlmodel.sql.sqltypes import AutoString

from botbox_cli.storage.conversions import INWARD
from botbox_cli.storage.types import Choice, ExactDecimal, Fees, UtcTime

Plan = tuple[str, dict[str, Any], tuple[tuple[str, str], ...], tuple[str, ...]]
"""SQL, constants as the driver takes them, kinds of the parameters by name, kinds of the columns that come back."""

_KINDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (ExactDecimal, "decimal"),
    (UtcTime, "time"),
    (Fees, "fees"),
    (Boolean, "flag"),
    (Double, "float"),
    (Integer, ""),
    (String, ""),
    (AutoString, ""),
    (NullType, ""),
)


def compiled(statement: Any, names: tuple[str, ...]) -> Plan:
    """Return the plan of a statement that is run with parameters of these names."""
    made = statement.compile(dialect=_dialect(), column_keys=names)
    kinds = {name: kind_of(bind.type) for bind, name in made.bind_names.items()}
    constants = {}
    for name, value in made.params.items():
        if name not in names:
            convert = INWARD[kinds.pop(name)]
            constants[name] = value if convert is None else convert(value)
    outputs = tuple(kind_of(column.type) for column in statement.exported_columns)
    return made.string, constants, tuple(kinds.items()), outputs


def kind_of(type_: TypeEngine[Any]) -> str:
    """Return the kind of values (see `conversions`) that a column's type stands for. Raises TypeError."""
    if isinstance(type_, Choice):
        return type_.enum.__name__
    if isinstance(type_, JSON):
        assert type_.none_as_null, "None would be JSON's null"
        return "json"
    for cls, kind in _KINDS:
        if isinstance(type_, cls):
            return kind
    raise TypeError(f"{type_!r} has no kind: give it one in `conversions`")


@cache
def _dialect() -> Dialect:
    return SQLiteDialect_pysqlite(paramstyle="named", dbapi=sqlite3)
