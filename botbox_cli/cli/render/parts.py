"""What tables and cards are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from botbox_cli.cli.console import Column, Console
from botbox_cli.cli.wrapping import wrapped


def show_table(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Write a table; on a terminal nothing when it is empty, and no column that is."""
    if console.width is None:
        console.table(columns, rows)
        return
    filled = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    if rows:
        console.table([columns[i] for i in filled], [[row[i] for i in filled] for row in rows])


FLOW_IN, FACT_AT = 2, 15
"""The column at which a text goes on, and a fact's value begins."""


def show_text(console: Console, text: str) -> None:
    """Write a text; on a terminal it goes on below its beginning, a little further in."""
    if console.width is None:
        console.write(text)
        return
    for number, line in enumerate(wrapped(text, console.width - FLOW_IN, " " * FLOW_IN)):
        console.write(line if number else line[FLOW_IN:])


def show_facts(console: Console, facts: Iterable[tuple[str, str]]) -> None:
    """Write name and value line by line, leaving out what is empty."""
    for name, value in facts:
        if not value:
            continue
        if console.width is None:
            console.write(f"{name}\t{value}")
            continue
        first, *rest = wrapped(value, console.width - FACT_AT, " " * FACT_AT)
        for line in (f"  {name:<12} {first[FACT_AT:]}", *rest):
            console.write(line)
