"""What people write behind `--set`: one value, or a range of them, and all combinations."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import Any

from botbox_cli.analysis.rules.registry import Known, Parameter, parameter_of, value_of
from botbox_cli.domain.number import decimal_of
from botbox_cli.errors import UsageError

COMBINATIONS_MAX = 1_000_000


def grid_of(known: Known, texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Return the values of each parameter that `name=value`, `name=from:to:step` or `name=a,b,c` set, in order.

    Raises:
        UsageError: For an unknown parameter (with the nearest), a bad value or range, or one set twice.
    """
    grid: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        name, equals, spelled = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r} is no setting", "write --set name=value")
        parameter = parameter_of(known, name)
        if parameter.name in grid:
            raise UsageError(f"{parameter.name} is set twice", "give all its values in one --set")
        grid[parameter.name] = _values(parameter, spelled)
    count = 1
    for values in grid.values():
        count *= len(values)
    if count > COMBINATIONS_MAX:
        raise UsageError(f"{count} combinations are more than {COMBINATIONS_MAX}", "take wider steps")
    return grid


def _values(parameter: Parameter, spelled: str) -> tuple[Any, ...]:
    if ":" in spelled:
        return _range(parameter, spelled)
    return tuple(dict.fromkeys(value_of(parameter, part) for part in spelled.split(",")))


def _range(parameter: Parameter, spelled: str) -> tuple[Any, ...]:
    """Return the values from the first to the last, both included; counted in decimals, so that 0.1 steps add up."""
    wanted = UsageError(f"{parameter.name}={spelled} is no range", "write it like 25:40:5, from:to:step")
    if parameter.kind not in (int, float):
        raise wanted
    try:
        first, last, step = (decimal_of(part.strip()) for part in spelled.split(":"))
    except ValueError:
        raise wanted from None
    if step <= 0 or last < first:
        raise wanted
    count = int((last - first) / step) + 1
    if count > COMBINATIONS_MAX:
        raise UsageError(f"{parameter.name}={spelled} has {count} values", "take a wider step")
    return tuple(value_of(parameter, format(_reduced(first + i * step), "f")) for i in range(count))


def _reduced(value: Decimal) -> Decimal:
    return value.to_integral_value() if value == value.to_integral_value() else value


def combinations(grid: dict[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return every combination of the values, the last parameter turning fastest."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
