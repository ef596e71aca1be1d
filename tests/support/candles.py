"""Candles for tests: recorded ones, and made ones."""

import csv
import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from botbox_cli.domain.candle import INTERVALS, Interval
from botbox_cli.ports import CandleBatch

RECORDED = Path(__file__).parents[1] / "fixtures" / "candles"
HOUR = INTERVALS["60"]
FOUR_HOURS = INTERVALS["240"]
START_MS = 1_704_067_200_000
"""2024-01-01 00:00 UTC, a Monday: on the grid of every interval."""


def recorded(symbol: str, timeframe: str, folder: Path = RECORDED) -> CandleBatch:
    """Return recorded candles; the files have no turnover, so that is close × volume."""
    with gzip.open(folder / f"bybit_{symbol}_{timeframe}.csv.gz", "rt") as file:
        rows = [row[2:] for row in csv.reader(file)][1:]
    open_ms = np.array([int(row[0]) for row in rows], np.int64)
    open_, high, low, close, volume = np.array([row[1:] for row in rows], np.float64).T.copy()
    return CandleBatch(open_ms, open_, high, low, close, volume, close * volume)


def walk(
    count: int, *, seed: int = 0, interval: Interval = HOUR, start_ms: int = START_MS, price: float = 100.0
) -> CandleBatch:
    """Return a random walk of `count` adjacent candles: calm and wild stretches, always above zero."""
    rng = np.random.default_rng(seed)
    wildness = np.repeat(rng.uniform(0.0005, 0.02, count // 40 + 1), 40)[:count]
    close = price * np.exp(np.cumsum(rng.standard_normal(count) * wildness))
    open_ = np.concatenate([[price], close[:-1]])[:count]
    high = np.maximum(open_, close) * (1 + wildness * rng.random(count))
    low = np.minimum(open_, close) * (1 - wildness * rng.random(count))
    volume = np.exp(rng.standard_normal(count)) * 1000
    return batch(open_, high, low, close, volume, interval=interval, start_ms=start_ms)


def level(count: int, price: float = 100.0, *, spread: float = 1.0, interval: Interval = HOUR) -> CandleBatch:
    """Return `count` adjacent candles which all close at `price`, `spread` from high to low, of volume 1000."""
    close = np.full(count, price)
    return batch(
        close, close + spread / 2, close - spread / 2, close, np.full(count, 1000.0), interval=interval
    )


def batch(
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
    *,
    interval: Interval = HOUR,
    start_ms: int = START_MS,
) -> CandleBatch:
    """Return adjacent candles from `start_ms` on."""
    open_ms = start_ms + np.arange(len(close), dtype=np.int64) * interval.length_ms
    return CandleBatch(open_ms, open_, high, low, close, volume, close * volume)
