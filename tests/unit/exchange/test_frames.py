"""Frames to news: every stored one, and whatever else may come."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbox_cli.domain.candle import INTERVALS
from botbox_cli.exchange import frames
from botbox_cli.exchange.frames import Answer, Best
from botbox_cli.exchange.tops import Tops
from botbox_cli.exchange.wire import WireError
from botbox_cli.ports import CandleClosed, OrderNews, Price
from tests.support import bybit_bodies as bodies

STORED = [name for name in bodies.names() if name.startswith("ws_")]
AT = datetime(2026, 1, 1, tzinfo=UTC)


def told(frame: Any) -> Any:
    """Return what a frame tells, in whichever of the three ways."""
    return frames.answer_of(frame) or frames.best_of(frame) or frames.news_of(frame)


# -- stored frames


@pytest.mark.parametrize("name", STORED)
def test_every_stored_frame_can_be_read(name: str) -> None:
    frame = frames.frame_of(json.dumps(bodies.body(name)))

    expected: dict[str, Any] = {
        "ws_private_auth_failure_nautilus": Answer("auth", False, "Invalid apikey", ""),
        "ws_private_auth_ok": Answer("auth", True, "", ""),
        "ws_private_execution_documented": [],
        "ws_private_execution_fast_documented": [],
        "ws_private_execution_spot_buy": [OrderNews("BTCUSDT", "1552132392821724673")],
        "ws_private_order_bidirectional_tpsl_untriggered": [OrderNews("XRPUSDT", "2132879318752520962")],
        "ws_private_order_documented": [],
        "ws_private_order_spot_market_buy_partially_filled_canceled": [
            OrderNews("BTCUSDT", "1552132392821724673")
        ],
        "ws_private_order_spot_market_sell_by_value": [OrderNews("LTCUSDT", "1980059958938790145")],
        "ws_private_order_spot_market_sell_filled": [OrderNews("BTCUSDT", "1552243702477624833")],
        "ws_private_order_spot_new_2023": [OrderNews("BTCUSDT", "1682341972120")],
        "ws_private_pong": Answer("ping", True, "", ""),
        "ws_private_subscribe_ack": Answer("subscribe", True, "", ""),
        "ws_private_wallet_after_spot_buy": [],
        "ws_private_wallet_documented": [],
        "ws_public_kline_documented": [],
        "ws_public_kline_spot_testnet": [],
        "ws_public_orderbook1_delta_2023": Best(
            "BTCUSDT", None, Decimal("32499.27"), frames.from_ms(1699764797519), 873489, True
        ),
        "ws_public_pong": Answer("ping", True, "", ""),
        "ws_public_pong_with_req_id": Answer("ping", True, "", "78630463144691"),
        "ws_public_subscribe_ack": Answer("subscribe", True, "", ""),
        "ws_public_subscribe_failure": Answer("subscribe", False, "args size >10", "2000001"),
        "ws_public_ticker_spot": [],
        "ws_public_ticker_spot_documented": [],
        "ws_public_trade_spot_2023": [],
        "ws_public_trade_spot_btcusdc": [],
        "ws_subscribe_failure_nautilus": Answer(
            "subscribe", False, "Invalid topic: invalid.topic.BTCUSDT", ""
        ),
    }
    if name == "ws_public_orderbook_snapshot":
        best = told(frame)
        data = bodies.body(name)["data"]
        assert (best.bid, best.ask) == (Decimal(data["b"][0][0]), Decimal(data["a"][0][0]))
    else:
        assert told(frame) == expected[name]


def test_a_candle_that_closed_is_told_in_numbers() -> None:
    frame = bodies.body("ws_public_kline_documented")
    frame["data"][0]["confirm"] = True

    [closed] = frames.news_of(frame)

    assert isinstance(closed, CandleClosed)
    assert (closed.symbol, closed.interval) == ("BTCUSDT", INTERVALS["5"])
    candle = closed.candle
    assert candle.open_ms.tolist() == [1672324800000]
    assert [float(column[0]) for column in (candle.open, candle.high, candle.low, candle.close)] == [
        16649.5,
        16677.0,
        16608.0,
        16677.0,
    ]
    assert (float(candle.volume[0]), float(candle.turnover[0])) == (2.081, 34666.4005)


def test_several_fills_of_one_order_are_one_hint() -> None:
    frame = bodies.body("ws_private_execution_spot_buy")
    frame["data"] *= 3

    assert frames.news_of(frame) == [OrderNews("BTCUSDT", "1552132392821724673")]


def test_a_frame_of_all_categories_tells_of_spot_only() -> None:
    rows = [
        {"category": category, "symbol": "BTCUSDT", "orderLinkId": category}
        for category in ("linear", "spot")
    ]

    assert frames.news_of({"topic": "order", "data": rows}) == [OrderNews("BTCUSDT", "spot")]


# -- frames that are not as documented


@pytest.mark.parametrize(
    "text",
    [
        "", "{nonsense", "[]", "1", "null", b"\xff\xfe\x00", "[" * 5000,
        '{"topic":"orderbook.1.X"}', '{"topic":"orderbook.1.X","data":{"s":1}}',
        '{"topic":"orderbook.1.X","ts":1,"data":{"s":"X","u":"1","b":[],"a":[]}}',
        '{"topic":"orderbook.1.X","ts":1,"data":{"s":"X","u":1,"b":[["NaN","1"]],"a":[]}}',
        '{"topic":"orderbook.1.X","ts":1,"data":{"s":"X","u":1,"b":[["-1","1"]],"a":[]}}',
        '{"topic":"orderbook.1.X","ts":1,"data":{"s":"X","u":1,"b":[["1e99","1"]],"a":[]}}',
        '{"topic":"orderbook.1.X","ts":1,"data":{"s":"X","u":1,"b":[[1.5,"1"]],"a":[]}}',
        '{"topic":"orderbook.1.X","ts":1,"data":{"s":"X","u":1,"b":[["1"]],"a":[]}}',
        '{"topic":"orderbook.1.X","ts":99999999999999999,"data":{"s":"X","u":1,"b":[],"a":[]}}',
        '{"topic":"kline.60.X"}', '{"topic":"kline.7.X","data":[]}', '{"topic":"kline.60","data":[]}',
        '{"topic":"kline.60.X","data":[{"confirm":true}]}',
        ('{"topic":"kline.60.X","data":[{"confirm":true,"start":0,"open":"0","high":"1","low":"1","close":"1",'
        '"volume":"1","turnover":"1"}]}'),
        '{"topic":"order","data":[1]}', '{"topic":"order","data":[{"category":"spot"}]}', "{}",
    ],
)  # fmt: skip
def test_what_is_not_as_documented_is_a_wire_error(text: str | bytes) -> None:
    with pytest.raises(WireError):
        told(frames.frame_of(text))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(["s", "u", "b", "a", "x"]), each)
    ),
    max_leaves=8,
)
_FRAMES = st.fixed_dictionaries(
    {
        "topic": st.sampled_from(["orderbook.1.X", "kline.60.X", "order", "execution.spot", "x"]) | _JSON,
        "data": _JSON | st.lists(st.dictionaries(st.sampled_from(
            ["category", "symbol", "orderLinkId", "confirm", "start", "open", "close"]), _JSON | st.just("spot"))),
        "ts": _JSON,
        "type": st.sampled_from(["snapshot", "delta"]),
    }
)  # fmt: skip


@given(_FRAMES)
def test_no_frame_does_more_than_say_that_it_can_t_be_read(frame: dict[str, Any]) -> None:
    with contextlib.suppress(WireError):
        told(frames.frame_of(json.dumps(frame)))


# -- order on one connection


def best(
    update_id: int, bid: str | None = "10", ask: str | None = "11", at_s: float = 0, *, delta: bool = False
) -> Best:
    at = AT + timedelta(seconds=at_s)
    return Best("X", bid and Decimal(bid), ask and Decimal(ask), at, update_id, delta)  # type: ignore[arg-type]


def after(*books: Best) -> list[tuple[str, str] | None]:
    """Return the prices after each of these frames on one connection."""
    tops = Tops()
    prices = [tops.price(each) for each in books]
    return [(str(price.bid), str(price.ask)) if price else None for price in prices]


def test_an_older_frame_and_a_repeated_one_change_nothing() -> None:
    assert after(best(5), best(7, "12", "13"), best(6, "11", "12"), best(7, "12", "13")) == [
        ("10", "11"),
        ("12", "13"),
        None,
        None,
    ]


def test_a_book_that_is_sent_again_says_that_the_price_still_holds() -> None:
    assert after(best(5), best(5, at_s=3)) == [("10", "11"), ("10", "11")]


def test_numbers_that_begin_anew_are_followed() -> None:
    assert after(best(500), best(1, "12", "13", 1))[1] == ("12", "13")
    # Also when the very first frame after the restart was missed.
    assert after(best(500), best(2, "12", "13", 1), best(3, "14", "15", 4))[1:] == [None, ("14", "15")]


def test_a_delta_changes_one_side() -> None:
    assert after(best(5), best(6, None, "12", delta=True), best(7, "9", None, delta=True)) == [
        ("10", "11"),
        ("10", "12"),
        ("9", "12"),
    ]


def test_a_book_without_one_side_has_no_prices() -> None:
    assert after(best(5), best(6, None), best(7)) == [("10", "11"), None, ("10", "11")]


def test_symbols_do_not_share_their_numbers() -> None:
    tops = Tops()
    tops.price(best(500))

    assert tops.price(best(3)._replace(symbol="Y")) == Price("Y", Decimal(10), Decimal(11), AT)
