"""Made candles in the amount of two years: ten symbols × 60, 240, D and W, 227,340 in all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from botbox_cli.config import DEFAULT_SYMBOLS, DEFAULT_TIMEFRAMES
from botbox_cli.domain.candle import DAY_MS, INTERVALS, Interval
from botbox_cli.ports import CandleBatch

DAYS = 730
AMOUNT = 227_340
FIRST_PRICES = (60_000.0, 3_000.0, 150.0, 600.0, 0.6, 0.5, 30.0, 0.1, 6.0, 15.0)
DECIMALS = (1, 2, 2, 1, 4, 4, 2, 5, 3, 3)
"""Those of the symbols' ticks."""

Made = tuple[str, Interval, CandleBatch]


def made(start_ms: int) -> Iterator[Made]:
    """Yield all series from `start_ms` on, a Monday 00:00 UTC; the same ones each time."""
    for number, symbol in enumerate(DEFAULT_SYMBOLS):
        hours = _hours(number, start_ms)
        for code in DEFAULT_TIMEFRAMES:
            yield symbol, INTERVALS[code], _aggregate(hours, INTERVALS[code])


def _hours(number: int, start_ms: int) -> CandleBatch:
    """A random walk whose volatility changes every few days."""
    rng = np.random.default_rng(number)
    count = DAYS * 24
    wildness = np.repeat(rng.uniform(0.002, 0.012, count // 60 + 1), 60)[:count]
    path = np.exp(
        np.cumsum(rng.standard_normal(count) * wildness) - wildness.mean() ** 2 * np.arange(count) / 2
    )
    close = FIRST_PRICES[number] * path
    open_ = np.concatenate([[FIRST_PRICES[number]], close[:-1]])
    wick_up, wick_down = np.abs(rng.standard_normal((2, count))) * wildness / 2
    high = np.maximum(open_, close) * (1 + wick_up)
    low = np.minimum(open_, close) * (1 - wick_down)
    volume = np.round(np.exp(rng.standard_normal(count) / 2) * 1000, 3)
    open_, high, low, close = (np.round(column, DECIMALS[number]) for column in (open_, high, low, close))
    open_ms = start_ms + np.arange(count, dtype=np.int64) * INTERVALS["60"].length_ms
    return CandleBatch(open_ms, open_, high, low, close, volume, volume * close)


def _aggregate(hours: CandleBatch, interval: Interval) -> CandleBatch:
    """Return the whole candles of a longer interval; the hours begin on its grid."""
    per = interval.length_ms // INTERVALS["60"].length_ms
    whole = len(hours.open_ms) // per

    def groups(column: np.ndarray) -> np.ndarray:
        return column[: whole * per].reshape(whole, per)

    return CandleBatch(
        groups(hours.open_ms)[:, 0],
        groups(hours.open)[:, 0],
        groups(hours.high).max(axis=1),
        groups(hours.low).min(axis=1),
        groups(hours.close)[:, -1],
        groups(hours.volume).sum(axis=1).round(3),
        groups(hours.turnover).sum(axis=1),
    )


def newest_start_ms(now_ms: int) -> int:
    """Return the Monday from which the made candles all lie before `now_ms`."""
    return INTERVALS["W"].floor_ms(now_ms - DAYS * DAY_MS)


def write_csv(path: Path, start_ms: int) -> None:
    """Write all series in the form that the paper exchange replays."""
    with path.open("w", encoding="ascii") as file:
        file.write("symbol,interval,start_ms,open,high,low,close,volume\n")
        for symbol, interval, c in made(start_ms):
            rows = zip(
                *(column.tolist() for column in (c.open_ms, c.open, c.high, c.low, c.close, c.volume)),
                strict=True,
            )
            file.writelines(f"{symbol},{interval.code},{','.join(map(repr, row))}\n" for row in rows)
