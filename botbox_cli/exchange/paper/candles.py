"""Recorded candles: read from CSV files, chosen by Bybit's rules, aggregated into longer intervals."""

from __future__ import annotations

import gzip
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from botbox_cli.exchange.paper.number import ZERO, plain
from botbox_cli.exchange.paper.protocol import DAY_MS, WEEK_MS, from_ms, to_ms

MINUTE_MS = 60_000
INTERVAL_MS = {
    **{text: int(text) * MINUTE_MS for text in ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720")},
    "D": DAY_MS,
    "W": WEEK_MS,
}
# The epoch was a Thursday; weeks begin on Monday 00:00 UTC.
_FIRST_MONDAY_MS = 4 * DAY_MS


class Candle(NamedTuple):
    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class Series(NamedTuple):
    """Candles of one symbol and interval, oldest first; each line is `open,high,low,close,volume` as recorded."""

    starts: Sequence[int]
    lines: Sequence[str]

    def candle(self, index: int) -> Candle:
        """Return one candle in numbers."""
        return Candle(self.starts[index], *map(Decimal, self.lines[index].split(",")))


def chosen(
    starts: Sequence[int], start_ms: int | None, end_ms: int | None, limit: int, now_ms: int
) -> tuple[int, int]:
    """Return the range of indexes that a kline request asks for, among candles that have begun.

    From a start alone it runs forward; otherwise it is the newest `limit` up to the end. A candle that holds a start in
    its middle is left out, one that holds the end in its middle is in.
    """
    end = bisect_right(starts, now_ms if end_ms is None else min(end_ms, now_ms))
    first = 0 if start_ms is None else bisect_left(starts, start_ms)
    if start_ms is not None and end_ms is None:
        return first, min(end, first + limit)
    return max(first, end - limit), end


def interval_start(at_ms: int, interval: str) -> int:
    """Return the opening time of the candle that holds a moment; weeks begin on Monday, months on the first, UTC."""
    if interval == "M":
        moment = from_ms(at_ms)
        return to_ms(datetime(moment.year, moment.month, 1, tzinfo=UTC))
    length = INTERVAL_MS[interval]
    origin = _FIRST_MONDAY_MS if interval == "W" else 0
    return (at_ms - origin) // length * length + origin


def merged(candles: Sequence[Candle], start_ms: int) -> Candle:
    """Return the one candle that consecutive shorter ones make."""
    return Candle(
        start_ms,
        candles[0].open,
        max(candle.high for candle in candles),
        min(candle.low for candle in candles),
        candles[-1].close,
        sum((candle.volume for candle in candles), ZERO),
    )


def aggregate(series: Series, interval: str) -> Series:
    """Return `series` in a longer interval, without a first candle whose beginning was not recorded."""
    groups: dict[int, list[Candle]] = {}
    for index in range(len(series.starts)):
        candle = series.candle(index)
        groups.setdefault(interval_start(candle.start_ms, interval), []).append(candle)
    whole = {start: group for start, group in groups.items() if start >= series.starts[0]}
    return Series(array("q", whole), [_line(merged(group, start)) for start, group in whole.items()])


class Recording:
    """Series by symbol and interval, read from their files when first asked for."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Take CSV files (gzipped or not) with the columns symbol, interval, start_ms, open, high, low, close, volume.

        A file named `…_SYMBOL_INTERVAL.csv.gz` holds that series alone and is read only when needed.
        """
        self._files: dict[tuple[str, str], Path] = {}
        self._series: dict[tuple[str, str], Series] = {}
        self._aggregates: dict[tuple[str, str], Series | None] = {}
        for path in files:
            parts = path.name.split(".")[0].split("_")
            if len(parts) == 3 and parts[2] in INTERVAL_MS:
                self._files[parts[1], parts[2]] = path
            else:
                self._series.update(_read(path))

    def recorded(self) -> set[tuple[str, str]]:
        """Return every (symbol, interval) that is recorded."""
        return self._files.keys() | self._series.keys()

    def intervals(self, symbol: str) -> list[str]:
        """Return the recorded intervals of a symbol, shortest first."""
        return sorted({i for s, i in self.recorded() if s == symbol}, key=INTERVAL_MS.__getitem__)

    def series(self, symbol: str, interval: str) -> Series | None:
        """Return a series as recorded or, failing that, aggregated from the shortest recorded one; None without any."""
        key = symbol, interval
        if key in self._files and key not in self._series:
            self._series.update(_read(self._files[key]))
        recorded = self._series.get(key)
        if recorded is None and key not in self._aggregates:
            self._aggregates[key] = self._aggregated(symbol, interval)
        return recorded or self._aggregates[key]

    def _aggregated(self, symbol: str, interval: str) -> Series | None:
        shortest = next(iter(self.intervals(symbol)), None)
        longer = interval == "M" or (shortest and INTERVAL_MS[interval] > INTERVAL_MS[shortest])
        base = self.series(symbol, shortest) if shortest and longer else None
        return aggregate(base, interval) if base and base.starts else None


def _read(path: Path) -> dict[tuple[str, str], Series]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    found: dict[tuple[str, str], Series] = {}
    last_key, starts, lines = None, array("q"), list[str]()
    for row in text.splitlines()[1:]:
        symbol, interval, start, values = row.split(",", 3)
        if (symbol, interval) != last_key:
            last_key = symbol, interval
            starts, lines = array("q"), []
            found[last_key] = Series(starts, lines)
        starts.append(int(start))
        lines.append(values)
    return found


def _line(candle: Candle) -> str:
    return ",".join(plain(value) for value in candle[1:])
