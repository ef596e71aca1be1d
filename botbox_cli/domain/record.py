"""Values: made once, never changed, and made by the thousand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_SHAPES: dict[type, tuple[Callable[[Any], tuple[Any, ...]], dict[str, int]]] = {}
"""How to read all fields of a kind of record at once, and the place of each."""


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make `cls` a dataclass of slots that the type checker holds frozen.

    At run time nothing enforces it: a frozen dataclass of an order's 17 fields takes eight times as long to make, and a
    trade's life makes some hundred of such rows.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


def changed(row: T, **changes: Any) -> T:
    """Return a copy of a record with other values, as `dataclasses.replace` does, in half the time.

    Raises KeyError for a field that it does not have; the type checker does not look.
    """
    kind: Any = type(row)
    if kind not in _SHAPES:
        names = [f.name for f in fields(kind)]
        _SHAPES[kind] = attrgetter(*names), {name: place for place, name in enumerate(names)}
    read, places = _SHAPES[kind]
    values = list(read(row))
    for name, value in changes.items():
        values[places[name]] = value
    copy: T = kind(*values)
    return copy
