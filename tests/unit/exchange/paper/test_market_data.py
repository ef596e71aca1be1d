"""The public endpoints: candles by Bybit's rules, tickers, books, instruments."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.paper import PaperDesk

HOUR_MS = 3_600_000


@pytest.fixture
def desk() -> PaperDesk:
    """Ten hourly candles; the newest opened at the present moment."""
    desk = PaperDesk()
    newest = desk.now_ms
    rows = [[str(newest - HOUR_MS * age), "1", "2", "0.5", "1.5", "10", "15"] for age in range(10)]
    desk.script.set_klines("BTCUSDT", "60", rows)
    return desk


def ages(desk: PaperDesk, **params: Any) -> list[int]:
    """Return how many hours before the newest each candle opened, in the order of the answer."""
    rows = desk.get("market/kline", symbol="BTCUSDT", interval="60", **params)["list"]
    return [(desk.now_ms - int(row[0])) // HOUR_MS for row in rows]


def at(desk: PaperDesk, age: float) -> str:
    return str(int(desk.now_ms - age * HOUR_MS))


def test_without_bounds_the_newest_candles_come_newest_first_with_the_open_one(desk: PaperDesk) -> None:
    assert ages(desk, limit="3") == [0, 1, 2]
    assert ages(desk) == list(range(10))


def test_from_a_start_alone_candles_run_forward(desk: PaperDesk) -> None:
    assert ages(desk, start=at(desk, 8), limit="3") == [6, 7, 8]


def test_a_span_longer_than_the_limit_gives_its_newest_candles(desk: PaperDesk) -> None:
    assert ages(desk, start=at(desk, 8), end=at(desk, 2), limit="3") == [2, 3, 4]
    assert ages(desk, end=at(desk, 5), limit="2") == [5, 6]


def test_a_candle_around_the_start_is_left_out_and_one_around_the_end_is_in(desk: PaperDesk) -> None:
    assert ages(desk, start=at(desk, 4.5), end=at(desk, 1.5)) == [2, 3, 4]


def test_candles_of_the_future_are_not_shown(desk: PaperDesk) -> None:
    desk.clock.sleep(-2 * 3600)

    assert [age for age in ages(desk) if age < 0] == []
    assert len(ages(desk)) == 8


@pytest.mark.parametrize(
    "params",
    [
        {"interval": "7"},
        {"interval": None},
        {"symbol": "NOPE"},
        {"limit": "1001"},
        {"limit": "0"},
        {"start": "yesterday"},
        {"category": "linear"},
        {"category": None},
    ],
)
def test_bad_kline_parameters_are_10001(desk: PaperDesk, params: dict[str, Any]) -> None:
    asked = {"symbol": "BTCUSDT", "interval": "60", **params}

    assert desk.code("GET", "market/kline", **asked) == 10001


def test_tickers_of_one_symbol_or_of_all_that_trade(desk: PaperDesk) -> None:
    [row] = desk.get("market/tickers", symbol="BTCUSDT")["list"]

    assert (row["lastPrice"], row["bid1Price"], row["ask1Price"]) == ("100000.0", "100000.0", "100000.1")
    assert {row["symbol"] for row in desk.get("market/tickers")["list"]} == {"BTCUSDT", "ETHUSDT", "XRPUSDT"}
    assert desk.code("GET", "market/tickers", symbol="NOPE") == 10001


def test_the_book_has_one_level_a_side_unless_asked(desk: PaperDesk) -> None:
    desk.script.depth = Decimal("0.5")
    desk.script.spread_ticks = 4

    one = desk.get("market/orderbook", symbol="BTCUSDT")
    many = desk.get("market/orderbook", symbol="BTCUSDT", limit="3")

    assert (one["b"], one["a"]) == ([["99999.8", "0.5"]], [["100000.2", "0.5"]])
    assert [level[0] for level in many["a"]] == ["100000.2", "100000.3", "100000.4"]
    assert [level[0] for level in many["b"]] == ["99999.8", "99999.7", "99999.6"]


def test_the_price_band_follows_the_last_price(desk: PaperDesk) -> None:
    limit = desk.get("market/price-limit", symbol="BTCUSDT")

    assert (limit["buyLmt"], limit["sellLmt"]) == ("100500.0", "99500.0")


def test_the_price_band_ends_on_ticks_inside_it(desk: PaperDesk) -> None:
    desk.move("100000.3")

    limit = desk.get("market/price-limit", symbol="BTCUSDT")

    assert (limit["buyLmt"], limit["sellLmt"]) == ("100500.3", "99500.3")


def test_instruments_of_one_symbol_or_of_all(desk: PaperDesk) -> None:
    assert len(desk.get("market/instruments-info")["list"]) == 10
    [row] = desk.get("market/instruments-info", symbol="ETHUSDT")["list"]
    assert row["lotSizeFilter"]["minOrderAmt"] == "5"


def test_the_server_s_time(desk: PaperDesk) -> None:
    assert desk.get("market/time")["timeNano"] == f"{desk.now_ms}000000"
