"""The account's read endpoints: filters, paging, retention, lag, wallet."""

from decimal import Decimal
from typing import Any

import pytest

from botbox_cli.exchange.paper.state import Effects, Lag
from botbox_cli.exchange.paper.terms import Terms
from tests.support.paper import PaperDesk

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@pytest.fixture
def desk() -> PaperDesk:
    return PaperDesk()


def links(result: dict[str, Any]) -> list[str]:
    return [row["orderLinkId"] for row in result["list"]]


def test_realtime_shows_open_orders_newest_first_whatever_their_filter(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.limit("Buy", "0.01", "99000")
    desk.stop("0.00999", "99000")

    assert links(desk.get("order/realtime")) == ["stop", "limit"]
    assert links(desk.get("order/realtime", orderFilter="tpslOrder")) == ["stop"]
    assert links(desk.get("order/realtime", symbol="ETHUSDT")) == []
    assert links(desk.get("order/realtime", baseCoin="BTC")) == ["stop", "limit"]


def test_realtime_shows_closed_orders_when_asked(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.limit("Buy", "0.01", "99000")

    assert links(desk.get("order/realtime", openOnly="1")) == ["entry"]


def test_realtime_by_id_ignores_open_only_and_prefers_the_order_id(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.limit("Buy", "0.01", "99000")
    order_id = desk.order("entry")["orderId"]

    assert links(desk.get("order/realtime", orderId=order_id, orderLinkId="limit")) == ["entry"]
    assert desk.get("order/realtime", orderLinkId="never")["list"] == []


def test_realtime_remembers_the_500_most_recent_closed_orders(desk: PaperDesk) -> None:
    for number in range(501):
        desk.create(link=f"o{number}", side="Buy", orderType="Market", qty="5", effects=Effects(Decimal(0)))

    assert desk.get("order/realtime", orderLinkId="o0")["list"] == []
    assert links(desk.get("order/realtime", orderLinkId="o1")) == ["o1"]
    assert links(desk.get("order/history", orderLinkId="o0")) == ["o0"]


def test_a_restarted_service_has_closed_orders_in_history_only(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.limit("Buy", "0.01", "99000")
    desk.clock.sleep(1)

    desk.exchange.restart()

    assert desk.get("order/realtime", orderLinkId="entry")["list"] == []
    assert links(desk.get("order/realtime")) == ["limit"]
    assert links(desk.get("order/history")) == ["entry"]


def test_realtime_pages_with_its_cursor(desk: PaperDesk) -> None:
    for number in range(5):
        desk.limit("Buy", "0.001", "99000", link=f"o{number}")

    first = desk.get("order/realtime", limit="2")
    second = desk.get("order/realtime", limit="2", cursor=first["nextPageCursor"])
    third = desk.get("order/realtime", limit="2", cursor=second["nextPageCursor"])

    assert [links(page) for page in (first, second, third)] == [["o4", "o3"], ["o2", "o1"], ["o0"]]
    assert third["nextPageCursor"] == ""


def test_history_pages_until_an_empty_page(desk: PaperDesk) -> None:
    for number in range(3):
        desk.buy("0.001", link=f"o{number}")

    first = desk.get("order/history", limit="2")
    second = desk.get("order/history", limit="2", cursor=first["nextPageCursor"])
    last = desk.get("order/history", limit="2", cursor=second["nextPageCursor"])

    assert [links(page) for page in (first, second, last)] == [["o2", "o1"], ["o0"], []]
    assert "%3A" in second["nextPageCursor"]
    assert last["nextPageCursor"] == ""


def test_executions_page_with_their_cursor(desk: PaperDesk) -> None:
    for number in range(3):
        desk.buy("0.001", link=f"o{number}")

    first = desk.get("execution/list", limit="2")
    second = desk.get("execution/list", limit="2", cursor=first["nextPageCursor"])

    assert [links(first), links(second)] == [["o2", "o1"], ["o0"]]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("order/realtime", {"limit": "51"}),
        ("order/realtime", {"limit": "0"}),
        ("order/realtime", {"openOnly": "7"}),
        ("order/realtime", {"cursor": "rubbish"}),
        ("order/history", {"limit": "many"}),
        ("order/history", {"startTime": "1", "endTime": str(1 + 8 * 86400_000)}),
        ("order/history", {"startTime": "2", "endTime": "1"}),
        ("execution/list", {"limit": "101"}),
        ("execution/list", {"cursor": "rubbish"}),
        ("execution/list", {"startTime": "now"}),
        ("execution/list", {"category": "linear"}),
        ("account/wallet-balance", {"accountType": "SPOT"}),
    ],
)
def test_bad_parameters_are_refused(desk: PaperDesk, path: str, params: dict[str, str]) -> None:
    assert desk.code("GET", path, **params) == 10001


def test_history_has_only_what_is_closed(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.limit("Buy", "0.01", "99000")

    assert links(desk.get("order/history")) == ["entry"]


def test_history_forgets_an_unfilled_end_after_a_day(desk: PaperDesk) -> None:
    desk.limit("Buy", "0.01", "99000")
    desk.cancel("limit")

    desk.clock.sleep(DAY_S - 1)
    assert links(desk.get("order/history", orderLinkId="limit")) == ["limit"]
    desk.clock.sleep(1)
    assert desk.get("order/history", orderLinkId="limit")["list"] == []


def test_history_keeps_fills_for_two_years_but_shows_a_week_unless_asked(desk: PaperDesk) -> None:
    desk.buy("0.01")
    bought_ms = desk.now_ms
    desk.clock.sleep(8 * DAY_S)

    assert desk.get("order/history")["list"] == []
    assert links(desk.get("order/history", orderLinkId="entry")) == ["entry"]
    assert links(desk.get("order/history", startTime=str(bought_ms))) == ["entry"]
    desk.clock.sleep(723 * DAY_S)
    assert desk.get("order/history", orderLinkId="entry")["list"] == []


def test_history_can_be_asked_for_a_status(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.limit("Buy", "0.01", "99000")
    desk.cancel("limit")

    assert links(desk.get("order/history", orderStatus="Filled")) == ["entry"]


def test_executions_show_a_week_unless_asked(desk: PaperDesk) -> None:
    desk.buy("0.01")
    bought_ms = desk.now_ms
    desk.clock.sleep(8 * DAY_S)

    assert desk.get("execution/list")["list"] == []
    assert links(desk.get("execution/list", orderLinkId="entry")) == ["entry"]
    assert links(desk.get("execution/list", startTime=str(bought_ms))) == ["entry"]
    assert links(desk.get("execution/list", endTime=str(bought_ms))) == ["entry"]
    assert desk.get("execution/list", endTime=str(bought_ms - 1))["list"] == []


def test_executions_of_a_symbol(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.buy("0.1", link="eth", symbol="ETHUSDT")

    assert links(desk.get("execution/list", symbol="ETHUSDT")) == ["eth"]
    assert links(desk.get("execution/list", baseCoin="BTC")) == ["entry"]


# Lag


def test_each_view_shows_an_order_only_after_its_own_lag() -> None:
    desk = PaperDesk(terms=Terms(lag=Lag(realtime_ms=200, history_ms=500, executions_ms=800)))
    desk.buy("0.01")

    def seen() -> list[int]:
        paths = ("order/realtime", "order/history", "execution/list")
        return [len(desk.get(path, orderLinkId="entry")["list"]) for path in paths]

    assert seen() == [0, 0, 0]
    desk.clock.sleep(0.2)
    assert seen() == [1, 0, 0]
    desk.clock.sleep(0.3)
    assert seen() == [1, 1, 0]
    desk.clock.sleep(0.3)
    assert seen() == [1, 1, 1]


def test_a_lagging_view_shows_a_stop_as_it_was() -> None:
    desk = PaperDesk(terms=Terms(lag=Lag(realtime_ms=1000)))
    desk.buy("0.01")
    desk.stop("0.00999", "99000")
    desk.clock.sleep(2)

    desk.move("98000")

    assert desk.status("stop") == "Untriggered"
    assert links(desk.get("order/realtime")) == ["stop"]
    desk.clock.sleep(1)
    assert desk.status("stop") == "Filled"
    assert desk.get("order/realtime")["list"] == []


def test_a_lagging_view_shows_fills_one_by_one() -> None:
    desk = PaperDesk(terms=Terms(lag=Lag(realtime_ms=1000)))
    desk.script.depth = Decimal("0.002")
    desk.limit("Buy", "0.01", "100000.1")
    desk.clock.sleep(5)
    desk.cancel("limit")

    row = desk.order("limit")
    assert (row["orderStatus"], row["cumExecQty"]) == ("PartiallyFilled", "0.002000")
    assert row["cumFeeDetail"] == {"BTC": "0.000002"}


def test_one_order_may_lag_alone(desk: PaperDesk) -> None:
    desk.buy("0.01", link="late", effects=Effects(lag=Lag(realtime_ms=1000)))
    desk.buy("0.01", link="prompt")

    assert desk.get("order/realtime", orderLinkId="late")["list"] == []
    assert desk.status("prompt") == "Filled"


def test_an_order_that_lags_alone_is_still_listed_as_open(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.stop("0.00999", "99000", effects=Effects(lag=Lag(realtime_ms=1000)))
    desk.clock.sleep(5)

    desk.move("98000")

    assert links(desk.get("order/realtime")) == ["stop"]


# Wallet


def test_the_wallet_lists_coins_that_are_not_zero(desk: PaperDesk) -> None:
    desk.buy("0.01")

    [account] = desk.get("account/wallet-balance", accountType="UNIFIED")["list"]

    coins = {row["coin"]: row for row in account["coin"]}
    assert set(coins) == {"USDT", "BTC"}
    assert coins["BTC"]["usdValue"] == "999"
    assert account["totalEquity"] == "9998.999"
    assert (coins["USDT"]["availableToWithdraw"], coins["USDT"]["totalOrderIM"]) == ("", "0")


def test_a_coin_never_held_is_missing_from_the_wallet(desk: PaperDesk) -> None:
    [account] = desk.get("account/wallet-balance", accountType="UNIFIED", coin="DOGE,USDT")["list"]

    assert [row["coin"] for row in account["coin"]] == ["USDT"]


# The account


def test_the_key_may_trade_spot_and_never_withdraw(desk: PaperDesk) -> None:
    key = desk.get("user/query-api")

    assert (key["readOnly"], key["permissions"]["Spot"], key["permissions"]["Wallet"]) == (
        0,
        ["SpotTrade"],
        [],
    )
    assert str(key["userID"]) == desk.exchange.identity.user_id
    assert key["ips"] == ["127.0.0.1"]


def test_fee_rates_of_one_symbol_or_all(desk: PaperDesk) -> None:
    one = desk.get("account/fee-rate", symbol="ETHUSDT")["list"]

    assert one == [{"symbol": "ETHUSDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"}]
    assert len(desk.get("account/fee-rate")["list"]) == 10
    assert desk.code("GET", "account/fee-rate", symbol="NOPE") == 10001


def test_the_account_is_unified(desk: PaperDesk) -> None:
    info = desk.get("account/info")

    assert (info["unifiedMarginStatus"], info["marginMode"]) == (5, "REGULAR_MARGIN")
