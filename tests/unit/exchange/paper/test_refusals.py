"""Orders that are not accepted, and the code Bybit gives."""

from decimal import Decimal
from typing import Any

import pytest

from botbox_cli.exchange.paper.bundled import instrument_rows
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from tests.support.paper import PaperDesk

LIMIT = {"orderType": "Limit", "price": "99000", "marketUnit": None}
STOP = {"side": "Sell", "orderFilter": "tpslOrder", "triggerPrice": "99000"}


@pytest.fixture
def desk() -> PaperDesk:
    return PaperDesk(opening={"USDT": Decimal(10000), "BTC": Decimal(1)})


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"category": "linear"}, 10001),
        ({"symbol": "NOPEUSDT"}, 170121),
        ({"symbol": None}, 170121),
        ({"side": "Long"}, 170117),
        ({"orderType": "Stop"}, 170116),
        ({"orderFilter": "Everything"}, 170201),
        ({"marketUnit": "coins"}, 170130),
        ({"qty": None}, 170105),
        ({"qty": ""}, 170105),
        ({"qty": "abc"}, 170130),
        ({"qty": "1e-05"}, 170130),
        ({"qty": "-0.01"}, 170130),
        ({"qty": "0"}, 170130),
        ({"qty": "NaN"}, 170130),
        ({"qty": 0.01}, 170130),
        ({"qty": "0.0100001"}, 170137),
        ({"qty": "0.00001"}, 170136),
        ({"qty": "0.00004"}, 170140),
        ({"qty": "42"}, 170381),
        ({"qty": "50.00000001", "marketUnit": "quoteCoin"}, 170148),
        ({"qty": "4.9", "marketUnit": "quoteCoin"}, 170140),
        ({"qty": "8000001", "marketUnit": "quoteCoin"}, 170124),
        ({"qty": "0.2"}, 170131),
        ({"qty": "1.1", "side": "Sell"}, 170131),
        ({"isLeverage": "2"}, 10001),
        ({"isLeverage": 1, "qty": "0.2"}, 170036),
        ({"orderLinkId": "a" * 37}, 10001),
        ({"orderLinkId": "no spaces"}, 10001),
        ({"orderLinkId": "ünïcode"}, 10001),
        ({"orderLinkId": 12}, 10001),
        ({"takeProfit": "110000"}, 170227),
        ({"slippageToleranceType": "Percent"}, 10001),
        ({"slippageTolerance": "1"}, 10001),
        ({"slippageToleranceType": "Percent", "slippageTolerance": 0.5}, 10001),
        ({"slippageToleranceType": "Percent", "slippageTolerance": "10.01"}, 110109),
        ({"slippageToleranceType": "Percent", "slippageTolerance": "0.005"}, 110109),
        ({"slippageToleranceType": "TickSize", "slippageTolerance": "1.5"}, 110108),
        ({"slippageToleranceType": "TickSize", "slippageTolerance": "10001"}, 110108),
        ({**STOP, "slippageToleranceType": "Percent", "slippageTolerance": "1"}, 10001),
        ({**LIMIT, "price": None}, 170105),
        ({**LIMIT, "price": "99000.05"}, 170134),
        ({**LIMIT, "timeInForce": "Later"}, 170115),
        ({**LIMIT, "price": "100500.1"}, 170193),
        ({**LIMIT, "price": "99499.9", "side": "Sell"}, 170194),
        ({**LIMIT, "qty": "84"}, 170381),
        ({**STOP, "triggerPrice": None}, 170202),
        ({**STOP, "triggerPrice": "0"}, 170202),
        ({**STOP, "triggerPrice": "99000.05"}, 170134),
        ({**STOP, "triggerPrice": "100", "qty": "0.01"}, 170140),
        ({**STOP, **LIMIT, "price": "89000"}, 170203),
        ({**STOP, **LIMIT, "price": "111000"}, 170204),
    ],
)
def test_a_bad_order_is_refused_with_its_code(desk: PaperDesk, params: dict[str, Any], code: int) -> None:
    assert desk.refused(**params) == code
    assert desk.get("order/realtime")["list"] == []
    assert desk.locked("USDT") == desk.locked("BTC") == 0


def test_a_link_id_is_taken_for_ever(desk: PaperDesk) -> None:
    desk.limit("Buy", "0.01", "99000", link="once")
    desk.cancel("once")
    desk.clock.sleep(40 * 86400)

    assert desk.refused(orderLinkId="once") == 170141


def test_a_duplicate_id_is_named_before_an_empty_wallet(desk: PaperDesk) -> None:
    """A repeated entry must learn that the first one landed, not that its money is gone."""
    desk.buy("0.099", link="once")

    assert desk.refused(orderLinkId="once", qty="0.099") == 170141


def test_a_refused_order_leaves_its_link_id_free(desk: PaperDesk) -> None:
    assert desk.refused(orderLinkId="again", qty="0.2") == 170131

    assert desk.refused(orderLinkId="again") == 0


def test_a_link_id_of_36_letters_digits_dashes_and_underscores_is_fine(desk: PaperDesk) -> None:
    assert desk.refused(orderLinkId="bb-Tag_0-" + "x" * 27) == 0


def test_an_order_without_a_link_id_is_given_one(desk: PaperDesk) -> None:
    ids = desk.post("order/create", symbol="BTCUSDT", side="Buy", orderType="Market", qty="50")

    assert int(ids["orderLinkId"]) == int(ids["orderId"]) + 1
    assert len(ids["orderId"]) == 19


def test_a_symbol_without_a_price_is_not_open_yet() -> None:
    desk = PaperDesk(market=ScriptedMarket({}))

    assert desk.refused() == 170151


def test_a_delisted_symbol_is_unknown() -> None:
    rows = [row for row in instrument_rows() if row["symbol"] != "BTCUSDT"]
    desk = PaperDesk(market=ScriptedMarket({"ETHUSDT": "2500"}, rows=rows))

    assert desk.refused() == 170121
    assert desk.get("market/instruments-info", symbol="BTCUSDT")["list"] == []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "nowhere"), ("POST", "order/realtime"), ("GET", "order/create")]
)
def test_an_unknown_route_is_http_404_with_its_code(desk: PaperDesk, method: str, path: str) -> None:
    reply = desk.reply(method, path)

    assert reply.status == 404
    assert isinstance(reply.body, dict)
    assert reply.body["retCode"] == 10017
