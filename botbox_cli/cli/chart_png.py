"""A chart as a PNG file. The only module that imports Pillow, which is the extra `chart`."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.number import plain
from botbox_cli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

    from botbox_cli.services.charting import Drawing

WIDTH, HEIGHT = 1400, 860
LEFT, RIGHT, TOP = 20, 170, 46
PRICE_BOTTOM, VOLUME_BOTTOM, RSI_BOTTOM = 560, 670, 820
GAP = 24
BACK, INK, SOFT = "#ffffff", "#222222", "#9a9a9a"
GREEN, RED, BLUE, ORANGE, VIOLET = "#26a69a", "#ef5350", "#2962ff", "#f5a623", "#7e57c2"
RSI_BOUNDS = (35.0, 65.0)


def save_png(path: Path, drawing: Drawing) -> None:
    """Write the chart. Raises ConfigError without Pillow, UsageError where the file can't be written."""
    data = png(drawing)
    try:
        path.write_bytes(data)
    except OSError as e:
        raise UsageError(
            f"--png {path} can't be written: {e.strerror or e}", "name a file in a directory that exists"
        ) from e


def png(drawing: Drawing) -> bytes:
    """Return the chart. Raises ConfigError without Pillow."""
    try:
        from PIL import Image, ImageDraw
    except ImportError as e:
        raise ConfigError(
            "--png needs Pillow, which is not installed",
            "run `pip install 'botbox[chart]'`, or use --html",
            code="missing_extra",
        ) from e
    image = Image.new("RGB", (WIDTH, HEIGHT), BACK)
    _Picture(ImageDraw.Draw(image), drawing).paint()
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


class _Picture:
    """The painting of one chart."""

    def __init__(self, brush: ImageDraw, drawing: Drawing) -> None:
        from PIL import ImageFont

        self._brush, self._drawing = brush, drawing
        self._font = ImageFont.load_default(15)
        self._count = len(drawing.candles.open_ms)
        self._step = (WIDTH - LEFT - RIGHT) / self._count

    def paint(self) -> None:
        self._text(LEFT, 12, self._drawing.title)
        self._prices()
        self._volume()
        self._rsi()
        self._times()

    def _x(self, column: float) -> float:
        return LEFT + (column + 0.5) * self._step

    def _text(self, x: float, y: float, text: str, colour: str = INK) -> None:
        self._brush.text((x, y), text, fill=colour, font=self._font)

    def _prices(self) -> None:
        candles, seen = self._drawing.candles, self._drawing.indicators
        levels = [float(price) for _, price in self._drawing.levels]
        low = min([float(candles.low.min()), *levels])
        high = max([float(candles.high.max()), *levels])
        room = (high - low) * 0.04 or abs(high) * 0.001 or 1.0
        y = _scale(low - room, high + room, TOP, PRICE_BOTTOM)
        for share in range(5):
            price = low + (high - low) * share / 4
            self._brush.line([(LEFT, y(price)), (WIDTH - RIGHT, y(price))], fill="#eeeeee")
            if not levels:
                self._text(WIDTH - RIGHT + 8, y(price) - 8, f"{price:.6g}", SOFT)
        for name in ("bb_upper", "bb_middle", "bb_lower"):
            self._line(getattr(seen, name), y, SOFT)
        half = max(1.0, self._step * 0.35)
        rows = zip(*(getattr(candles, n).tolist() for n in ("open", "high", "low", "close")), strict=True)
        for column, (open_, top, bottom, close) in enumerate(rows):
            colour, x = GREEN if close >= open_ else RED, self._x(column)
            self._brush.line([(x, y(top)), (x, y(bottom))], fill=colour)
            body = sorted((y(open_), y(close)))
            self._brush.rectangle([(x - half, body[0]), (x + half, max(body[1], body[0] + 1))], fill=colour)
        self._levels(y)
        self._marks(y)

    def _levels(self, y: Callable[[float], float]) -> None:
        taken: list[float] = []
        for name, price in sorted(self._drawing.levels, key=lambda level: -level[1]):
            colour = {"entry": BLUE, "stop": RED}.get(name, GREEN)
            at = y(float(price))
            self._brush.line([(LEFT, at), (WIDTH - RIGHT, at)], fill=colour)
            label = max([at, *(t + 18 for t in taken[-1:])])
            taken.append(label)
            self._text(WIDTH - RIGHT + 8, label - 8, f"{name} {plain(price)}", colour)

    def _marks(self, y: Callable[[float], float]) -> None:
        for mark in self._drawing.marks:
            column = self._drawing.column_of(mark.at)
            if column is None:
                continue
            x, at = self._x(column), y(float(mark.price))
            if mark.is_fill:
                way = 1 if mark.is_buy else -1
                colour = GREEN if mark.is_buy else RED
                shape = [(x, at), (x - 8, at + 14 * way), (x + 8, at + 14 * way)]
                self._brush.polygon(shape, fill=colour, outline=INK)
            else:
                self._brush.ellipse([(x - 6, at - 6), (x + 6, at + 6)], outline=ORANGE, width=3)

    def _volume(self) -> None:
        candles = self._drawing.candles
        greatest = float(candles.volume.max()) or 1.0
        top, half = PRICE_BOTTOM + GAP, max(1.0, self._step * 0.35)
        rising = (candles.close >= candles.open).tolist()
        for column, (value, up) in enumerate(zip(candles.volume.tolist(), rising, strict=True)):
            x, height = self._x(column), (VOLUME_BOTTOM - top) * value / greatest
            corners = [(x - half, VOLUME_BOTTOM - height), (x + half, VOLUME_BOTTOM)]
            self._brush.rectangle(corners, fill="#a8dad5" if up else "#f8bab9")
        self._text(WIDTH - RIGHT + 8, top, f"volume {greatest:,.{0 if greatest >= 100 else 2}f}", SOFT)

    def _rsi(self) -> None:
        y = _scale(0.0, 100.0, VOLUME_BOTTOM + GAP, RSI_BOTTOM)
        for bound in RSI_BOUNDS:
            self._brush.line([(LEFT, y(bound)), (WIDTH - RIGHT, y(bound))], fill="#dddddd")
            self._text(WIDTH - RIGHT + 8, y(bound) - 8, f"RSI {bound:g}", SOFT)
        self._line(self._drawing.indicators.rsi, y, VIOLET)

    def _line(self, values: np.ndarray, y: Callable[[float], float], colour: str) -> None:
        points = [(self._x(i), y(v)) for i, v in enumerate(values.tolist()) if not math.isnan(v)]
        for before, after in pairwise(points):
            self._brush.line([before, after], fill=colour, width=2)

    def _times(self) -> None:
        open_ms = self._drawing.candles.open_ms.tolist()
        for part in range(7):
            column = part * (self._count - 1) // 7
            self._text(
                self._x(column) - 4, RSI_BOTTOM + 12, f"{from_ms(open_ms[column]):%Y-%m-%d %H:%M}", SOFT
            )


def _scale(low: float, high: float, top: int, bottom: int) -> Callable[[float], float]:
    return lambda value: top + (high - value) / (high - low) * (bottom - top)
