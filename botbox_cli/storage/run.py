"""Runs SQLAlchemy's statements on the driver's own connection: compiled once, then a lookup and the driver's call.

`Connection.execute` looks up, wraps and checks anew each time, which costs several times what SQLite needs for the
statement itself. The SQL, and how values are converted both ways, are SQLAlchemy's all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any] | None
Row = tuple[Any, ...]


@dataclass(slots=True)
class _Plan:
    """SQL for one dialect and one set of parameter names, with the conversions of what goes in and comes out.

    `outputs` is known once the driver has named its types: None if no column needs converting.
    """

    sql: str
    constants: dict[str, Any]
    inputs: tuple[tuple[str, Convert], ...]
    types: tuple[TypeEngine[Any], ...]
    has_run: bool = False
    outputs: tuple[Convert, ...] | None = None


class Runner:
    """Runs statements inside the transaction of `connection`. Errors are the driver's."""

    def __init__(self, connection: Connection) -> None:
        self._dialect = connection.dialect
        self._driver: Any = connection.connection.driver_connection

    def rows(self, statement: Any, parameters: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a query, or what an insert returns."""
        plan, cursor = self._run(statement, parameters)
        if not plan.has_run:
            plan.outputs = _outputs(plan.types, self._dialect, cursor.description)
            plan.has_run = True
        rows: list[Row] = cursor.fetchall()
        outputs = plan.outputs
        if outputs is None:
            return rows
        return [
            tuple([value if f is None else f(value) for f, value in zip(outputs, row, strict=True)])
            for row in rows
        ]

    def value(self, statement: Any, parameters: Mapping[str, Any]) -> Any:
        """Return the first column of the first row, or None without a row."""
        rows = self.rows(statement, parameters)
        return rows[0][0] if rows else None

    def changed(self, statement: Any, parameters: Mapping[str, Any]) -> int:
        """Return how many rows were changed."""
        count: int = self._run(statement, parameters)[1].rowcount
        return count

    def _run(self, statement: Any, parameters: Mapping[str, Any]) -> tuple[_Plan, Any]:
        key = (statement, self._dialect.name, tuple(parameters))
        plan = _plans.get(key)
        if plan is None:
            plan = _plans[key] = _plan(statement, self._dialect, key[2])
        values = plan.constants.copy()
        for name, convert in plan.inputs:
            value = parameters[name]
            values[name] = value if convert is None else convert(value)
        return plan, self._driver.execute(plan.sql, values)


_plans: dict[tuple[Any, str, tuple[str, ...]], _Plan] = {}
"""For all databases of a kind: thousands come and go in a simulation."""


def _plan(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _Plan:
    compiled = statement.compile(dialect=dialect, column_keys=names)
    inputs = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect)
        for bind, name in compiled.bind_names.items()
    }
    constants = {}
    for name, value in compiled.params.items():
        if name not in names:
            convert = inputs.pop(name)
            constants[name] = value if convert is None else convert(value)
    types = tuple(column.type for column in statement.exported_columns)
    return _Plan(compiled.string, constants, tuple(inputs.items()), types)


def _outputs(
    types: Sequence[TypeEngine[Any]], dialect: Dialect, described: Sequence[Sequence[Any]]
) -> tuple[Convert, ...] | None:
    outputs = tuple(
        type_.dialect_impl(dialect).result_processor(dialect, column[1])
        for type_, column in zip(types, described, strict=True)
    )
    return outputs if any(outputs) else None
