"""Every row of a database: counted and hashed in a form that SQLite and PostgreSQL share, and copied between them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, insert, select, text

from botbox_cli.storage import tables as t
from botbox_cli.storage.bulk import Bulk, Columns, PostgresBulk, SqliteBulk
from botbox_cli.storage.engine import Database

BATCH = 1000
CHUNK = 50_000
"""Candles that are read at once; both sides of a comparison must cut a series at the same places."""
_MODULUS = 2**256

candles = t.table(t.Candles)
_SERIES = select(candles.c.instrument_id, candles.c.timeframe).distinct()
_AFTER = f"WHERE instrument_id = ? AND timeframe = ? AND open_ms > ? ORDER BY open_ms LIMIT {CHUNK}"
_BEFORE_ALL = -(2**62)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How many rows a table has, and a sum over the hashes of all of them, whatever their order."""

    rows: int
    digest: str


class Side:
    """One database in a transaction."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.database = database
        self.connection = connection
        self.bulk: Bulk = SqliteBulk() if database.is_sqlite else PostgresBulk()

    @property
    def driver(self) -> Any:
        """The driver's own connection, within the transaction."""
        return self.connection.connection.driver_connection

    def fingerprints(self) -> dict[str, Fingerprint]:
        """Return the fingerprint of every table."""
        return {table.name: self._fingerprint(table) for table in t.metadata.sorted_tables}

    def is_empty(self) -> bool:
        """Tell whether no table but that of the installation has a row."""
        others = (table for table in t.metadata.sorted_tables if table is not t.table(t.Installation))
        return all(self.connection.execute(select(table).limit(1)).first() is None for table in others)

    def _fingerprint(self, table: Any) -> Fingerprint:
        count = total = 0
        if table is candles:
            for key, chunk in self.series():
                count += len(chunk[0])
                total += _number(repr(key).encode() + b"".join(_bytes(column) for column in chunk))
        else:
            for batch in self.batches(table):
                count += len(batch)
                total += sum(_number(_canonical(row)) for row in batch)
        return Fingerprint(count, f"{total % _MODULUS:064x}")

    def batches(self, table: Any) -> Iterator[list[Any]]:
        """Yield the rows of a table, some at a time."""
        statement = select(table).execution_options(yield_per=BATCH)
        for part in self.connection.execute(statement).partitions():
            yield list(part)

    def series(self) -> Iterator[tuple[tuple[int, str], Columns]]:
        """Yield the candles of each series in pieces of at most CHUNK."""
        for instrument_id, timeframe in self.connection.execute(_SERIES).all():
            after = _BEFORE_ALL
            while True:
                chunk = self.bulk.fetch(self.driver, _AFTER, (instrument_id, timeframe, after))
                if not len(chunk[0]):
                    break
                yield (instrument_id, timeframe), chunk
                after = int(chunk[0][-1])

    def take_all(self, source: Side) -> None:
        """Put every row of `source` into these tables, which are empty, and set the sequences behind them."""
        self.connection.execute(delete(t.table(t.Installation)))
        for table in t.metadata.sorted_tables:
            if table is candles:
                self._take_candles(source)
            else:
                for batch in source.batches(table):
                    self.connection.execute(insert(table), [row._asdict() for row in batch])
        if not self.database.is_sqlite:
            self._set_sequences()

    def _take_candles(self, source: Side) -> None:
        for (instrument_id, timeframe), chunk in source.series():
            self.bulk.upsert(self.driver, instrument_id, timeframe, chunk)
            if not self.database.is_sqlite:
                # It would be emptied by the end of the transaction only.
                self.connection.exec_driver_sql("DROP TABLE incoming_candles")

    def _set_sequences(self) -> None:
        for table in t.metadata.sorted_tables:
            if "id" in table.c:
                self.connection.execute(
                    text(
                        f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                        f"coalesce(max(id), 1), max(id) IS NOT NULL) FROM {table.name}"
                    )
                )


def differing(ours: dict[str, Fingerprint], theirs: dict[str, Fingerprint]) -> list[str]:
    """Return a phrase for each table whose fingerprints differ."""
    return [
        f"{name} ({ours[name].rows} rows, {theirs[name].rows} in the copy)"
        for name in ours
        if ours[name] != theirs[name]
    ]


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest(), "big")


def _bytes(column: np.ndarray) -> bytes:
    if column.dtype != np.float64:
        return column.tobytes()
    # One NaN, one zero: SQLite knows neither a second NaN nor −0.
    return (np.where(np.isnan(column), np.nan, column) + 0.0).tobytes()


def _canonical(row: Any) -> bytes:
    return json.dumps([_plain(value) for value in row], sort_keys=True).encode()


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it without loss, the same for both databases."""
    if isinstance(value, Decimal):
        return format(abs(value) if value == 0 else value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes | memoryview):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, float):
        return (value + 0.0).hex()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
