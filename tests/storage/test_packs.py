"""Packed candles: the same as the rows, whatever became of rows or files."""

import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from botbox_cli.analysis.columns import cut
from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.domain.account import Venue
from botbox_cli.ports import CandleBatch, Indicators
from botbox_cli.storage import packs
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.migrate import upgrade
from botbox_cli.storage.packs import LEAST_ROWS, TAIL_ROWS
from botbox_cli.storage.store import SqlStore
from tests.support.candles import HOUR, walk

COUNT = LEAST_ROWS + 1000
WHOLE = (0, 2**50)


class Shelf:
    """A database on disk with one series, and readings of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "b.sqlite"
        url = f"sqlite:///{self.path}"
        upgrade(url)
        self.store = SqlStore(url)
        self.candles = SqlCandles(self.store.database)
        self.pack = folder / "b-candles" / "1-60.pack"

    def put(self, batch: CandleBatch) -> None:
        self.candles.upsert(Venue.REPLAY, "BTCUSDT", HOUR, batch, indicators_of(batch, HOUR))

    def read(self, start: int = WHOLE[0], end: int = WHOLE[1]) -> dict[str, np.ndarray]:
        """Return what a long reading gives: from a pack, if there is a good one."""
        return columns(*self.candles.between(Venue.REPLAY, "BTCUSDT", HOUR, start, end))

    def rows(self) -> dict[str, np.ndarray]:
        """Return the rows themselves."""
        return columns(*self.candles.tail(Venue.REPLAY, "BTCUSDT", HOUR, 10**6))

    def edit(self, statement: str) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute(statement)


def columns(candles: CandleBatch, indicators: Indicators) -> dict[str, np.ndarray]:
    return {f.name: getattr(part, f.name) for part in (candles, indicators) for f in fields(part)}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], name)
        assert column.dtype == other[name].dtype


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(tmp_path)
    found.put(walk(COUNT))
    yield found
    found.store.close()


def test_a_long_reading_makes_a_pack_and_the_next_one_takes_it(shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    first = shelf.read()
    assert shelf.pack.exists()
    asked: list[str] = []
    fetch = shelf.candles._bulk.fetch
    monkeypatch.setattr(
        shelf.candles._bulk, "fetch", lambda c, tail, p, **k: asked.append(tail) or fetch(c, tail, p, **k)
    )

    assert_same(shelf.read(), first)
    assert all("<" in tail or "> ?" in tail for tail in asked), (
        "only what lies before and behind was asked for"
    )
    assert_same(first, shelf.rows())


def test_a_part_is_cut_out_of_the_pack(shelf: Shelf):
    shelf.read()
    times = shelf.rows()["open_ms"]

    part = shelf.read(int(times[10]), int(times[2600]) + 1)

    assert_same(part, {name: column[10:2601] for name, column in shelf.rows().items()})


def test_candles_behind_the_pack_are_seen_at_once(shelf: Shelf):
    shelf.read()
    longer = walk(COUNT + TAIL_ROWS + 200)
    before = shelf.pack.read_bytes()

    for end in (COUNT + 1, COUNT + TAIL_ROWS, COUNT + TAIL_ROWS + 200):
        shelf.put(cut(longer, slice(COUNT, end)))
        assert_same(shelf.read(), shelf.rows())

    assert shelf.pack.read_bytes() != before, "a long tail is packed"


@pytest.mark.parametrize(
    "rows", [slice(0, 1), slice(1000, 1003), slice(COUNT - 1, COUNT)], ids=["first", "amid", "last"]
)
def test_changed_candles_are_never_read_from_an_old_pack(shelf: Shelf, rows: slice):
    shelf.read()

    shelf.put(cut(walk(COUNT, seed=1), rows))

    assert_same(shelf.read(), shelf.rows())


def test_earlier_candles_are_never_missed(shelf: Shelf):
    shelf.read()

    shelf.put(walk(50, start_ms=int(walk(1).open_ms[0]) - 50 * HOUR.length_ms))

    assert len(shelf.read()["open_ms"]) == COUNT + 50
    assert_same(shelf.read(), shelf.rows())


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM candles WHERE open_ms % 7 = 0",
        "DELETE FROM candles WHERE open_ms = (SELECT max(open_ms) FROM candles)",
        "DELETE FROM candles WHERE open_ms = (SELECT min(open_ms) FROM candles)",
        "UPDATE candles SET close = close + 0.01 WHERE open_ms = (SELECT min(open_ms) FROM candles) + 36000000000",
        "UPDATE candles SET rsi = NULL WHERE open_ms = (SELECT max(open_ms) FROM candles)",
        "UPDATE candles SET volume_ma = volume_ma * 1.001",
        "UPDATE installation SET tag = 'other1'",
    ],
)
def test_changes_by_other_hands_are_seen_too(shelf: Shelf, statement: str):
    shelf.read()

    shelf.edit(statement)

    assert_same(shelf.read(), shelf.rows())


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_pack_is_passed_over_and_made_anew(shelf: Shelf, damage: str):
    shelf.read()
    whole = shelf.pack.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    spoiled = {"cut": whole[:-100], "flipped": bytes(flipped), "empty": b"", "foreign": b"\x80not ours\n{}"}
    shelf.pack.write_bytes(spoiled[damage])

    assert_same(shelf.read(), shelf.rows())
    assert shelf.pack.read_bytes() == whole


def test_a_database_that_nobody_touched_since_the_last_check_is_not_asked_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    shelf.read()
    later = time.time() + 100
    monkeypatch.setattr(packs.time, "time", lambda: later)
    first = shelf.read()
    asked: list[object] = []
    stamp = packs._stamp
    monkeypatch.setattr(packs, "_stamp", lambda *key: asked.append(key) or stamp(*key))

    assert_same(shelf.read(), first)
    assert asked == []

    # The clock was put back: what is from the future proves nothing.
    monkeypatch.setattr(packs.time, "time", lambda: later - 50)
    shelf.edit("UPDATE candles SET close = close + 1")
    assert_same(shelf.read(), shelf.rows())
    assert asked


def test_another_database_in_the_place_of_this_one_is_seen(shelf: Shelf, tmp_path: Path):
    shelf.read()
    shelf.store.close()
    folder = tmp_path / "other"
    folder.mkdir()
    other = Shelf(folder)
    other.put(walk(COUNT, seed=5))
    other.store.close()
    kept = other.path.stat()
    other.path.replace(shelf.path)
    os.utime(shelf.path, (0, kept.st_mtime - 10_000))

    store = SqlStore(f"sqlite:///{shelf.path}")
    candles = SqlCandles(store.database)
    read = columns(*candles.between(Venue.REPLAY, "BTCUSDT", HOUR, *WHOLE))
    rows = columns(*candles.tail(Venue.REPLAY, "BTCUSDT", HOUR, 10**6))
    store.close()

    assert_same(read, rows)


def test_a_folder_that_can_not_be_written_is_no_failure(shelf: Shelf):
    shelf.pack.parent.write_text("in the way", "utf-8")

    assert_same(shelf.read(), shelf.rows())


def test_a_short_series_is_not_packed(tmp_path: Path):
    shelf = Shelf(tmp_path)
    shelf.put(walk(LEAST_ROWS - 1))

    assert_same(shelf.read(), shelf.rows())
    assert not shelf.pack.exists()
    assert not shelf.pack.parent.exists()
    shelf.store.close()
