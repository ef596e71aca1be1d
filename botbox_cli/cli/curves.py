"""Curves and bars in the terminal, within its width, also without colour and Unicode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

HEIGHT = 10
WIDTH_MAX = 100
_LEVELS = "▁▂▃▄▅▆▇█"


def curve(
    points: Sequence[tuple[datetime, float]], *, title: str, width: int, encoding: str | None
) -> list[str]:
    """Return a curve of values over time, as lines; each column shows the last value that it covers."""
    is_unicode = "utf" in (encoding or "utf-8").lower()
    low, high = min(v for _, v in points), max(v for _, v in points)
    labels = [f"{high:,.2f}", f"{low:,.2f}"]
    margin = max(map(len, labels)) + 1
    columns = max(10, min(WIDTH_MAX, width) - margin - 1)
    values = _sampled(points, columns)
    span = high - low or 1.0
    steps = HEIGHT * (len(_LEVELS) if is_unicode else 1)
    heights = [round((v - low) / span * (steps - 1)) + 1 for v in values]
    lines = [title]
    for row in range(HEIGHT - 1, -1, -1):
        label = labels[0] if row == HEIGHT - 1 else labels[1] if row == 0 else ""
        cells = "".join(_cell(h, row, is_unicode) for h in heights)
        lines.append(f"{label:>{margin}}{'│' if is_unicode else '|'}{cells}".rstrip())
    first, last = points[0][0], points[-1][0]
    dates = f"{first:%Y-%m-%d}{f'{last:%Y-%m-%d}':>{max(1, columns - 10)}}"
    lines.append(" " * (margin + 1) + dates)
    return lines


def _cell(height: int, row: int, is_unicode: bool) -> str:
    if not is_unicode:
        return "#" if height > row else " "
    filled = height - row * len(_LEVELS)
    return " " if filled <= 0 else _LEVELS[min(filled, len(_LEVELS)) - 1]


def _sampled(points: Sequence[tuple[datetime, float]], columns: int) -> list[float]:
    """Return the value at the end of each of `columns` equal stretches of time."""
    start, end = points[0][0], points[-1][0]
    length = (end - start).total_seconds() or 1.0
    values, at = [], 0
    for column in range(columns):
        until = (column + 1) / columns * length
        while at + 1 < len(points) and (points[at + 1][0] - start).total_seconds() <= until:
            at += 1
        values.append(points[at][1])
    return values


def bars(rows: Sequence[tuple[str, int]], *, title: str, width: int, encoding: str | None) -> list[str]:
    """Return a bar for each (label, count), as lines."""
    mark = "█" if "utf" in (encoding or "utf-8").lower() else "#"
    most = max((count for _, count in rows), default=0) or 1
    margin = max((len(label) for label, _ in rows), default=0)
    room = max(10, min(WIDTH_MAX, width) - margin - len(str(most)) - 3)
    lines = [title]
    for label, count in rows:
        length = max(1, round(count / most * room)) if count else 0
        lines.append(f"{label:>{margin}} {mark * length}{' ' if length else ''}{count}")
    return lines
