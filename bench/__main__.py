"""Measure everything and print the table."""

from __future__ import annotations

import compileall
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import backfill, card, replaying, serving, simulating, startup, storing, trading, watching
from bench.measure import RUNS, Row

PACKAGE = Path(__file__).parents[1] / "botbox_cli"
HEADINGS = ("what", "median", "range", "reach", "")


def main() -> None:
    compileall.compile_dir(PACKAGE, quiet=2)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors{load}; medians of {RUNS}")
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory(prefix="botbox-bench-") as folder:
        for row in _all(Path(folder)):
            rows.append(_cells(row))
            print("  ".join(rows[-1]), file=sys.stderr)
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for cells in (HEADINGS, *rows):
        print("  ".join(_aligned(cells, widths)).rstrip())


def _all(folder: Path) -> Iterator[Row]:
    yield from startup.rows(folder)
    yield from storing.rows(folder)
    yield from card.rows(folder)
    yield from backfill.rows(folder)
    yield from trading.rows(folder)
    yield from watching.rows(folder)
    yield from replaying.rows(folder)
    yield from simulating.rows()
    yield from serving.rows(folder)


def _cells(row: Row) -> tuple[str, ...]:
    low, high = (_number(value) for value in (min(row.values), max(row.values)))
    sign = "≥" if row.at_least else "≤"
    return (
        row.what,
        f"{_number(row.value)} {row.unit}",
        f"{low} to {high}",
        f"{sign} {_number(row.limit)} {row.unit}",
        "reached" if row.is_reached else "MISSED",
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _aligned(cells: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        yield cell.rjust(width) if column in (1, 3) else cell.ljust(width)


if __name__ == "__main__":
    main()
