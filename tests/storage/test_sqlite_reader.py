"""The reader without SQLAlchemy gives what the database's own classes give, and leaves the unusual to them."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from botbox_cli.analysis.columns import cut
from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.domain.account import Venue
from botbox_cli.domain.instrument import Instrument
from botbox_cli.errors import StorageError
from botbox_cli.ports import CandleBatch, Indicators
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.engine import Database
from botbox_cli.storage.packs import LEAST_ROWS
from botbox_cli.storage.sqlite_file import path_of
from botbox_cli.storage.sqlite_reader import SqliteReader, opened
from botbox_cli.storage.store import SqlStore
from tests.support.candles import HOUR, walk

COUNT = LEAST_ROWS + 500
PAIRS = (
    Instrument("BTCUSDT", "BTC", "USDT", *map(Decimal, ("0.01", "0.000001", "0.000001", "5"))),
    Instrument("AUSDT", "A", "USDT", *map(Decimal, ("1E-8", "10", "10", "1.50", "1000000")), "both"),
)


@pytest.fixture
def books(sqlite_copy: str) -> Iterator[tuple[SqlStore, SqlCandles]]:
    with closing(SqlStore(sqlite_copy)) as store:
        candles = SqlCandles(store.database)
        batch = walk(COUNT)
        candles.upsert(Venue.REPLAY, "BTCUSDT", HOUR, batch, indicators_of(batch, HOUR))
        other = walk(30, seed=5)
        candles.upsert(Venue.MAINNET, "BTCUSDT", HOUR, other, indicators_of(other, HOUR))
        candles.upsert(Venue.REPLAY, "CANDLESUSDT", HOUR, other, indicators_of(other, HOUR))
        store.save_instruments(Venue.REPLAY, PAIRS, datetime(2025, 1, 1, tzinfo=UTC))
        yield store, candles


@pytest.fixture
def reader(sqlite_copy: str, books: object) -> Iterator[SqliteReader]:
    found = opened(sqlite_copy)
    assert found is not None
    with closing(found):
        yield found


def assert_same(
    one: tuple[CandleBatch, Indicators], other: tuple[CandleBatch, Indicators], *, rows: int
) -> None:
    assert len(one[0].open_ms) == rows
    for mine, theirs in zip(one, other, strict=True):
        for field in fields(mine):
            column = getattr(mine, field.name)
            np.testing.assert_array_equal(column, getattr(theirs, field.name), field.name)
            assert column.dtype == getattr(theirs, field.name).dtype


def test_it_reads_what_the_database_reads(books: tuple[SqlStore, SqlCandles], reader: SqliteReader) -> None:
    store, candles = books
    times = walk(COUNT).open_ms

    for venue in Venue:
        assert reader.series(venue) == candles.series(venue)
        for symbol in ("BTCUSDT", "AUSDT", "CANDLESUSDT", "NONEUSDT"):
            assert reader.instrument(venue, symbol) == store.instrument(venue, symbol)
    for symbol, first, last, rows in (
        ("BTCUSDT", times[0], times[-1], COUNT),
        ("BTCUSDT", times[7], times[-1] + 1, COUNT - 7),
        ("BTCUSDT", times[3], times[5], 3),
        ("NONEUSDT", 0, 1 << 50, 0),
    ):
        ask = (Venue.REPLAY, symbol, HOUR, int(first), int(last))
        for _ in range(2):  # from rows, then from the pack that this has made
            assert_same(reader.between(*ask), candles.between(*ask), rows=rows)


def test_it_sees_what_was_written_meanwhile(books: tuple[SqlStore, SqlCandles], reader: SqliteReader) -> None:
    whole = (Venue.REPLAY, "BTCUSDT", HOUR, 0, 1 << 50)
    reader.between(*whole)
    longer = walk(COUNT + 3)
    indicators = indicators_of(longer, HOUR)
    rows = slice(COUNT, COUNT + 3)
    books[1].upsert(
        Venue.REPLAY,
        "BTCUSDT",
        HOUR,
        cut(longer, rows),
        Indicators(*(getattr(indicators, f.name)[rows] for f in fields(Indicators))),
    )

    assert_same(reader.between(*whole), books[1].between(*whole), rows=COUNT + 3)


@pytest.mark.parametrize("name", ["b.sqlite", "~/b.sqlite", "/tmp/a b.sqlite", "../x"])
def test_a_url_names_the_same_file_to_both(name: str) -> None:
    assert path_of(f"sqlite:///{name}") == Database(f"sqlite:///{name}").path


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a?mode=ro",
        "sqlite:///a%20b",
        "postgresql://h/d",
        "x",
    ],
)
def test_other_urls_are_left_to_the_store(url: str) -> None:
    assert path_of(url) is None
    assert opened(url) is None


@pytest.mark.parametrize(
    "statement", ["UPDATE alembic_version SET version_num = '9999'", "DROP TABLE installation"]
)
def test_another_schema_is_left_to_the_store(sqlite_copy: str, statement: str) -> None:
    path = path_of(sqlite_copy)
    assert path is not None
    with closing(sqlite3.connect(path)) as c:
        c.execute(statement)
        c.commit()

    assert opened(sqlite_copy) is None


def test_a_file_that_is_no_database_is_left_to_the_store(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to be taken for one" * 100)

    assert opened(f"sqlite:///{tmp_path / 'text'}") is None
    assert opened(f"sqlite:///{tmp_path / 'nothing'}") is None


def test_a_table_that_goes_away_is_an_error_of_the_storage(sqlite_copy: str, reader: SqliteReader) -> None:
    path = path_of(sqlite_copy)
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE series")

    with pytest.raises(StorageError, match="lacks botbox's tables: no such table: series"):
        reader.series(Venue.REPLAY)


def test_reading_candles_loads_no_sqlalchemy(sqlite_copy: str, books: object) -> None:
    code = (
        "import sys\nfrom botbox_cli.bootstrap import recorded\nfrom botbox_cli.config import load\n"
        "from botbox_cli.domain.account import Venue\n"
        "with recorded(load(None)) as found:\n    assert found.candles.series(Venue.REPLAY)\n"
        "assert 'sqlalchemy' not in sys.modules and 'sqlmodel' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, env={"DATABASE_URL": sqlite_copy})
