"""Candles as `ports.CandleStore`: numpy columns in, numpy columns out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, delete, select, update

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import Interval
from botbox_cli.ports import CandleBatch, Indicators, Series
from botbox_cli.storage import tables as t
from botbox_cli.storage.bulk import (
    ALL,
    BETWEEN,
    FLOATS,
    KEY,
    NEWEST_FIRST,
    Bulk,
    Columns,
    PostgresBulk,
    SqliteBulk,
    split,
)
from botbox_cli.storage.engine import Database
from botbox_cli.storage.packs import Packs
from botbox_cli.storage.series import stored_series
from botbox_cli.storage.upserts import upserts

instruments, series = t.table(t.Instruments), t.table(t.Series)
candles = t.table(t.Candles)
revisions, replays = t.table(t.Revisions), t.table(t.Replays)

INSTRUMENT_ID = select(instruments.c.id).where(
    instruments.c.venue == bindparam("venue_"), instruments.c.symbol == bindparam("symbol_")
)
INSTRUMENT_IDS = select(instruments.c.symbol, instruments.c.id).where(
    instruments.c.venue == bindparam("venue_"),
    instruments.c.symbol.in_(bindparam("symbols_", expanding=True)),
)

LAST_MS = select(series.c.last_ms).where(
    series.c.instrument_id == bindparam("id_"), series.c.timeframe == bindparam("timeframe_")
)
REVISIONS = (
    select(instruments.c.symbol, revisions.c.timeframe, revisions.c.revision)
    .join(instruments, instruments.c.id == revisions.c.instrument_id)
    .where(instruments.c.venue == bindparam("venue_"))
)
REPLAYS = (
    select(instruments.c.symbol, replays.c.stamp, replays.c.data)
    .join(instruments, instruments.c.id == replays.c.instrument_id)
    .where(
        instruments.c.venue == bindparam("venue_"),
        replays.c.timeframe == bindparam("timeframe_"),
        replays.c.rule == bindparam("rule_"),
    )
)

OLDEST = (
    select(candles.c.open_ms)
    .where(candles.c.instrument_id == bindparam("id_"), candles.c.timeframe == bindparam("timeframe_"))
    .order_by(candles.c.open_ms)
    .limit(1)
)
NTH_OLDEST = OLDEST.offset(bindparam("skip_"))
DELETE_BEFORE = delete(candles).where(
    candles.c.instrument_id == bindparam("id_"),
    candles.c.timeframe == bindparam("timeframe_"),
    candles.c.open_ms < bindparam("bound_"),
)
NARROW_SERIES = (
    update(series)
    .where(series.c.instrument_id == bindparam("id_"), series.c.timeframe == bindparam("timeframe_"))
    .values(count=series.c.count - bindparam("gone_"), first_ms=bindparam("new_first_"))
)
PRUNE_BATCH = 5000
"""Candles deleted in one transaction: others write between two."""

assert tuple(c.name for c in t.table(t.Candles).c if c.name not in KEY) == FLOATS


class SqlCandles:
    """The candles of a database whose schema has been checked (by `SqlStore`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bulk: Bulk = SqliteBulk() if database.is_sqlite else PostgresBulk()
        self._upserts = upserts(database.kind)
        self._packs = None if database.path is None else Packs(database.path)

    def series(self, venue: Venue) -> list[Series]:
        """Return every stored series, in one query."""
        return stored_series(self._database, venue)

    def open_times(self, venue: Venue, symbol: str, interval: Interval) -> np.ndarray:
        """Return all stored opening times (int64 ms), oldest first."""
        with self._database.reading() as connection:
            key = (_instrument_id(connection, venue, symbol), interval.code)
            return self._bulk.fetch(_driver(connection), ALL, key, floats=False)[0]

    def upsert(
        self, venue: Venue, symbol: str, interval: Interval, candles: CandleBatch, indicators: Indicators
    ) -> int:
        """Store candles with their indicators in one statement; return how many of them were new."""
        columns = (*_columns(candles), *_columns(indicators))
        if not columns[0].size:
            return 0
        assert (np.diff(columns[0]) > 0).all(), "opening times must rise"
        with self._database.writing(durable=False) as connection:
            instrument_id = _instrument_id(connection, venue, symbol)
            if instrument_id is None:
                connection.execute(self._upserts.add_instrument, {"venue": venue, "symbol": symbol})
                instrument_id = _instrument_id(connection, venue, symbol)
            assert instrument_id is not None
            self._count_revision(connection, instrument_id, interval, first_ms=int(columns[0][0]))
            new = self._bulk.upsert(_driver(connection), instrument_id, interval.code, columns)
            extent = {
                "instrument_id": instrument_id,
                "timeframe": interval.code,
                "count": new,
                "first_ms": int(columns[0][0]),
                "last_ms": int(columns[0][-1]),
            }
            connection.execute(self._upserts.widen_series, extent)
        return new

    def _count_revision(
        self, connection: Connection, instrument_id: int, interval: Interval, *, first_ms: int
    ) -> None:
        """Note in the transaction that does it that candles are changed or put among others; appending is no change."""
        key = {"id_": instrument_id, "timeframe_": interval.code}
        last_ms = connection.execute(LAST_MS, key).scalar()
        if last_ms is not None and first_ms <= last_ms:
            row = {"instrument_id": instrument_id, "timeframe": interval.code, "revision": 1}
            connection.execute(self._upserts.count_revision, row)

    def revisions(self, venue: Venue) -> dict[tuple[str, str], int]:
        """Return how often stored candles of each (symbol, timeframe) were changed; absent: never."""
        with self._database.reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(REVISIONS, {"venue_": venue})}

    def replays(self, venue: Venue, interval: Interval, rule: str) -> dict[str, tuple[str, bytes]]:
        """Return what was remembered of a rule's replays by symbol: its stamp and the data."""
        key = {"venue_": venue, "timeframe_": interval.code, "rule_": rule}
        with self._database.reading() as connection:
            return {row[0]: (row[1], bytes(row[2])) for row in connection.execute(REPLAYS, key)}

    def remember_replay(
        self, venue: Venue, symbol: str, interval: Interval, rule: str, *, stamp: str, data: bytes
    ) -> None:
        """Remember what a replay of a stored series came to, in the place of what was remembered."""
        with self._database.writing(durable=False) as connection:
            row = {
                "instrument_id": _instrument_id(connection, venue, symbol),
                "timeframe": interval.code,
                "rule": rule,
            }
            connection.execute(self._upserts.put_replay, row | {"stamp": stamp, "data": data})

    def prune(self, venue: Venue, symbol: str, interval: Interval, before_ms: int) -> int:
        """Delete the candles of a series that opened before `before_ms`, oldest first; return how many."""
        total = 0
        while True:
            gone = self._prune_some(venue, symbol, interval, before_ms)
            total += gone
            if gone < PRUNE_BATCH:
                return total

    def _prune_some(self, venue: Venue, symbol: str, interval: Interval, before_ms: int) -> int:
        with self._database.writing(durable=False) as connection:
            key = {"id_": _instrument_id(connection, venue, symbol), "timeframe_": interval.code}
            newest = connection.execute(LAST_MS, key).scalar()
            if newest is None:
                return 0
            after = connection.execute(NTH_OLDEST, key | {"skip_": PRUNE_BATCH}).scalar()
            bound = min(before_ms, int(newest), before_ms if after is None else int(after))
            gone = connection.execute(DELETE_BEFORE, key | {"bound_": bound}).rowcount
            if gone:
                first = connection.execute(OLDEST, key).scalar_one()
                connection.execute(NARROW_SERIES, key | {"gone_": gone, "new_first_": first})
                row = {"instrument_id": key["id_"], "timeframe": interval.code, "revision": 1}
                connection.execute(self._upserts.count_revision, row)
            return int(gone)

    def tail(
        self, venue: Venue, symbol: str, interval: Interval, limit: int
    ) -> tuple[CandleBatch, Indicators]:
        """Return the newest `limit` stored candles, oldest first."""
        with self._database.reading() as connection:
            key = (_instrument_id(connection, venue, symbol), interval.code)
            newest_first = self._bulk.fetch(_driver(connection), NEWEST_FIRST, (*key, limit))
        return split(tuple(np.ascontiguousarray(column[::-1]) for column in newest_first))

    def between(
        self, venue: Venue, symbol: str, interval: Interval, start_ms: int, end_ms: int
    ) -> tuple[CandleBatch, Indicators]:
        """Return the stored candles with start_ms <= open time <= end_ms, oldest first."""
        with self._database.reading() as connection:
            instrument_id = _instrument_id(connection, venue, symbol)
            if self._packs is not None and instrument_id is not None:
                columns = self._packs.between(
                    _driver(connection), instrument_id, interval, start_ms, end_ms, bulk=self._bulk
                )
            else:
                key = (instrument_id, interval.code, start_ms, end_ms)
                columns = self._bulk.fetch(_driver(connection), BETWEEN, key)
        return split(columns)

    def between_many(
        self, venue: Venue, symbols: Sequence[str], interval: Interval, start_ms: int, end_ms: int
    ) -> dict[str, tuple[CandleBatch, Indicators]]:
        """Return what `between` returns, for many symbols at one moment; one that is not known is absent."""
        with self._database.reading() as connection:
            ids = connection.execute(INSTRUMENT_IDS, {"venue_": venue, "symbols_": list(symbols)}).all()
            return {
                symbol: split(
                    self._bulk.fetch(_driver(connection), BETWEEN, (id_, interval.code, start_ms, end_ms))
                )
                for symbol, id_ in ids
            }


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _instrument_id(connection: Connection, venue: Venue, symbol: str) -> int | None:
    """Return the id, or None, which is equal to no id in SQL."""
    found: int | None = connection.execute(INSTRUMENT_ID, {"venue_": venue, "symbol_": symbol}).scalar()
    return found


def _columns(batch: CandleBatch | Indicators) -> Columns:
    return tuple(getattr(batch, f.name) for f in fields(batch))
