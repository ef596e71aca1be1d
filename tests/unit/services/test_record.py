"""Recording: what is fetched, what is written, what is said when it fails, and what a kill leaves behind."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from botbox_cli.analysis.columns import cut
from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import DAY_MS, INTERVALS, from_ms
from botbox_cli.errors import ConfigError, ExchangeRejected, ExchangeUnavailable, NotFound
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import CandleBatch
from botbox_cli.services.record import RecordResult, record
from botbox_cli.storage.store import SqlStore
from tests.support.candle_store import MemoryCandles
from tests.support.candles import HOUR, START_MS, walk
from tests.support.market import Market

V = Venue.REPLAY
H = HOUR.length_ms


class Desk:
    """A market with 3000 hours of BTCUSDT, seen half an hour after the last of them closed."""

    def __init__(self) -> None:
        self.clock = ManualClock(from_ms(START_MS) + timedelta(hours=3000, minutes=30))
        self.market = Market(self.clock)
        self.market.list_candles("BTCUSDT", "60", walk(3001))
        self.candles = MemoryCandles()
        self.store = SqlStore("sqlite://")

    def record(self, *symbols: str, timeframes: tuple[str, ...] = ("60",), **options) -> RecordResult:
        return record(
            self.store,
            self.candles,
            self.market,
            self.clock,
            venue=V,
            symbols=symbols or ("BTCUSDT",),
            timeframes=timeframes,
            **options,
        )

    def store_some(self, *rows: slice | list[int], symbol: str = "BTCUSDT") -> None:
        """Store some candles of the market's, as an earlier recording would have left them."""
        history = self.market.history[symbol, "60"]
        keep = np.concatenate([np.arange(3000)[r] for r in rows])
        self.candles.put(V, symbol, "60", cut(history, keep))

    def assert_complete(self, count: int = 3000, symbol: str = "BTCUSDT", since: int = 0) -> None:
        """All closed candles are stored, and their indicators are those of the whole series."""
        candles, indicators = self.candles.columns[V, symbol, "60"]
        expected = cut(self.market.history[symbol, "60"], slice(since, count))
        assert candles.open_ms.tolist() == expected.open_ms.tolist()
        assert candles.close.tolist() == expected.close.tolist()
        whole = indicators_of(expected, HOUR)
        for name in ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr", "volume_ma"):
            np.testing.assert_allclose(getattr(indicators, name), getattr(whole, name), rtol=1e-9, atol=0)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.store.close()


# -- what is fetched and written


def test_new_series_is_fetched_forwards_to_the_newest_closed_candle(desk: Desk):
    result = desk.record()

    desk.assert_complete()
    (series,) = result.series
    assert (result.recorded, result.repaired, result.errors) == (3000, 0, ())
    assert (series.symbol, series.timeframe, series.recorded, series.gaps) == ("BTCUSDT", "60", 3000, 0)
    assert (series.first, series.last) == (from_ms(START_MS), from_ms(START_MS + 2999 * H))


def test_second_pass_asks_for_nothing(desk: Desk):
    desk.record()
    desk.market.asked.clear()

    result = desk.record()

    assert desk.market.asked == []
    assert (result.recorded, result.series[0].recorded, result.series[0].gaps) == (0, 0, 0)
    assert result.series[0].last == from_ms(START_MS + 2999 * H)


def test_pass_goes_on_after_the_newest_stored_candle(desk: Desk):
    desk.store_some(slice(2990))

    result = desk.record()

    assert desk.market.asked == [("BTCUSDT", "60", START_MS + 2990 * H, START_MS + 2999 * H)]
    assert result.recorded == 10
    desk.assert_complete()


def test_open_candle_is_not_stored_even_when_the_exchange_gives_it(desk: Desk):
    desk.market.clock = ManualClock(desk.clock.now() + timedelta(hours=1))

    desk.record()

    desk.assert_complete(3000)


@pytest.mark.parametrize(
    ("code", "history", "weeks_before"),
    [
        ("W", timedelta(days=730), 113),
        ("D", timedelta(days=730), 113),
        ("60", timedelta(days=730), 113),
        ("15", timedelta(minutes=15 * 17_520), 14),
    ],
)
def test_new_series_starts_two_years_back_or_as_many_candles_as_two_years_have_hours(
    desk: Desk, code: str, history: timedelta, weeks_before: int
):
    interval = INTERVALS[code]
    listed_ms = START_MS - weeks_before * 7 * DAY_MS
    desk.market.list_candles("BTCUSDT", code, walk(25_000, interval=interval, start_ms=listed_ms))

    (series,) = desk.record(timeframes=(code,)).series

    assert series.first is not None
    assert timedelta(0) <= series.first - (desk.clock.now() - history) < interval.length


def test_since_decides_where_a_new_series_starts(desk: Desk):
    desk.record(since_ms=START_MS + 2000 * H + 1)

    desk.assert_complete(since=2001)


def test_later_since_leaves_no_hole_in_a_stored_series(desk: Desk):
    desk.store_some(slice(1000))

    desk.record(since_ms=START_MS + 2000 * H)

    desk.assert_complete()


def test_weekly_series_starts_on_a_monday(desk: Desk):
    desk.record(timeframes=("W",), since_ms=START_MS + 24 * H)

    starts = [from_ms(start) for _, _, start, _ in desk.market.asked]
    assert [s.weekday() for s in starts] == [0]
    assert starts[0] == from_ms(START_MS + 7 * 24 * H)


def test_repeated_names_are_recorded_once(desk: Desk):
    result = desk.record("BTCUSDT", "BTCUSDT", timeframes=("60", "60"))

    assert len(result.series) == 1


def test_instruments_are_saved(desk: Desk):
    desk.record()

    saved = desk.store.instrument(V, "BTCUSDT")
    assert saved is not None
    assert str(saved.tick_size) == "0.01"


# -- gaps and earlier history


def test_gaps_are_found_and_repaired_with_the_indicators_after_them(desk: Desk):
    desk.store_some(slice(500), slice(503, 1400), slice(1401, 2990))

    result = desk.record()

    assert (result.recorded, result.repaired) == (14, 4)
    desk.assert_complete()


def test_near_gaps_share_one_request(desk: Desk):
    desk.store_some(slice(100), slice(101, 150), slice(153, 3000))

    desk.record()

    assert desk.market.asked == [("BTCUSDT", "60", START_MS + 100 * H, START_MS + 152 * H)]


def test_gap_that_the_exchange_has_too_stays_and_is_counted(desk: Desk):
    history = desk.market.history["BTCUSDT", "60"]
    desk.market.history["BTCUSDT", "60"] = cut(history, np.delete(np.arange(3001), [700, 701, 1500]))

    first = desk.record()
    second = desk.record()

    assert (first.recorded, first.series[0].gaps) == (2997, 3)
    assert (second.recorded, second.repaired, second.series[0].gaps) == (0, 0, 3)
    assert second.errors == ()


def test_earlier_history_is_added_when_asked_for(desk: Desk):
    desk.store_some(slice(2500, 3000))

    result = desk.record(since_ms=START_MS + 10 * H)

    assert (result.recorded, result.repaired) == (2490, 0)
    desk.assert_complete(since=10)


def test_time_before_the_listing_costs_one_request_a_pass(desk: Desk):
    desk.record(since_ms=START_MS - 5000 * H)
    desk.market.asked.clear()

    result = desk.record(since_ms=START_MS - 5000 * H)

    assert desk.market.asked == [("BTCUSDT", "60", None, START_MS - H)]
    assert result.recorded == 0


def test_long_time_before_the_listing_is_searched_not_walked(desk: Desk):
    desk.record(since_ms=START_MS - 400_000 * H)

    assert len(desk.market.asked) < 40
    desk.assert_complete()


def test_series_without_any_candle_is_no_error(desk: Desk):
    desk.market.list_candles("NEWUSDT", "60", walk(0))

    result = desk.record("NEWUSDT", since_ms=START_MS - 400_000 * H)

    assert result.errors == ()
    assert len(desk.market.asked) == 1
    assert (result.series[0].first, result.series[0].last, result.series[0].gaps) == (None, None, 0)


# -- kill and go on


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it and go on."""


@pytest.mark.parametrize("where", ["before_upsert", "after_upsert"])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_pass_killed_at_a_write_is_completed_by_the_next(desk: Desk, where: str, write: int):
    desk.store_some(slice(1000, 1200), slice(1300, 1500))
    left = [write]

    def kill() -> None:
        left[0] -= 1
        if not left[0]:
            raise Killed

    setattr(desk.candles, where, kill)
    with pytest.raises(Killed):
        desk.record(since_ms=START_MS)
    setattr(desk.candles, where, lambda: None)

    desk.record(since_ms=START_MS)

    desk.assert_complete()


def test_pages_are_written_in_order_though_answers_come_late(desk: Desk):
    """The first page waits until the others have been answered: nothing is written before it."""
    others = threading.Semaphore(0)

    def during(start_ms: int | None) -> None:
        if start_ms == START_MS:
            assert others.acquire(timeout=5)
            assert others.acquire(timeout=5)
            assert desk.candles.upserts == []
        elif start_ms is not None:
            others.release()

    desk.market.during = during
    desk.record(since_ms=START_MS)

    assert sum(desk.candles.upserts) == 3000
    desk.assert_complete()


def test_ten_requests_are_under_way_at_once_and_no_more(desk: Desk):
    together = threading.Barrier(10)
    count, most, lock = [0], [0], threading.Lock()

    def during(start_ms: int | None) -> None:
        if start_ms is None:
            return  # Whether there is any history is asked alone.
        with lock:
            count[0] += 1
            most[0] = max(most[0], count[0])
        together.wait(timeout=5)
        with lock:
            count[0] -= 1

    desk.clock.sleep(60 * 60 * 17_000)
    desk.market.list_candles("BTCUSDT", "60", walk(20_001))
    desk.market.during = during
    desk.record(since_ms=START_MS)

    assert most[0] == 10
    desk.assert_complete(20_000)


# -- failures


def test_unknown_symbol_is_an_error_with_the_nearest_names_and_the_rest_goes_on(desk: Desk):
    desk.market.list_candles("BTCUSDC", "60", walk(10))

    result = desk.record("BTCUSTD", "BTCUSDT")

    (failure,) = result.errors
    assert isinstance(failure.error, NotFound)
    assert failure.symbol == "BTCUSTD"
    assert failure.error.message == "no such symbol: 'BTCUSTD'"
    assert failure.error.hint == "did you mean BTCUSDT or BTCUSDC?"
    assert (result.recorded, result.exit_code) == (3000, 4)
    assert [s.symbol for s in result.series] == ["BTCUSDT"]


def test_unknown_interval_stops_before_anything_is_asked(desk: Desk):
    with pytest.raises(NotFound, match="no such interval: '61'") as raised:
        desk.record(timeframes=("60", "61"))

    assert raised.value.hint == "use one of 1 3 5 15 30 60 120 240 360 720 D W"
    assert desk.market.asked == []


def test_one_failing_symbol_does_not_stop_the_rest(desk: Desk):
    rejection = ExchangeRejected("Bybit refuses BADUSDT", ret_code=10001)
    desk.market.list_candles("BADUSDT", "60", walk(10))
    desk.market.fault = lambda symbol, code: rejection if symbol == "BADUSDT" else None

    result = desk.record("BADUSDT", "BTCUSDT")

    desk.assert_complete()
    (failure,) = result.errors
    assert (failure.symbol, failure.timeframe, failure.error) == ("BADUSDT", "60", rejection)
    assert result.exit_code == 5


def test_series_that_fails_in_the_middle_keeps_what_stands_before(desk: Desk):
    middle = START_MS + 1000 * H
    down = ExchangeUnavailable("Bybit can't be reached")
    desk.market.fault = lambda symbol, code: None
    answer = desk.market.candles

    def candles(symbol, interval, *, start_ms, end_ms) -> CandleBatch:
        if start_ms == middle:
            raise down
        return answer(symbol, interval, start_ms=start_ms, end_ms=end_ms)

    desk.market.candles = candles
    result = desk.record(since_ms=START_MS)

    desk.assert_complete(1000)
    assert [f.error for f in result.errors] == [down]
    assert (result.recorded, result.exit_code) == (1000, 6)


def test_unreachable_exchange_ends_the_pass_with_what_is_stored(desk: Desk):
    desk.store_some(slice(100))
    desk.market.down = ExchangeUnavailable("Bybit can't be reached")

    result = desk.record()

    assert [f.error for f in result.errors] == [desk.market.down]
    assert (result.series[0].recorded, result.series[0].last) == (0, from_ms(START_MS + 99 * H))
    assert result.exit_code == 6


def test_exchange_that_goes_away_is_not_asked_for_every_series(desk: Desk):
    symbols = [f"C{n}USDT" for n in range(200)]
    for symbol in symbols:
        desk.market.list_candles(symbol, "60", walk(10))
    desk.market.fault = lambda symbol, code: ExchangeUnavailable(f"no answer for {symbol}", "check the line")

    result = desk.record(*symbols, since_ms=START_MS)

    # 64 at once, and one for each of the two failures before the third.
    assert len(desk.market.asked) <= 66
    assert [f.symbol for f in result.errors] == ["C0USDT", "C1USDT", "C2USDT", ""]
    assert result.errors[-1].error.message == "197 more series were not fetched: no answer for C2USDT"
    assert result.errors[-1].error.hint == "check the line"
    assert result.exit_code == 6


def test_ban_ends_the_pass_at_once(desk: Desk):
    symbols = [f"C{n}USDT" for n in range(20)]
    for symbol in symbols:
        desk.market.list_candles(symbol, "60", walk(10))
    ban = ExchangeUnavailable("banned until 12:10", retry_after_s=600.0, code="banned")
    desk.market.fault = lambda symbol, code: ban

    result = desk.record(*symbols, since_ms=START_MS)

    assert [(f.symbol, f.error.code) for f in result.errors] == [("C0USDT", "banned"), ("", "banned")]
    assert result.errors[1].error.retry_after_s == 600.0


def test_bad_key_ends_the_pass_at_once(desk: Desk):
    desk.market.list_candles("ETHUSDT", "60", walk(10))
    desk.market.fault = lambda symbol, code: ConfigError("the key is not valid", "check BYBIT_API_KEY")

    result = desk.record("BTCUSDT", "ETHUSDT")

    assert [type(f.error) for f in result.errors] == [ConfigError, ConfigError]
    assert result.exit_code == 3


def test_scattered_failures_do_not_add_up_to_an_end(desk: Desk):
    symbols = [f"C{n}USDT" for n in range(10)]
    for symbol in symbols:
        desk.market.list_candles(symbol, "60", walk(10))
    odd = set(symbols[1::2])
    desk.market.fault = lambda symbol, code: ExchangeUnavailable("no answer") if symbol in odd else None

    result = desk.record(*symbols, since_ms=START_MS)

    assert {f.symbol for f in result.errors} == odd
    assert result.recorded == 50


def test_failing_look_for_history_is_that_series_failure_only(desk: Desk):
    desk.store_some(slice(2000, 2500))
    desk.market.list_candles("ETHUSDT", "60", walk(10))
    desk.market.fault = lambda symbol, code: (
        ExchangeRejected("no", ret_code=1) if symbol == "BTCUSDT" else None
    )

    result = desk.record("BTCUSDT", "ETHUSDT", since_ms=START_MS)

    assert [f.symbol for f in result.errors] == ["BTCUSDT"]
    assert result.recorded == 10


# -- progress


def test_progress_ends_with_everything_done(desk: Desk):
    desk.market.list_candles("ETHUSDT", "60", walk(100))
    seen: list[tuple[int, int]] = []

    desk.record(
        "BTCUSDT", "ETHUSDT", since_ms=START_MS, progress=lambda done, total: seen.append((done, total))
    )

    assert seen[0] == (0, 6000)
    assert seen[-1] == (6000, 6000)
    assert seen == sorted(seen)
