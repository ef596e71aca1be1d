"""Deleting old candles and passes: what is left is a whole series, and what was made of the old one is not believed."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta

import numpy as np
import pytest

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import INTERVALS
from botbox_cli.ports import CandleBatch, Indicators
from botbox_cli.services.tidy import tidy
from botbox_cli.storage import candles as module
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW

HOUR = INTERVALS["60"]
SYMBOL = "BTCUSDT"
KEPT = 100 * 24 - 1
"""Hours of the newest 100 days whose candle has closed: the present one has not."""


def a_batch(times: np.ndarray) -> tuple[CandleBatch, Indicators]:
    """Return candles whose every figure tells their hour."""
    figures = times / HOUR.length_ms
    return (
        CandleBatch(times, *(figures for _ in fields(CandleBatch)[1:])),
        Indicators(*(figures for _ in fields(Indicators))),
    )


class Clock:
    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError


@pytest.fixture
def candles(store: SqlStore) -> SqlCandles:
    """5,000 hours up to the hour before now, and a short series."""
    found = SqlCandles(store.database)
    last_ms = HOUR.newest_closed_ms(int(NOW.timestamp() * 1000))
    for symbol, count in ((SYMBOL, 5000), ("ETHUSDT", 50)):
        times = last_ms - np.arange(count, dtype=np.int64)[::-1] * HOUR.length_ms
        found.upsert(Venue.MAINNET, symbol, HOUR, *a_batch(times))
    return found


def pruned(store: SqlStore, candles: SqlCandles, days: int | None) -> int:
    return tidy(store, candles, Clock(), Venue.MAINNET, lambda interval: days)


def test_old_candles_go_and_the_series_says_so(
    store: SqlStore, candles: SqlCandles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRUNE_BATCH", 700)

    gone = pruned(store, candles, 100)

    assert gone == 5000 - KEPT
    long, short = candles.series(Venue.MAINNET)  # by symbol
    times = candles.open_times(Venue.MAINNET, SYMBOL, HOUR)
    assert (long.count, long.first_ms, long.last_ms) == (len(times), int(times[0]), int(times[-1]))
    assert long.count == KEPT
    assert (np.diff(times) == HOUR.length_ms).all()
    assert short.count == 50
    assert pruned(store, candles, 100) == 0


def test_pruning_is_a_change_of_the_series_and_of_no_other(store: SqlStore, candles: SqlCandles) -> None:
    pruned(store, candles, 100)

    assert set(candles.revisions(Venue.MAINNET)) == {(SYMBOL, "60")}


def test_long_reads_after_pruning_do_not_see_what_is_gone(store: SqlStore, candles: SqlCandles) -> None:
    before, _ = candles.between(Venue.MAINNET, SYMBOL, HOUR, 0, 2**50)
    pruned(store, candles, 100)

    after, indicators = candles.between(Venue.MAINNET, SYMBOL, HOUR, 0, 2**50)

    assert after.open_ms.tolist() == before.open_ms[-KEPT:].tolist()
    assert after.close.tolist() == before.close[-KEPT:].tolist()
    assert len(indicators.rsi) == KEPT


def test_what_indicators_are_made_from_stays(store: SqlStore, candles: SqlCandles) -> None:
    pruned(store, candles, 1)

    assert candles.series(Venue.MAINNET)[0].count == 1000


def test_series_that_is_hardly_too_long_is_left_alone(store: SqlStore, candles: SqlCandles) -> None:
    assert pruned(store, candles, 5000 // 24 - 5) == 0
    assert pruned(store, candles, None) == 0


def test_recording_goes_on_behind_a_pruned_series(store: SqlStore, candles: SqlCandles) -> None:
    pruned(store, candles, 100)
    last_ms = candles.series(Venue.MAINNET)[0].last_ms

    candles.upsert(Venue.MAINNET, SYMBOL, HOUR, *a_batch(np.array([last_ms + HOUR.length_ms])))

    assert candles.series(Venue.MAINNET)[0].count == KEPT + 1
    assert candles.revisions(Venue.MAINNET)[SYMBOL, "60"] == 1


def test_passes_of_long_ago_go_but_the_newest_stay(store: SqlStore) -> None:
    for days in (200, 150, 100, 10, 1):
        store.finish_job(store.start_job("run:1", NOW - timedelta(days=days)), NOW, ok=True, detail=str(days))

    assert store.prune_jobs(NOW - timedelta(days=90), keep=3) == 2
    assert store.prune_jobs(NOW - timedelta(days=90), keep=3) == 0
    assert store.prune_jobs(NOW - timedelta(days=90), keep=0) == 1
    found = store.last_job("run:1")
    assert found is not None
    assert found.detail == "1"
