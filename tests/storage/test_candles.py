from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import count
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import INTERVALS
from botbox_cli.errors import StorageError
from botbox_cli.ports import CandleBatch, Indicators, Series
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.store import SqlStore

HOUR = INTERVALS["60"]
START = 1_767_225_600_000
MAINNET = Venue.MAINNET
numbers = count(1)
Batch = TypeVar("Batch", CandleBatch, Indicators)


@pytest.fixture
def candles(store: SqlStore) -> SqlCandles:
    return SqlCandles(store.database)


def hours(*wanted: int, seed: int = 1) -> tuple[CandleBatch, Indicators]:
    """Return candles of these hours, every figure random with all its bits, the first indicators not defined."""
    random = np.random.default_rng(seed)
    size = len(wanted)
    times = START + np.array(wanted, dtype=np.int64) * HOUR.length_ms
    batch = CandleBatch(times, *(random.random(size) * 1e5 for _ in range(6)))
    indicators = Indicators(*(random.random(size) * 1e-5 for _ in range(6)))
    for field in fields(Indicators):
        getattr(indicators, field.name)[:2] = np.nan
    return batch, indicators


def cut(batch: Batch, which: slice) -> Batch:
    return type(batch)(*(getattr(batch, f.name)[which] for f in fields(batch)))


def same(left: Batch, right: Batch) -> bool:
    """Tell whether all columns are equal bit for bit, in type, and laid out for fast reading."""
    return all(
        np.array_equal(a, b, equal_nan=True)
        and a.dtype == b.dtype
        and a.flags.c_contiguous
        and a.flags.writeable
        for a, b in ((getattr(left, f.name), getattr(right, f.name)) for f in fields(left))
    )


def test_candles_come_back_bit_for_bit(candles: SqlCandles) -> None:
    batch, indicators = hours(*range(50))

    assert candles.upsert(MAINNET, "BTCUSDT", HOUR, batch, indicators) == 50

    stored_batch, stored_indicators = candles.tail(MAINNET, "BTCUSDT", HOUR, 100)
    assert same(stored_batch, batch)
    assert same(stored_indicators, indicators)


def test_indicators_that_are_not_defined_are_null(store: SqlStore, candles: SqlCandles) -> None:
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(*range(5)))

    with store.database.reading() as connection:
        nulls = connection.execute(text("SELECT count(*) FROM candles WHERE rsi IS NULL")).scalar()
    assert nulls == 2


def test_tail_is_the_newest_oldest_first(candles: SqlCandles) -> None:
    batch, indicators = hours(*range(20))
    candles.upsert(MAINNET, "BTCUSDT", HOUR, batch, indicators)

    tail, tail_indicators = candles.tail(MAINNET, "BTCUSDT", HOUR, 7)

    assert same(tail, cut(batch, slice(-7, None)))
    assert same(tail_indicators, cut(indicators, slice(-7, None)))


def test_between_has_both_ends(candles: SqlCandles) -> None:
    batch, indicators = hours(*range(20))
    candles.upsert(MAINNET, "BTCUSDT", HOUR, batch, indicators)

    start, end = int(batch.open_ms[3]), int(batch.open_ms[9])
    found, found_indicators = candles.between(MAINNET, "BTCUSDT", HOUR, start, end)

    assert same(found, cut(batch, slice(3, 10)))
    assert same(found_indicators, cut(indicators, slice(3, 10)))


def test_storing_again_replaces_and_counts_only_what_is_new(candles: SqlCandles) -> None:
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(0, 1, 2, 5))
    batch, indicators = hours(1, 2, 3, 4, 5, 6, seed=2)

    assert candles.upsert(MAINNET, "BTCUSDT", HOUR, batch, indicators) == 3
    assert candles.upsert(MAINNET, "BTCUSDT", HOUR, batch, indicators) == 0

    stored_batch, stored_indicators = candles.tail(MAINNET, "BTCUSDT", HOUR, 6)
    assert same(stored_batch, batch)
    assert same(stored_indicators, indicators)


def test_no_candles_store_nothing(candles: SqlCandles) -> None:
    assert candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours()) == 0
    assert candles.series(MAINNET) == []


def test_series_tell_their_extent(candles: SqlCandles) -> None:
    candles.upsert(MAINNET, "ETHUSDT", HOUR, *hours(4, 5))
    candles.upsert(MAINNET, "BTCUSDT", INTERVALS["240"], *hours(8))
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(2, 3, 7))
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(1, 3))
    candles.upsert(Venue.TESTNET, "BTCUSDT", HOUR, *hours(9))

    def at(hour: int) -> int:
        return START + hour * HOUR.length_ms

    assert candles.series(MAINNET) == [
        Series("BTCUSDT", "240", 1, at(8), at(8)),
        Series("BTCUSDT", "60", 4, at(1), at(7)),
        Series("ETHUSDT", "60", 2, at(4), at(5)),
    ]
    assert candles.series(Venue.REPLAY) == []


def test_open_times_are_all_stored_ones(candles: SqlCandles) -> None:
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(5, 9))
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(1, 5, 6))

    times = candles.open_times(MAINNET, "BTCUSDT", HOUR)

    assert times.dtype == np.int64
    assert ((times - START) // HOUR.length_ms).tolist() == [1, 5, 6, 9]


def test_unknown_series_has_no_candles(candles: SqlCandles) -> None:
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(1))

    for venue, symbol, interval in (
        (MAINNET, "XYZUSDT", HOUR),
        (Venue.TESTNET, "BTCUSDT", HOUR),
        (MAINNET, "BTCUSDT", INTERVALS["D"]),
    ):
        assert candles.open_times(venue, symbol, interval).size == 0
        batch, indicators = candles.tail(venue, symbol, interval, 10)
        assert same(batch, hours()[0])
        assert same(indicators, hours()[1])


def test_candles_of_an_unrecorded_instrument_do_not_invent_its_rules(
    store: SqlStore, candles: SqlCandles
) -> None:
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(1))

    assert store.instrument(MAINNET, "BTCUSDT") is None


def test_price_that_is_not_a_number_is_refused_and_nothing_stored(candles: SqlCandles) -> None:
    batch, indicators = hours(1, 2, 3)
    batch.close[1] = np.nan

    with pytest.raises(StorageError, match=r"(?i)not.null"):
        candles.upsert(MAINNET, "BTCUSDT", HOUR, batch, indicators)

    assert candles.series(MAINNET) == []
    assert candles.open_times(MAINNET, "BTCUSDT", HOUR).size == 0


def test_candles_out_of_order_are_a_bug(candles: SqlCandles) -> None:
    with pytest.raises(AssertionError, match="opening times must rise"):
        candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(2, 1))


def test_writers_at_once_lose_and_double_nothing(candles: SqlCandles) -> None:
    def write(first: int) -> int:
        return sum(
            candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(*range(start, start + 40)))
            for start in range(first, first + 200, 20)
        )

    with ThreadPoolExecutor(4) as threads:
        new = sum(threads.map(write, (0, 50, 100, 150)))

    stored = candles.open_times(MAINNET, "BTCUSDT", HOUR).size
    assert candles.series(MAINNET)[0].count == new == stored == 370


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(batches=st.lists(st.sets(st.integers(0, 60), min_size=1), min_size=1, max_size=4))
def test_extent_equals_what_is_stored_whatever_was_written(
    store: SqlStore, candles: SqlCandles, batches: list[set[int]]
) -> None:
    symbol = f"S{next(numbers)}"
    new = [candles.upsert(MAINNET, symbol, HOUR, *hours(*sorted(batch))) for batch in batches]

    times = candles.open_times(MAINNET, symbol, HOUR)
    wanted = sorted(set.union(*batches))
    assert ((times - START) // HOUR.length_ms).tolist() == wanted
    assert sum(new) == len(wanted)
    assert [s for s in candles.series(MAINNET) if s.symbol == symbol] == [
        Series(symbol, "60", len(wanted), int(times[0]), int(times[-1]))
    ]


def test_appending_is_no_revision_but_any_other_write_is(candles: SqlCandles) -> None:
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(5, 6))
    candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(7, 9))
    candles.upsert(MAINNET, "ETHUSDT", HOUR, *hours(1))
    assert candles.revisions(MAINNET) == {}

    for number, written in enumerate(([8], [1, 2], [9], [9, 10]), start=1):
        candles.upsert(MAINNET, "BTCUSDT", HOUR, *hours(*written))
        assert candles.revisions(MAINNET) == {("BTCUSDT", "60"): number}
    assert candles.revisions(Venue.TESTNET) == {}


def test_replays_are_remembered_by_series_and_rule(candles: SqlCandles) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        candles.upsert(MAINNET, symbol, HOUR, *hours(1))
        candles.remember_replay(MAINNET, symbol, HOUR, "rule@1", stamp="old", data=b"old")
    candles.remember_replay(MAINNET, "BTCUSDT", HOUR, "rule@1", stamp="s", data=bytes(range(256)))
    candles.remember_replay(MAINNET, "BTCUSDT", HOUR, "rule@2", stamp="s2", data=b"")

    assert candles.replays(MAINNET, HOUR, "rule@1") == {
        "BTCUSDT": ("s", bytes(range(256))),
        "ETHUSDT": ("old", b"old"),
    }
    assert candles.replays(MAINNET, HOUR, "rule@2") == {"BTCUSDT": ("s2", b"")}
    assert candles.replays(MAINNET, INTERVALS["240"], "rule@1") == {}
    assert candles.replays(Venue.TESTNET, HOUR, "rule@1") == {}
