"""The desk's two tables: rows by id, and which one the cursor is on."""

from __future__ import annotations

from collections.abc import Mapping

from textual.widgets import DataTable

Table = DataTable[str]


def chosen_in(table: Table) -> tuple[str, int] | None:
    """Return the table's name and the id of the row that the cursor is on."""
    if not table.row_count or table.id is None:
        return None
    key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
    return None if key is None else (table.id, int(key))


def fill(table: Table, wanted: Mapping[int, tuple[str, ...]]) -> None:
    """Make a table show these rows by id, touching only the cells that differ."""
    wanted = {number: tuple(f"{cell} " for cell in cells) for number, cells in wanted.items()}
    present = [key.value for key in table.rows]
    if present != [str(number) for number in wanted]:
        row = table.cursor_row
        table.clear()
        for number, cells in wanted.items():
            table.add_row(*cells, key=str(number))
        if table.row_count:
            table.move_cursor(row=min(row, table.row_count - 1))
        _draw_anew(table)
        return
    has_changed = False
    for number, cells in wanted.items():
        for column, cell in zip(table.columns, cells, strict=True):
            if table.get_cell(str(number), column) != cell:
                table.update_cell(str(number), column, cell, update_width=True)
                has_changed = True
    if has_changed:
        _draw_anew(table)


def _draw_anew(table: Table) -> None:
    """Draw a table once more: it learns its columns' widths when idle, and keeps lines that it drew before."""

    def anew() -> None:
        table.notify_style_update()
        table.refresh()

    table.call_after_refresh(anew)
