"""Recorded candles of a SQLite file without SQLAlchemy, which takes longer to load than a backtest of ten pairs.

It reads, and it reads only what needs no conversion but that of decimals. Whatever is out of the ordinary (no such
file, another schema, a database that is no file) is left to `SqlStore`, which knows how to say it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import Interval
from botbox_cli.domain.instrument import Instrument
from botbox_cli.errors import StorageError
from botbox_cli.ports import CandleBatch, Indicators, Series
from botbox_cli.storage.bulk import SqliteBulk, split
from botbox_cli.storage.packs import Packs
from botbox_cli.storage.schema import STATE, check_revision
from botbox_cli.storage.sqlite_file import BUSY_S, connect, path_of

_DECIMALS = ("tick_size", "lot_size", "min_qty", "min_value", "max_market_qty")
"""Kept as text: `types.ExactDecimal`."""
_INSTRUMENT_FIELDS = tuple(f.name for f in fields(Instrument))
_INSTRUMENT = (
    f"SELECT {', '.join(_INSTRUMENT_FIELDS)} FROM instruments "
    "WHERE venue = ? AND symbol = ? AND updated_at IS NOT NULL"
)
_ID = "SELECT id FROM instruments WHERE venue = ? AND symbol = ?"
_SERIES = (
    f"SELECT i.symbol, {', '.join('s.' + f.name for f in fields(Series)[1:])} FROM series s "
    "JOIN instruments i ON i.id = s.instrument_id WHERE i.venue = ? ORDER BY i.symbol, s.timeframe"
)


class SqliteReader:
    """`ports.CandleReader` and `ports.Instruments` on a file whose schema has been checked. See `opened`."""

    def __init__(self, url: str, path: Path, driver: sqlite3.Connection) -> None:
        self._url = url
        self._driver = driver
        self._bulk = SqliteBulk()
        self._packs = Packs(path)

    def close(self) -> None:
        """Close the connection."""
        self._driver.close()

    def instrument(self, venue: Venue, symbol: str) -> Instrument | None:
        """Return the rules of a pair, or None while they have not been recorded."""
        with self._reading() as driver:
            row = driver.execute(_INSTRUMENT, (venue.value, symbol)).fetchone()
        if row is None:
            return None
        values: dict[str, Any] = dict(zip(_INSTRUMENT_FIELDS, row, strict=True))
        for name in _DECIMALS:
            values[name] = None if values[name] is None else Decimal(values[name])
        return Instrument(**values)

    def series(self, venue: Venue) -> list[Series]:
        """Return every stored series, in one query."""
        with self._reading() as driver:
            return [Series(*row) for row in driver.execute(_SERIES, (venue.value,))]

    def between(
        self, venue: Venue, symbol: str, interval: Interval, start_ms: int, end_ms: int
    ) -> tuple[CandleBatch, Indicators]:
        """Return the stored candles with start_ms <= open time <= end_ms, oldest first."""
        with self._reading() as driver:
            row = driver.execute(_ID, (venue.value, symbol)).fetchone()
            id_ = -1 if row is None else row[0]
            return split(self._packs.between(driver, id_, interval, start_ms, end_ms, bulk=self._bulk))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that sees one moment. Raises StorageError for what the driver raises."""
        try:
            self._driver.execute("BEGIN")
            try:
                yield self._driver
            finally:
                self._driver.execute("ROLLBACK")
        except sqlite3.Error as e:
            from botbox_cli.storage.engine import Database

            with Database(self._url).translated():
                raise e from None


def opened(url: str) -> SqliteReader | None:
    """Return a reader of the file that `url` names; None if that is nothing for it."""
    path = path_of(url)
    if path is None or not path.is_file():
        return None
    try:
        driver = connect(path, BUSY_S)
    except sqlite3.Error:
        return None
    with suppress(sqlite3.Error, StorageError):
        row = driver.execute(STATE).fetchone()
        check_revision(None if row is None else row[0], str(path))
        if row[1] is not None:
            return SqliteReader(url, path, driver)
    driver.close()
    return None
