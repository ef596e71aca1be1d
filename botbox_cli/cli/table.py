"""Tables on a terminal. The only module that imports Rich's tables; records for pipes never pass here."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console as RichConsole
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from botbox_cli.cli.wrapping import wrapped

if TYPE_CHECKING:
    from botbox_cli.cli.console import Column


def draw(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    width: int,
    colour: bool,
    is_unicode: bool,
) -> str:
    """Return a table that fits `width`: columns of the highest ranks are left out, none is cut.

    Where not even those of the lowest rank fit, each row is written as a record of lines.
    """
    console = RichConsole(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        no_color=not colour,
        highlight=False,
        emoji=False,
    )
    unbounded = console.options.update(max_width=10_000)
    for rank in sorted({c.rank for c in columns}, reverse=True):
        shown = [i for i, c in enumerate(columns) if c.rank <= rank]
        table = _table([columns[i] for i in shown], [[row[i] for i in shown] for row in rows], is_unicode)
        if Measurement.get(console, unbounded, table).maximum <= width:
            break
    else:
        return _records(columns, rows, width)
    left_out = len(columns) - len(shown)
    with console.capture() as capture:
        console.print(table)
        if left_out:
            noun = "column is" if left_out == 1 else "columns are"
            console.print(f"{left_out} more {noun} in a pipe and with --json", style="dim")
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _records(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> str:
    """Return rows for where there is no room for a table: the first column, and below it whatever the others have."""
    lines = []
    for first, *rest in rows:
        facts = [
            f"{column.label or column.name.replace('_', ' ')} {text}"
            for column, text in zip(columns[1:], rest, strict=True)
            if text
        ]
        lines += [first, *wrapped(", ".join(facts), width - 2, "  ")]
    return "\n".join(lines) + "\n"


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]], is_unicode: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD if is_unicode else box.ASCII2, show_edge=False, pad_edge=False)
    for column in columns:
        heading = column.label or column.name.replace("_", " ")
        table.add_column(heading, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(column, text) for column, text in zip(columns, row, strict=True)))
    return table


def _cell(column: Column, text: str) -> Text:
    if not column.signed or not text.strip("0.+-"):
        return Text(text)
    return Text(text, style="red" if text.startswith("-") else "green")
