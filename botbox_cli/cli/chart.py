"""Candles in the terminal: bands, and a line at each level of a setup. The only module that imports plotext."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botbox_cli.domain.candle import from_ms
from botbox_cli.domain.number import plain

if TYPE_CHECKING:
    from botbox_cli.ports import CandleBatch, Indicators

HEIGHT = 24
MARGIN = 30
"""Columns beside the candles: the scale on the left, the levels' names on the right."""
CANDLES_MAX = 120
TIME_LABELS = 4
PRICE_LABELS = 5
COLOURS = {"entry": "blue", "stop": "red"}
"""Of the lines; a target's is green."""
_PLAIN = str.maketrans("─│┌┐└┘├┤┬┴┼█·", "-|+++++++++#.")


def candles_that_fit(width: int) -> int:
    """Return how many candles a terminal of `width` columns can show, one a column."""
    return max(10, min(CANDLES_MAX, width - MARGIN))


def draw(
    candles: CandleBatch,
    indicators: Indicators,
    levels: Sequence[tuple[str, Decimal]],
    *,
    title: str,
    width: int,
    colour: bool,
    is_unicode: bool,
) -> str:
    """Return a chart of closed candles, oldest first, at most `width` columns wide; `levels` are named prices."""
    import plotext

    count = len(candles.close)
    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.plot_size(min(width, count + MARGIN), HEIGHT)
    figure.theme("simple")
    figure.title(title)
    for name, price in levels:
        line = plotext.marker("─", pixel=COLOURS.get(name, "green"))
        figure.draw(figure.segment((0, count - 1), (float(price), float(price)), marker=line))
    for band in (indicators.bb_upper, indicators.bb_middle, indicators.bb_lower):
        known = [(i, float(v)) for i, v in enumerate(band) if not math.isnan(v)]
        if known:
            figure.draw(figure.signal(*zip(*known, strict=True), marker=plotext.marker("·", pixel="gray")))
    columns = {name: getattr(candles, name).tolist() for name in ("open", "high", "low", "close")}
    figure.draw(figure.candlestick({"date": list(range(count)), **columns}))
    _scale(figure, candles, levels)
    drawn: str = figure.build().string(colorless=not colour)
    return "\n".join(
        line.rstrip() for line in (drawn if is_unicode else drawn.translate(_PLAIN)).splitlines()
    )


def _scale(figure: Any, candles: CandleBatch, levels: Sequence[tuple[str, Decimal]]) -> None:
    """Put prices on the left, the levels' names on the right, and local times below."""
    prices = [float(price) for _, price in levels]
    low, high = min(float(candles.low.min()), *prices), max(float(candles.high.max()), *prices)
    room = (high - low) * 0.03 or high * 0.001
    for side in ("left", "right"):
        figure.ruler("y", side).lim(low - room, high + room)
    scale = [low + (high - low) * i / (PRICE_LABELS - 1) for i in range(PRICE_LABELS)]
    figure.ruler("y", "left").ticks(scale, [f"{price:.6g}" for price in scale])
    figure.ruler("y", "right").ticks([float(p) for _, p in levels], [f"{n} {plain(p)}" for n, p in levels])
    count = len(candles.open_ms)
    marks = sorted({round(i * (count - 1) / (TIME_LABELS - 1)) for i in range(TIME_LABELS)})
    figure.ruler("x", "lower").ticks(marks, [_label(from_ms(int(candles.open_ms[i]))) for i in marks])


def _label(at: datetime) -> str:
    return f"{at.astimezone():%m-%d %H:%M}"
