"""Whole series as packed columns in files beside a SQLite database: read ten times as fast as the rows.

A pack is a copy that is never believed unseen. It carries the stamp of the rows that it was made from: the database's
tag, how often the series was changed (counted in the transaction that changes it), and, against changes by other
hands, the number of rows and sums over all columns. Each reading asks the database for the stamp of the same rows as
they are now, in the transaction that reads; only if both are equal is the pack taken, else the rows are read and packed
anew. A pack that can't be read or written is no error: the rows are there.

That question is spared where the database's files have not been touched since it was last asked: a pack bears the time
of its last check, the files that of their last write, and of being put in the place of others.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from botbox_cli.domain.candle import Interval
from botbox_cli.storage.bulk import BETWEEN, FLOATS, Bulk, Columns

MAGIC = b"botbox candles 1\n"
LEAST_ROWS = 2000
"""Fewer rows are read as fast as a pack is checked."""
TAIL_ROWS = 500
"""So many rows behind the pack are read as rows each time, before it is written anew."""

SETTLED_S = 2.0
"""A write that lies this near to a check, or after it, may not be covered by it."""

_RANGE = "WHERE instrument_id = :id AND timeframe = :timeframe AND open_ms BETWEEN :first AND :last"
_SUMS = (
    "open + high + low + close",
    "volume + turnover + coalesce(volume_ma, 0)",
    "bb_upper + bb_middle + bb_lower + rsi + atr",
)
"""All columns; few sums of many are faster than many of one, and each is of values of like size."""
_STAMP = (
    "SELECT (SELECT tag FROM installation), coalesce((SELECT revision FROM revisions WHERE "
    "instrument_id = :id AND timeframe = :timeframe), 0), count(*), total(open_ms), "
    + ", ".join(f"total({sum_})" for sum_ in _SUMS)
    + f" FROM candles {_RANGE}"
)
_ROWS = "WHERE instrument_id = ? AND timeframe = ? AND open_ms {} ? ORDER BY open_ms"


class Packs:
    """The packs of one database."""

    def __init__(self, database: Path) -> None:
        self._files = (database, database.with_name(f"{database.name}-wal"))
        self._folder = database.with_name(f"{database.stem}-candles")

    def between(
        self,
        driver: sqlite3.Connection,
        instrument_id: int,
        interval: Interval,
        start_ms: int,
        end_ms: int,
        *,
        bulk: Bulk,
    ) -> Columns:
        """Return the columns of the candles with start_ms <= open time <= end_ms: of a long stretch from the pack."""
        if (end_ms - start_ms) // interval.length_ms < LEAST_ROWS:
            return bulk.fetch(driver, BETWEEN, (instrument_id, interval.code, start_ms, end_ms))
        columns = self.series(driver, bulk, instrument_id, interval.code)
        first, after = np.searchsorted(columns[0], [start_ms, end_ms + 1]).tolist()
        return tuple(column[first:after] for column in columns)

    def series(self, driver: sqlite3.Connection, bulk: Bulk, instrument_id: int, timeframe: str) -> Columns:
        """Return all columns of a series."""
        path = self._folder / f"{instrument_id}-{timeframe}.pack"
        packed = _load(path)
        if packed is not None:
            stamp, columns = packed
            if self._is_untouched_since_check(path):
                return columns
            checked = time.time()
            first, last = int(columns[0][0]), int(columns[0][-1])
            if stamp == _stamp(driver, instrument_id, timeframe, first, last):
                before = bulk.fetch(driver, _ROWS.format("<"), (instrument_id, timeframe, first))
                after = bulk.fetch(driver, _ROWS.format(">"), (instrument_id, timeframe, last))
                if not len(before[0]) and not len(after[0]):
                    _mark_checked(path, checked)
                    return columns
                if not len(before[0]) and len(after[0]) <= TAIL_ROWS:
                    return tuple(np.concatenate(pair) for pair in zip(columns, after, strict=True))
        columns = bulk.fetch(driver, _ROWS.format(">="), (instrument_id, timeframe, -(2**62)))
        if len(columns[0]) >= LEAST_ROWS:
            first, last = int(columns[0][0]), int(columns[0][-1])
            _save(path, _stamp(driver, instrument_id, timeframe, first, last), columns)
        return columns

    def _is_untouched_since_check(self, path: Path) -> bool:
        """Tell whether the database was written last well before the pack was checked."""
        try:
            checked = path.stat().st_mtime
            found = [file.stat() for file in self._files if file.exists()]
        except OSError:
            return False
        # An empty write-ahead log is made by every process that opens the database, and holds nothing.
        written = max((max(f.st_mtime, f.st_ctime) for f in found if f.st_size), default=checked)
        return written + SETTLED_S < checked <= time.time()


def _mark_checked(path: Path, at: float) -> None:
    with suppress(OSError):
        os.utime(path, (at, at))


def _stamp(
    driver: sqlite3.Connection, instrument_id: int, timeframe: str, first: int, last: int
) -> list[Any]:
    key = {"id": instrument_id, "timeframe": timeframe, "first": first, "last": last}
    return list(driver.execute(_STAMP, key).fetchone())


def _load(path: Path) -> tuple[list[Any], Columns] | None:
    """Return stamp and columns of a pack, None for one that is not there or not whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    start = data.find(b"\n", len(MAGIC)) + 1
    if not data.startswith(MAGIC) or not start:
        return None
    try:
        told = json.loads(data[len(MAGIC) : start])
        stamp, rows, check = told["stamp"], told["rows"], told["crc32"]
    except (ValueError, KeyError, TypeError):
        return None
    width = 1 + len(FLOATS)
    body = memoryview(data)[start:]
    if not rows or len(body) != width * rows * 8 or zlib.crc32(body) != check:
        return None
    matrix = np.frombuffer(data, np.float64, offset=start).reshape(width, rows)
    return stamp, (matrix[0].view(np.int64), *matrix[1:])


def _save(path: Path, stamp: list[Any], columns: Columns) -> None:
    body = b"".join(np.ascontiguousarray(column).tobytes() for column in columns)
    head = json.dumps({"stamp": stamp, "rows": len(columns[0]), "crc32": zlib.crc32(body)})
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        try:
            new.write_bytes(MAGIC + head.encode() + b"\n" + body)
            os.utime(new, (0, 0))  # not checked yet: rows may have changed while they were read and packed
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
