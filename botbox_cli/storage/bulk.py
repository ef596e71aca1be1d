"""The drivers' own bulk paths for candles: columns in, columns out, no SQLAlchemy in between.

SQLite takes `executemany` of one upsert. PostgreSQL takes a COPY into a temporary table and one upsert from there, and
gives by COPY too: binary, every row of the same bytes, so that numpy lays out and reads them all at once. For
that NaN travels where the table has NULL.

Nothing here loads SQLAlchemy: who only reads candles need not wait for it (`sqlite_reader`).
"""

from __future__ import annotations

import sqlite3
from dataclasses import fields
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from botbox_cli.ports import CandleBatch, Indicators

if TYPE_CHECKING:
    import psycopg

Columns = tuple[np.ndarray, ...]
"""Opening times (int64 ms), then float64 columns in the order of FLOATS (or none of them)."""

KEY = ("instrument_id", "timeframe", "open_ms")
FLOATS = tuple(f.name for f in (*fields(CandleBatch)[1:], *fields(Indicators)))

_OF_SERIES = "WHERE instrument_id = ? AND timeframe = ?"
ALL = f"{_OF_SERIES} ORDER BY open_ms"
NEWEST_FIRST = f"{_OF_SERIES} ORDER BY open_ms DESC LIMIT ?"
BETWEEN = f"{_OF_SERIES} AND open_ms BETWEEN ? AND ? ORDER BY open_ms"

_SET = ", ".join(f"{name} = excluded.{name}" for name in FLOATS)
_ON_CONFLICT = f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {_SET}"
_N_BATCH = len(fields(CandleBatch))


def split(columns: Columns) -> tuple[CandleBatch, Indicators]:
    """Return columns as candles and their indicators."""
    return CandleBatch(*columns[:_N_BATCH]), Indicators(*columns[_N_BATCH:])


class Bulk(Protocol):
    """What both drivers do. `driver` is a connection of theirs, within a transaction."""

    def upsert(self, driver: Any, instrument_id: int, timeframe: str, columns: Columns) -> int:
        """Store candles of rising opening times; return how many were new."""
        ...

    def fetch(self, driver: Any, tail: str, parameters: tuple[Any, ...], *, floats: bool = True) -> Columns:
        """Return the columns of `SELECT … FROM candles` + `tail`, which has a `?` for each parameter."""
        ...


class SqliteBulk:
    """SQLite: lists of Python floats are what its driver takes fastest."""

    _UPSERT = (
        f"INSERT INTO candles ({', '.join(KEY + FLOATS)}) "
        f"VALUES ({', '.join('?' * len(KEY + FLOATS))}) {_ON_CONFLICT}"
    )
    _COUNT = (
        "SELECT count(*) FROM candles WHERE instrument_id = ? AND timeframe = ? AND open_ms BETWEEN ? AND ?"
    )

    def upsert(self, driver: sqlite3.Connection, instrument_id: int, timeframe: str, columns: Columns) -> int:
        extent = (instrument_id, timeframe, int(columns[0][0]), int(columns[0][-1]))
        before: int = driver.execute(self._COUNT, extent).fetchone()[0]
        lists = (column.tolist() for column in columns)
        driver.executemany(self._UPSERT, zip(repeat(instrument_id), repeat(timeframe), *lists, strict=False))
        after: int = driver.execute(self._COUNT, extent).fetchone()[0]
        return after - before

    def fetch(
        self, driver: sqlite3.Connection, tail: str, parameters: tuple[Any, ...], *, floats: bool = True
    ) -> Columns:
        names = ("open_ms", *FLOATS) if floats else ("open_ms",)
        rows = driver.execute(f"SELECT {', '.join(names)} FROM candles {tail}", parameters)
        # A float64 holds milliseconds exactly for the next 285,000 years; None becomes NaN.
        matrix = np.array(rows.fetchall(), dtype=np.float64).reshape(-1, len(names))
        times, *values = np.ascontiguousarray(matrix.T)
        return (times.astype(np.int64), *values)


class PostgresBulk:
    """PostgreSQL: binary COPY both ways."""

    _INCOMING = (
        "CREATE TEMPORARY TABLE IF NOT EXISTS incoming_candles (open_ms bigint, "
        + ", ".join(f"{name} float8" for name in FLOATS)
        + ") ON COMMIT DELETE ROWS"
    )
    _COPY_IN = "COPY incoming_candles FROM STDIN (FORMAT binary)"
    # A row that was inserted has no xmax; one that was updated carries the updating transaction's.
    _UPSERT = (
        f"WITH put AS (INSERT INTO candles ({', '.join(KEY + FLOATS)}) SELECT %s, %s, open_ms, "
        + ", ".join(f"nullif({name}, 'NaN')" for name in FLOATS)
        + f" FROM incoming_candles {_ON_CONFLICT} RETURNING xmax) SELECT count(*) FILTER (WHERE xmax = 0) FROM put"
    )
    _OUT = ", ".join(f"coalesce({name}, 'NaN')" for name in FLOATS)
    # Source: PostgreSQL manual, "COPY", "Binary Format": signature, flags, length of the extension; trailer.
    _HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
    _TRAILER = b"\xff\xff"

    def upsert(
        self, driver: psycopg.Connection[Any], instrument_id: int, timeframe: str, columns: Columns
    ) -> int:
        rows = np.empty(len(columns[0]), _row_layout(len(columns)))
        rows["fields"] = len(columns)
        for number, column in enumerate(columns):
            rows[f"length{number}"] = 8
            rows[f"value{number}"] = column
        with driver.cursor() as cursor:
            cursor.execute(self._INCOMING)
            with cursor.copy(self._COPY_IN) as copy:
                copy.write(self._HEADER + rows.tobytes() + self._TRAILER)
            cursor.execute(self._UPSERT, (instrument_id, timeframe))
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])

    def fetch(
        self,
        driver: psycopg.Connection[Any],
        tail: str,
        parameters: tuple[Any, ...],
        *,
        floats: bool = True,
    ) -> Columns:
        names = f"open_ms, {self._OUT}" if floats else "open_ms"
        query = f"COPY (SELECT {names} FROM candles {tail.replace('?', '%s')}) TO STDOUT (FORMAT binary)"
        with driver.cursor() as cursor, cursor.copy(query, parameters) as copy:
            data = b"".join(copy)
        count = 1 + len(FLOATS) if floats else 1
        payload = len(data) - len(self._HEADER) - len(self._TRAILER)
        layout = _row_layout(count)
        rows = np.frombuffer(data, layout, count=payload // layout.itemsize, offset=len(self._HEADER))
        times, *values = (rows[f"value{number}"] for number in range(count))
        return (times.astype(np.int64), *(value.astype(np.float64) for value in values))


@cache
def _row_layout(columns: int) -> np.dtype[np.void]:
    """Return the bytes of one row in a binary COPY: number of fields, then length and value of each, big-endian."""
    layout = [("fields", ">i2"), ("length0", ">i4"), ("value0", ">i8")]
    for number in range(1, columns):
        layout += [(f"length{number}", ">i4"), (f"value{number}", ">f8")]
    return np.dtype(layout)
