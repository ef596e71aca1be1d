"""The design's rule on stored candles, in plain numpy: what every peer is given."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator

import numpy as np

COLUMNS = (
    "open_ms",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "bb_upper",
    "bb_middle",
    "bb_lower",
    "rsi",
    "atr",
    "volume_ma",
)
HOUR_MS = 3_600_000


def symbols(path: str) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield the hourly columns of each symbol, with the ratio of the regime."""
    with sqlite3.connect(path) as connection:
        for number, symbol in connection.execute("SELECT id, symbol FROM instruments ORDER BY id").fetchall():
            hours = _columns(connection, number, "60")
            fours = _columns(connection, number, "240")
            hours["ratio"] = _ratio(hours["open_ms"], fours)
            yield symbol, hours


def _columns(connection: sqlite3.Connection, number: int, timeframe: str) -> dict[str, np.ndarray]:
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM candles WHERE instrument_id = ? AND timeframe = ? ORDER BY open_ms",
        (number, timeframe),
    ).fetchall()
    matrix = np.array(rows, np.float64).T
    return dict(zip(COLUMNS, np.ascontiguousarray(matrix), strict=True))


def _ratio(open_ms: np.ndarray, fours: dict[str, np.ndarray]) -> np.ndarray:
    means = np.full(len(fours["atr"]), np.nan)
    means[49:] = np.convolve(np.nan_to_num(fours["atr"]), np.ones(50) / 50, "valid")
    means[: 49 + 14] = np.nan
    ratio = fours["atr"] / means
    row = np.searchsorted(fours["open_ms"] + 4 * HOUR_MS, open_ms + HOUR_MS, side="right") - 1
    return np.where(row >= 0, ratio[np.maximum(row, 0)], np.nan)


def signals(c: dict[str, np.ndarray]) -> np.ndarray:
    """Return where the design's rule finds a long."""
    return (
        (c["volume"] > 1.1 * c["volume_ma"])
        & (c["ratio"] <= 1.3)
        & (c["low"] <= c["bb_lower"])
        & (c["close"] > c["bb_lower"] * 0.998)
        & (c["rsi"] < 35)
    )


def path() -> str:
    return sys.argv[1]
