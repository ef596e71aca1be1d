"""A chart in characters: price with bands, levels and fills, RSI and volume, one column a candle.

Nothing is told by colour alone: a rising candle is full, a falling one hollow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from botbox_cli.analysis.columns import Column
from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.number import plain
from botbox_cli.services.charting import Drawing

PRICE_ROWS, RSI_ROWS, VOLUME_ROWS = 18, 6, 3
SCALE = 11
"""Columns for the scale on the left, the space behind it included."""
NAMES_MAX = 20
LEAST_CANDLES = 10
RSI_LOW, RSI_HIGH = 35.0, 65.0
RSI_SHOWN = (15.0, 85.0)
"""What lies beyond is drawn at the edge."""
_CLEAR = "\x1b[0m"
_COLOURS = {
    "up": "\x1b[32m",
    "down": "\x1b[31m",
    "band": "\x1b[90m",
    "level": "\x1b[34m",
    "mark": "\x1b[1;33m",
}


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters of one alphabet; `steps` fill a cell from below by eighths."""

    up: str
    down: str
    wick: str
    band: str
    level: str
    buy: str
    sell: str
    setup: str
    steps: str
    ascii_only: bool


UNICODE = Signs("█", "░", "│", "·", "─", "▲", "▼", "◆", " ▁▂▃▄▅▆▇█", ascii_only=False)
ASCII = Signs("#", "o", "|", ".", "-", "^", "v", "*", "  ..::##|", ascii_only=True)


class Grid:
    """Cells of characters with a colour each; what is put later covers what was there."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self._cells = [[(" ", "")] * columns for _ in range(rows)]

    def put(self, row: int, column: int, sign: str, colour: str = "") -> None:
        if 0 <= row < self.rows and 0 <= column < self.columns:
            self._cells[row][column] = sign, colour

    def line(self, row: int, *, colour: bool) -> str:
        parts, last = [], ""
        for sign, of in self._cells[row]:
            wanted = of if colour else ""
            if wanted != last:
                parts.append(_CLEAR if last else "")
                parts.append(_COLOURS.get(wanted, ""))
                last = wanted
            parts.append(sign)
        return "".join(parts) + (_CLEAR if last else "")


def names_width(names: Sequence[str]) -> int:
    """Return the columns that the names on the right take."""
    return min(NAMES_MAX, max((len(n) + 1 for n in names), default=0))


def level_names(drawing: Drawing) -> list[str]:
    """Return what stands beside each level."""
    return [f"{name} {plain(price)}" for name, price in drawing.levels]


def draw_text(drawing: Drawing, *, width: int, colour: bool, is_unicode: bool) -> str:
    """Return the chart, no line longer than `width` (down to 40 columns)."""
    signs = UNICODE if is_unicode else ASCII
    names = level_names(drawing)
    room = max(LEAST_CANDLES, width - SCALE - names_width(names))
    shown = slice(-room, None)
    count = min(room, len(drawing.candles.close))
    lines = [drawing.title[:width]]
    lines += _price_panel(drawing, shown, count, names, width, signs, colour=colour)
    lines += _rsi_panel(drawing.indicators.rsi[shown], count, signs, colour=colour)
    lines += _volume_panel(drawing, shown, count, signs, colour=colour)
    lines.append(_times(drawing.candles.open_ms[shown].tolist(), width))
    return "\n".join(line.rstrip() for line in lines)


def _price_panel(
    drawing: Drawing, shown: slice, count: int, names: list[str], width: int, signs: Signs, *, colour: bool
) -> list[str]:
    candles, seen = drawing.candles, drawing.indicators
    columns = [getattr(candles, n)[shown] for n in ("open", "high", "low", "close")]
    bands = [getattr(seen, n)[shown] for n in ("bb_upper", "bb_middle", "bb_lower")]
    prices = [float(price) for _, price in drawing.levels]
    known = [value for band in bands for value in band.tolist() if not math.isnan(value)]
    low = min([float(columns[2].min()), *prices, *known])
    high = max([float(columns[1].max()), *prices, *known])
    room = (high - low) * 0.02 or abs(high) * 0.001 or 1.0
    scale = _Scale(low - room, high + room, PRICE_ROWS)
    grid = Grid(PRICE_ROWS, count)
    for price in prices:
        for column in range(count):
            grid.put(scale.row(price), column, signs.level, "level")
    for band in bands:
        for column, value in enumerate(band.tolist()):
            if not math.isnan(value):
                grid.put(scale.row(value), column, signs.band, "band")
    for column, (open_, top, bottom, close) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        way = "up" if close >= open_ else "down"
        for row in range(scale.row(top), scale.row(bottom) + 1):
            grid.put(row, column, signs.wick, way)
        body = signs.up if way == "up" else signs.down
        for row in range(scale.row(max(open_, close)), scale.row(min(open_, close)) + 1):
            grid.put(row, column, body, way)
    _put_marks(grid, drawing, shown.start, scale, signs)
    beside = _beside(names, [scale.row(p) for p in prices], width - SCALE - count)
    lines = []
    for row in range(PRICE_ROWS):
        label = f"{scale.value(row):.6g}" if row % 4 == 0 else ""
        lines.append(f"{label:>{SCALE - 1}} {grid.line(row, colour=colour)} {beside.get(row, '')}")
    return lines


def _put_marks(grid: Grid, drawing: Drawing, first: int, scale: _Scale, signs: Signs) -> None:
    """Put fills into their candles, at their prices: a buy points up, a sale down; a setup is a diamond."""
    for mark in drawing.marks:
        column = drawing.column_of(mark.at, first)
        sign = signs.setup if not mark.is_fill else signs.buy if mark.is_buy else signs.sell
        if column is not None:
            grid.put(scale.row(float(mark.price)), column, sign, "mark")


def _beside(names: list[str], rows: list[int], room: int) -> dict[int, str]:
    """Return the level's name for each row; of two in one row, the second goes to a free one beside it."""
    placed: dict[int, str] = {}
    for name, row in zip(names, rows, strict=True):
        free = next((r for r in (row, row + 1, row - 1, row + 2, row - 2) if r not in placed), row)
        placed[free] = name[: max(0, room - 1)]
    return placed


def _rsi_panel(rsi: Column, count: int, signs: Signs, *, colour: bool) -> list[str]:
    grid = Grid(RSI_ROWS, count)
    scale = _Scale(RSI_SHOWN[0], RSI_SHOWN[1], RSI_ROWS)
    for bound in (RSI_LOW, RSI_HIGH):
        for column in range(0, count, 2):
            grid.put(scale.row(bound), column, signs.band, "band")
    for column, value in enumerate(rsi.tolist()):
        if not math.isnan(value):
            way = "up" if value < RSI_LOW else "down" if value > RSI_HIGH else ""
            grid.put(scale.row(value), column, "*" if signs.ascii_only else "•", way)
    known = rsi[~np.isnan(rsi)]
    label = f"RSI {known[-1]:.1f}" if len(known) else "RSI"
    heads = [label, *([""] * (RSI_ROWS - 1))]
    return [f"{head:>{SCALE - 1}} {grid.line(r, colour=colour)}" for r, head in enumerate(heads)]


def _volume_panel(drawing: Drawing, shown: slice, count: int, signs: Signs, *, colour: bool) -> list[str]:
    volume, candles = drawing.candles.volume[shown], drawing.candles
    greatest = float(volume.max()) or 1.0
    grid = Grid(VOLUME_ROWS, count)
    rising = (candles.close[shown] >= candles.open[shown]).tolist()
    for column, (value, up) in enumerate(zip((volume / greatest).tolist(), rising, strict=True)):
        eighths = round(value * VOLUME_ROWS * 8)
        for row in range(VOLUME_ROWS):
            part = min(8, max(0, eighths - (VOLUME_ROWS - 1 - row) * 8))
            grid.put(row, column, signs.steps[part], "up" if up else "down")
    heads = [f"vol {_short(greatest)}", *([""] * (VOLUME_ROWS - 1))]
    return [f"{head:>{SCALE - 1}} {grid.line(r, colour=colour)}" for r, head in enumerate(heads)]


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def _times(open_ms: list[int], width: int) -> str:
    """Return local times below as many candles as have room for them."""
    line = " " * SCALE
    for column in range(0, len(open_ms), 16):
        label = _label(from_ms(open_ms[column]))
        if SCALE + column >= len(line) and SCALE + column + len(label) <= width:
            line = line.ljust(SCALE + column) + label
    return line


def _label(at: datetime) -> str:
    return f"{at.astimezone():%m-%d %H:%M}"


class _Scale:
    """From values to rows, the greatest on top."""

    def __init__(self, low: float, high: float, rows: int) -> None:
        self._low, self._high, self._rows = low, high, rows

    def row(self, value: float) -> int:
        share = (self._high - value) / (self._high - self._low)
        return min(self._rows - 1, max(0, int(share * self._rows)))

    def value(self, row: int) -> float:
        return self._high - (row + 0.5) * (self._high - self._low) / self._rows
