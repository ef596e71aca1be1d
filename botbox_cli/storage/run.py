"""Runs SQLAlchemy's statements on the driver's own connection: compiled once, then a lookup and the driver's call.

`Connection.execute` looks up, wraps and checks anew each time, which costs several times what SQLite needs for the
statement itself. The SQL, and how values are converted both ways, are SQLAlchemy's all the same. For SQLite what it
makes of the usual statements is kept in `sqlite_plans`, so that most commands end before SQLAlchemy would have been
imported; whatever is not there is compiled when it is first run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from botbox_cli.storage.conversions import INWARD, OUTWARD, Convert
from botbox_cli.storage.sqlite_plans import PLANS

if TYPE_CHECKING:
    from sqlalchemy import Connection, Dialect
    from sqlalchemy.types import TypeEngine

SQLITE = "sqlite"
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement of `statements` by its name and arguments. Made by `statement`, once each."""

    name: str
    args: tuple[Any, ...] = ()


@cache
def statement(name: str, *args: Any) -> Statement:
    """Return the statement of that name in `statements`, or `upsert.` and its name in `upserts`."""
    return Statement(name, args)


@dataclass(frozen=True, slots=True)
class Hand:
    """The driver's connection in a transaction, and of which kind it is. `dialect` is None for SQLite."""

    driver: Any
    dialect: Dialect | None = None

    @property
    def kind(self) -> str:
        return SQLITE if self.dialect is None else self.dialect.name


def hand_of(connection: Connection) -> Hand:
    """Return the hand on what SQLAlchemy has opened."""
    dialect = connection.dialect
    return Hand(connection.connection.driver_connection, None if dialect.name == SQLITE else dialect)


@dataclass(slots=True)
class _Plan:
    """SQL for one dialect and one set of parameter names, with the conversions of what goes in and comes out.

    `outputs` is known once the driver has named its types: None if no column needs converting.
    """

    sql: str
    constants: dict[str, Any]
    inputs: tuple[tuple[str, Convert], ...]
    types: tuple[TypeEngine[Any], ...] = ()
    has_run: bool = False
    outputs: tuple[Convert, ...] | None = None


class Runner:
    """Runs statements inside a transaction. Errors are the driver's."""

    def __init__(self, hand: Hand) -> None:
        self._dialect = hand.dialect
        self._kind = hand.kind
        self._driver = hand.driver

    def rows(self, statement: Any, parameters: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a query, or what an insert returns."""
        plan, cursor = self._run(statement, parameters)
        if not plan.has_run:
            assert self._dialect is not None, "a plan for SQLite needs nobody to name its types"
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
        key = (statement, self._kind, tuple(parameters))
        plan = _plans.get(key)
        if plan is None:
            plan = _plans[key] = self._plan(statement, key[2])
        values = plan.constants.copy()
        for name, convert in plan.inputs:
            value = parameters[name]
            values[name] = value if convert is None else convert(value)
        return plan, self._driver.execute(plan.sql, values)

    def _plan(self, statement: Any, names: tuple[str, ...]) -> _Plan:
        if self._dialect is not None:
            return _compiled(_built(statement, self._kind), self._dialect, names)
        kept = _kept(statement, names)
        if kept is None:
            from botbox_cli.storage.compile import compiled

            kept = compiled(_built(statement, SQLITE), names)
        return _unpacked(kept)


_plans: dict[tuple[Any, str, tuple[str, ...]], _Plan] = {}
"""For all databases of a kind: thousands come and go in a simulation."""


def _kept(statement: Any, names: tuple[str, ...]) -> tuple[Any, ...] | None:
    """Return what is kept of a statement for SQLite, or None."""
    if isinstance(statement, Statement):
        return PLANS.get((statement.name, statement.args, names))
    return None


def _built(statement: Any, kind: str) -> Any:
    if not isinstance(statement, Statement):
        return statement
    from botbox_cli.storage.statements import build

    return build(statement.name, statement.args, kind)


def _unpacked(kept: tuple[Any, ...]) -> _Plan:
    sql, constants, inputs, outputs = kept
    outward = tuple(OUTWARD[kind] for kind in outputs)
    return _Plan(
        sql,
        dict(constants),
        tuple((name, INWARD[kind]) for name, kind in inputs),
        has_run=True,
        outputs=outward if any(outward) else None,
    )


def _compiled(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _Plan:
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
