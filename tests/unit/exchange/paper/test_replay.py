"""Recorded candles as prices: the path within a candle, the open candle, aggregates, shifts, the bundled data."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from botbox_cli.exchange.paper.bundled import instrument_rows, recording
from botbox_cli.exchange.paper.candles import Recording, interval_start
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.protocol import WEEK_MS, to_ms
from botbox_cli.exchange.paper.replay import ReplayMarket, weeks_between
from tests.support.paper import PaperDesk

HOUR_MS = 3_600_000
# A Monday.
START = datetime(2025, 6, 2, tzinfo=UTC)
Row = tuple[str, str, str, str, str]


def market(tmp_path: Path, rows: Sequence[Row], offset_ms: int = 0) -> ReplayMarket:
    """Hourly candles of BTCUSDT from START on: open, high, low, close, volume."""
    path = tmp_path / "rec_BTCUSDT_60.csv.gz"
    lines = ["symbol,interval,start_ms,open,high,low,close,volume"]
    for index, row in enumerate(rows):
        lines.append(",".join(["BTCUSDT", "60", str(to_ms(START) + index * HOUR_MS), *row]))
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return ReplayMarket(Recording([path]), offset_ms=offset_ms)


CANDLE = ("100", "120", "80", "110", "40")


def last(replay: ReplayMarket, minutes: float) -> Decimal | None:
    return replay.last("BTCUSDT", to_ms(START + timedelta(minutes=minutes)))


def desk(replay: ReplayMarket, minutes: float = 0) -> PaperDesk:
    clock = ManualClock(START + timedelta(minutes=minutes))
    return PaperDesk(market=replay, clock=clock, opening={"BTC": Decimal(10), "USDT": Decimal(100000)})


def test_a_candle_goes_from_open_to_low_to_high_to_close(tmp_path: Path) -> None:
    replay = market(tmp_path, [CANDLE])

    prices = [last(replay, minutes) for minutes in (0, 7.5, 15, 22.5, 30, 45, 59.9999)]

    assert prices == [Decimal(price) for price in (100, 90, 80, 100, 120, 115, 110)]
    assert last(replay, -1) is None
    assert last(replay, 6000) == 110


def test_prices_in_between_lie_on_the_tick(tmp_path: Path) -> None:
    replay = market(tmp_path, [CANDLE])

    assert last(replay, 1) == Decimal("98.7")


def test_a_stop_within_a_candle_fills_at_its_own_price_and_moment(tmp_path: Path) -> None:
    account = desk(market(tmp_path, [CANDLE, CANDLE]))
    account.stop("1", "90")

    account.clock.sleep(5400)

    row = account.order("stop")
    assert row["avgPrice"] == "90"
    assert int(row["updatedTime"]) == to_ms(START + timedelta(minutes=7.5))


def test_a_stop_passed_between_two_candles_fills_at_the_next_open(tmp_path: Path) -> None:
    account = desk(market(tmp_path, [("100", "101", "99", "100", "1"), ("85", "86", "84", "85", "1")]))
    account.stop("1", "90")

    account.clock.sleep(7200)

    row = account.order("stop")
    assert row["avgPrice"] == "85"
    assert int(row["updatedTime"]) == to_ms(START + timedelta(hours=1))


def test_the_low_comes_before_the_high(tmp_path: Path) -> None:
    """Of a stop and a target inside one candle the stop is hit: the long's worst case."""
    account = desk(market(tmp_path, [CANDLE]))
    account.stop("1", "85", link="stop")
    account.stop("1", "115", link="target")

    account.clock.sleep(3599)

    assert account.order("stop")["updatedTime"] < account.order("target")["updatedTime"]


def test_an_order_does_not_feel_what_was_before_it(tmp_path: Path) -> None:
    account = desk(market(tmp_path, [CANDLE]), minutes=20)
    account.stop("1", "85")

    account.clock.sleep(2399)

    assert account.status("stop") == "Untriggered"


def test_an_amended_order_does_not_feel_what_was_before(tmp_path: Path) -> None:
    """The price rises from 80 to 120 and stands at 93.3 when the stop moves up to 85."""
    account = desk(market(tmp_path, [CANDLE]))
    account.stop("1", "70")
    account.clock.sleep(1200)

    account.post("order/amend", symbol="BTCUSDT", orderLinkId="stop", triggerPrice="85")
    account.clock.sleep(1200)

    assert account.status("stop") == "Untriggered"


def test_looking_often_or_once_gives_the_same_fill(tmp_path: Path) -> None:
    rows = [("100", "104", "97", "101.3", "5"), ("101.3", "102", "93.7", "95", "5"), CANDLE]
    seen = []
    for step_s in (7, 60, 10800):
        account = desk(market(tmp_path, rows))
        account.stop("1", "94.9")
        for _ in range(10800 // step_s):
            account.clock.sleep(step_s)
            account.get("order/realtime")
        row = account.order("stop")
        seen.append((row["avgPrice"], row["updatedTime"]))

    assert len(set(seen)) == 1
    assert seen[0][0] == "94.9"


def test_the_open_candle_has_only_happened_so_far(tmp_path: Path) -> None:
    replay = market(tmp_path, [CANDLE])

    def row(minutes: float) -> list[str]:
        at_ms = to_ms(START + timedelta(minutes=minutes))
        [found] = replay.klines("BTCUSDT", "60", None, None, 5, at_ms)
        return found[1:6]

    assert row(0) == ["100", "100", "100", "100", "0"]
    assert row(7.5) == ["100", "100", "90", "90", "5"]
    assert row(22.5) == ["100", "100", "80", "100", "15"]
    assert row(45) == ["100", "120", "80", "115", "30"]
    assert row(60) == ["100", "120", "80", "110", "40"]


def test_longer_intervals_are_aggregates_and_their_newest_candle_is_open(tmp_path: Path) -> None:
    rows = [(str(100 + i), str(101 + i), str(99 + i), str(100 + i), "1") for i in range(30)]
    replay = market(tmp_path, rows)
    now_ms = to_ms(START + timedelta(hours=26))

    newest, day = replay.klines("BTCUSDT", "D", None, None, 5, now_ms)

    assert day[:6] == [str(to_ms(START)), "100", "124", "99", "123", "24"]
    assert newest[1:6] == ["124", "126", "123", "126", "2"]
    assert day[6] == str(24 * 123)


def test_an_aggregate_whose_beginning_was_not_recorded_is_not_shown(tmp_path: Path) -> None:
    replay = market(tmp_path, [CANDLE] * 3)
    at_ms = to_ms(START + timedelta(hours=3))

    assert len(replay.klines("BTCUSDT", "W", None, None, 5, at_ms)) == 1
    assert replay.klines("BTCUSDT", "M", None, None, 5, at_ms) == []


def test_an_interval_shorter_than_recorded_is_empty(tmp_path: Path) -> None:
    assert market(tmp_path, [CANDLE]).klines("BTCUSDT", "15", None, None, 5, to_ms(START)) == []


def test_a_symbol_without_candles_has_rules_but_no_price(tmp_path: Path) -> None:
    replay = market(tmp_path, [CANDLE])

    assert replay.last("DOTUSDT", to_ms(START)) is None
    assert replay.klines("DOTUSDT", "60", None, None, 5, to_ms(START)) == []
    assert [row["symbol"] for row in replay.tickers(None, to_ms(START))] == ["BTCUSDT"]


def test_tickers_cover_the_last_day(tmp_path: Path) -> None:
    rows = [("100", "200", "50", "100", "7"), *[CANDLE] * 25]
    replay = market(tmp_path, rows)

    [row] = replay.tickers("BTCUSDT", to_ms(START + timedelta(hours=25)))

    assert (row["highPrice24h"], row["lowPrice24h"], row["volume24h"]) == ("120.0", "80.0", "960")
    assert (row["prevPrice24h"], row["price24hPcnt"]) == ("100.0", "0")


def test_shifted_by_whole_weeks_the_recording_happens_now(tmp_path: Path) -> None:
    now_ms = to_ms(datetime(2026, 11, 23, 3, 30, tzinfo=UTC))
    offset = weeks_between(to_ms(START), now_ms)
    replay = market(tmp_path, [CANDLE] * 4, offset_ms=offset)

    rows = replay.klines("BTCUSDT", "60", None, None, 5, now_ms)

    assert offset % WEEK_MS == 0
    assert int(rows[0][0]) == to_ms(datetime(2026, 11, 23, 3, tzinfo=UTC))
    assert replay.last("BTCUSDT", now_ms) == 120
    [rise] = replay.path("BTCUSDT", now_ms - 1000, now_ms - 1)
    assert (rise.end_ms, rise.start, rise.end) == (now_ms, Decimal(80), Decimal(120))
    start = replay.klines("BTCUSDT", "60", now_ms - 4 * HOUR_MS, None, 1, now_ms)
    assert start[0][0] == str(to_ms(datetime(2026, 11, 23, tzinfo=UTC)))


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    moment = to_ms(datetime(2025, 6, 8, 23, 59, tzinfo=UTC))

    assert interval_start(moment, "W") == to_ms(START)
    assert interval_start(moment, "M") == to_ms(datetime(2025, 6, 1, tzinfo=UTC))


def test_one_file_may_hold_many_series(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    start = to_ms(START)
    path.write_text(
        "symbol,interval,start_ms,open,high,low,close,volume\n"
        f"S001USDT,60,{start},1.234,1.25,1.2,1.22,5\n"
        f"S001USDT,D,{start},1.234,1.3,1.1,1.2,50\n"
        f"BTCUSDT,60,{start},100,120,80,110,5\n"
    )
    replay = ReplayMarket(Recording([path]))

    [row] = [row for row in replay.rows() if row["symbol"] == "S001USDT"]
    assert row["priceFilter"]["tickSize"] == "0.001"
    assert replay.klines("S001USDT", "D", None, None, 5, start + 7 * 86400_000)[0][4] == "1.2"
    assert replay.last("S001USDT", start) == Decimal("1.234")


# The bundled data


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"])
def test_bundled_four_hour_candles_equal_their_hourly_ones(symbol: str) -> None:
    hours, fours = recording().series(symbol, "60"), recording().series(symbol, "240")
    assert hours is not None
    assert fours is not None
    replay = ReplayMarket(recording())

    assert (len(hours.starts), len(fours.starts)) == (8760, 2190)
    for index in range(0, 2190, 13):
        parts = [hours.candle(4 * index + part) for part in range(4)]
        whole = fours.candle(index)
        assert whole.start_ms == parts[0].start_ms
        assert (whole.open, whole.close) == (parts[0].open, parts[3].close)
        assert (whole.high, whole.low) == (max(p.high for p in parts), min(p.low for p in parts))
        assert whole.volume == sum(p.volume for p in parts)
    assert replay.last(symbol, hours.starts[0]) == hours.candle(0).open


def test_bundled_prices_lie_on_their_instruments_ticks() -> None:
    ticks = {row["symbol"]: Decimal(row["priceFilter"]["tickSize"]) for row in instrument_rows()}

    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"):
        series = recording().series(symbol, "60")
        assert series is not None
        assert all(price % ticks[symbol] == 0 for index in range(8760) for price in series.candle(index)[1:5])


def test_bundled_rules_cover_the_default_symbols() -> None:
    names = ["BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "AVAX", "DOGE", "DOT", "LINK"]

    assert [row["symbol"] for row in instrument_rows()] == [f"{name}USDT" for name in names]
    for row in instrument_rows():
        steps = Decimal(row["priceFilter"]["tickSize"]) * Decimal(row["lotSizeFilter"]["basePrecision"])
        assert steps >= Decimal(row["lotSizeFilter"]["quotePrecision"])
