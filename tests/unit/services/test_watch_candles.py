"""Candles that stream: stored with their indicators, what is missing fetched, and scanned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta

import numpy as np
import pytest

from botbox_cli.analysis.columns import cut
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import Interval, from_ms
from botbox_cli.errors import ExchangeUnavailable
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import CandleBatch, CandleClosed, Holder
from botbox_cli.services import watch_events as e
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.services.watch_candles import catch_up, take_closed
from botbox_cli.services.watch_harvest import Harvester
from botbox_cli.services.watch_health import Health
from botbox_cli.storage.store import SqlStore
from tests.support.candle_store import MemoryCandles
from tests.support.candles import FOUR_HOURS, HOUR, START_MS, level
from tests.support.market import Market
from tests.support.watching import InlineClerk
from tests.unit.services.test_scan import COUNT, dip

V = Venue.REPLAY
PAIR = "BTCUSDT"
FIRST = from_ms(START_MS)


class Place:
    """A desk on a made market: 480 hours and 120 candles of four hours, the newest of both just closed."""

    def __init__(self) -> None:
        self.clock = ManualClock(FIRST + timedelta(hours=COUNT - 1, minutes=5))
        self.market = Market(self.clock)
        self.hours, self.fours = dip(), level(COUNT // 4, interval=FOUR_HOURS)
        self.market.list_candles(PAIR, "60", self.hours)
        self.market.list_candles(PAIR, "240", self.fours)
        store = SqlStore("sqlite://")
        account = store.save_account(Mode.PAPER, "1", "hash", V)
        self.candles = MemoryCandles()
        self.desk = Desk(
            store,
            self.candles,  # type: ignore[arg-type]
            account,
            self.market,  # type: ignore[arg-type]
            self.clock,
            Policy(),
            Holder("host", 1, "then", "watch"),
        )
        self.told: list[e.Event] = []
        self.clerk = InlineClerk()
        self.health = Health(self.told.append)

    def record_and_wait_an_hour(self) -> None:
        """Have all but the newest candles in the store, and let these close."""
        catch_up(self.desk, [PAIR], ["60", "240"], "60")
        self.market.asked.clear()
        self.clock.sleep(3600)

    def closed(self, interval: Interval = HOUR, back: int = 0) -> CandleClosed:
        """Return the newest candle as it streams, or one before it."""
        whole = self.hours if interval is HOUR else self.fours
        last = len(whole.open_ms) - 1 - back
        return CandleClosed(PAIR, interval, cut(whole, slice(last, last + 1)))

    def stored(self, interval: Interval = HOUR) -> tuple[CandleBatch, object]:
        return self.candles.tail(V, PAIR, interval, 10_000)

    def harvester(self) -> Harvester:
        return Harvester(
            self.desk,
            self.clerk,
            lambda: self.clock.now().timestamp(),
            [PAIR],
            ["60", "240"],
            "60",
            self.health,
            self.told.append,
        )

    def turn(self, harvester: Harvester, seconds: int, *, is_polling: bool = False) -> None:
        """Let a loop turn once a second."""
        for _ in range(seconds):
            harvester.do_due(is_polling=is_polling)
            self.clerk.collect()
            self.clock.sleep(1)

    def close(self) -> None:
        self.desk.store.close()  # type: ignore[attr-defined]


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    made.record_and_wait_an_hour()
    yield made
    made.close()


def test_candle_that_follows_is_stored_as_record_would_store_it(place: Place) -> None:
    harvest = take_closed(place.desk, [place.closed(FOUR_HOURS), place.closed()], "60")

    assert [s.timeframe for s in harvest.stored] == ["240", "60"]
    assert place.market.asked == []
    streamed = place.stored()
    twin = Place()
    twin.clock.sleep(3600)
    catch_up(twin.desk, [PAIR], ["60", "240"], "60")
    for ours, theirs in zip(streamed, twin.stored(), strict=True):
        for column in fields(theirs):  # type: ignore[arg-type]
            np.testing.assert_array_equal(getattr(ours, column.name), getattr(theirs, column.name))
    twin.close()


def test_setup_is_found_in_the_candle_that_streamed(place: Place) -> None:
    harvest = take_closed(place.desk, [place.closed(), place.closed(FOUR_HOURS)], "60")

    assert harvest.scanned is not None
    assert [s.kind for s in harvest.scanned.detected] == ["LOWER_BB_BOUNCE"]


def test_regime_candle_that_has_not_come_is_fetched_before_the_scan(place: Place) -> None:
    harvest = take_closed(place.desk, [place.closed()], "60")

    assert [(symbol, code) for symbol, code, _, _ in place.market.asked] == [(PAIR, "240")]
    assert len(place.stored(FOUR_HOURS)[0].open_ms) == COUNT // 4
    assert harvest.scanned is not None
    assert len(harvest.scanned.detected) == 1


def test_candle_that_comes_twice_changes_nothing(place: Place) -> None:
    take_closed(place.desk, [place.closed(), place.closed(FOUR_HOURS)], "60")
    before = place.stored()[0].open_ms

    harvest = take_closed(place.desk, [place.closed(), place.closed(back=3)], "60")

    assert harvest.stored == []
    assert harvest.scanned is not None
    assert harvest.scanned.detected == ()
    np.testing.assert_array_equal(place.stored()[0].open_ms, before)


def test_gap_before_a_candle_is_fetched(place: Place) -> None:
    place.clock.sleep(-3600)
    place.market.list_candles(PAIR, "60", level(COUNT + 3))
    place.clock.sleep(4 * 3600)
    late = CandleClosed(PAIR, HOUR, cut(level(COUNT + 3), slice(-1, None)))

    harvest = take_closed(place.desk, [late], "60")

    assert harvest.stored == []
    assert harvest.recorded is not None
    assert harvest.recorded.recorded >= 4
    assert len(place.stored()[0].open_ms) == COUNT + 3


def test_candles_of_one_moment_are_taken_together_and_told(place: Place) -> None:
    harvester = place.harvester()
    place.turn(harvester, 30, is_polling=False)
    place.told.clear()
    place.clerk.asked.clear()
    place.clock.sleep(4 * 3600)
    whole, fours = level(COUNT + 4), level(COUNT // 4 + 1, interval=FOUR_HOURS)
    place.market.list_candles(PAIR, "60", cut(whole, slice(COUNT + 3)))
    catch_up(place.desk, [PAIR], ["60"], "60")

    harvester.take(CandleClosed(PAIR, HOUR, cut(whole, slice(-1, None))), is_leading=True)
    harvester.take(CandleClosed(PAIR, HOUR, cut(whole, slice(-1, None))), is_leading=True)
    harvester.take(CandleClosed(PAIR, FOUR_HOURS, cut(fours, slice(-1, None))), is_leading=True)
    place.turn(harvester, 3)

    assert place.clerk.asked == ["record"]
    assert [s.timeframe for s in place.told if isinstance(s, e.CandleStored)] == ["60", "240"]


def test_candle_that_never_streams_is_asked_for_a_while_after_its_close(place: Place) -> None:
    harvester = place.harvester()
    place.turn(harvester, 5)
    place.clerk.asked.clear()
    to_next_hour = 3600 - (place.clock.now().minute * 60 + place.clock.now().second)
    place.clock.sleep(to_next_hour)

    place.turn(harvester, 19)
    assert place.clerk.asked == []
    place.turn(harvester, 5)

    assert place.clerk.asked == ["record"]


def test_failing_record_is_told_once_and_tried_again(place: Place) -> None:
    harvester = place.harvester()
    place.market.down = ExchangeUnavailable("the exchange does not answer")
    harvester.catch_up_soon()

    place.turn(harvester, 100)
    place.market.down = None
    place.turn(harvester, 40)

    assert len(place.clerk.asked) >= 4
    troubles = [x for x in place.told if isinstance(x, e.Trouble | e.Recovered)]
    assert [type(x).__name__ for x in troubles] == ["Trouble", "Recovered"]


def test_candles_wait_while_the_database_is_gone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    harvester = place.harvester()
    place.turn(harvester, 30)
    place.told.clear()
    upsert = place.candles.upsert
    attempts = []

    def fails_twice(*args: object) -> int:
        attempts.append(1)
        if len(attempts) < 3:
            from botbox_cli.errors import StorageError

            raise StorageError("gone")
        return upsert(*args)  # type: ignore[arg-type]

    place.market.list_candles(PAIR, "60", place.hours)
    whole = level(COUNT + 1)
    place.clock.sleep(3600)
    monkeypatch.setattr(place.candles, "upsert", fails_twice)
    harvester.take(CandleClosed(PAIR, HOUR, cut(whole, slice(-1, None))), is_leading=True)

    place.turn(harvester, 18)

    assert len([s for s in place.told if isinstance(s, e.CandleStored)]) == 1
    assert len([s for s in place.told if isinstance(s, e.Trouble)]) == 1
