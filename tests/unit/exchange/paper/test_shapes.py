"""The paper exchange's rows have the fields and types of captured Bybit rows, and its error texts are Bybit's."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support import bybit_bodies
from tests.support.paper import PaperDesk


@pytest.fixture
def desk() -> PaperDesk:
    desk = PaperDesk()
    desk.buy("0.01", link="bought")
    desk.sell("0.005", link="sold")
    desk.create(link="value", side="Buy", orderType="Market", qty="50")
    return desk


def assert_has_fields_of(row: dict[str, Any], captured: dict[str, Any]) -> None:
    missing = captured.keys() - row.keys()
    assert not missing
    differing = {name for name in captured if type(row[name]) is not type(captured[name])}
    assert not differing


@pytest.mark.parametrize(
    "name",
    [
        "order_history_spot_market_buy_quote_partially_filled_canceled",
        "order_history_spot_market_sell_filled",
        "order_realtime_spot_new_2023",
    ],
)
def test_order_rows(desk: PaperDesk, name: str) -> None:
    [captured] = bybit_bodies.rows(name)

    assert_has_fields_of(desk.order("bought"), captured)


def test_a_sell_has_the_very_forms_of_a_captured_sell(desk: PaperDesk) -> None:
    """Only what names the order, its market and its moment may differ."""
    [captured] = bybit_bodies.rows("order_history_spot_market_sell_filled")
    own = {
        "symbol",
        "orderId",
        "orderLinkId",
        "createdTime",
        "updatedTime",
        "avgPrice",
        "qty",
        "triggerPrice",
    }
    own |= {name for name in captured if name.startswith(("cumExec", "leaves"))}

    row = desk.order("sold")

    assert {name: row[name] for name in captured.keys() - own} == {
        name: value for name, value in captured.items() if name not in own
    }


def test_a_buy_by_value_ends_as_captured(desk: PaperDesk) -> None:
    [captured] = bybit_bodies.rows("order_history_spot_market_buy_quote_partially_filled_canceled")

    row = desk.order("value")

    for name in ("orderStatus", "rejectReason", "cancelType", "timeInForce", "marketUnit", "price", "side"):
        assert row[name] == captured[name], name
    assert Decimal(row["leavesValue"]) == Decimal(row["qty"]) - Decimal(row["cumExecValue"])


def test_execution_rows(desk: PaperDesk) -> None:
    [captured] = bybit_bodies.rows("execution_list_spot_buy_fee_in_base")

    assert_has_fields_of(desk.fills("bought")[0], captured)


def test_wallet_coins(desk: PaperDesk) -> None:
    [account] = bybit_bodies.rows("wallet_balance_unified")
    [own] = desk.get("account/wallet-balance", accountType="UNIFIED")["list"]

    assert_has_fields_of(own, account)
    assert_has_fields_of(own["coin"][0], account["coin"][0])


@pytest.mark.parametrize(
    ("name", "path", "params"),
    [
        ("market_time", "market/time", {}),
        ("orderbook_btcusdt_documented", "market/orderbook", {"symbol": "BTCUSDT"}),
        ("price_limit_btcusdt", "market/price-limit", {"symbol": "BTCUSDT"}),
        ("user_query_api", "user/query-api", {}),
        ("user_setting_config", "account/user-setting-config", {}),
        ("account_info", "account/info", {}),
        ("spot_margin_state", "spot-margin-trade/state", {}),
        ("spot_borrow_check", "order/spot-borrow-check", {"symbol": "BTCUSDT", "side": "Buy"}),
    ],
)
def test_single_results(desk: PaperDesk, name: str, path: str, params: dict[str, str]) -> None:
    captured = bybit_bodies.body(name)["result"]

    result = desk.get(path, **params)

    assert_has_fields_of(result, captured)


@pytest.mark.parametrize(
    ("name", "path", "params"),
    [
        ("tickers_spot_btcusdt", "market/tickers", {"symbol": "BTCUSDT"}),
        ("fee_rate_documented", "account/fee-rate", {"symbol": "BTCUSDT"}),
        ("instruments_info_spot_btcusdt", "market/instruments-info", {"symbol": "BTCUSDT"}),
    ],
)
def test_listed_results(desk: PaperDesk, name: str, path: str, params: dict[str, str]) -> None:
    [captured] = bybit_bodies.rows(name)

    [row] = desk.get(path, **params)["list"]

    assert_has_fields_of(row, captured)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("error_170121_invalid_symbol", {"symbol": "NOPE"}),
        ("error_170131_insufficient_balance", {"qty": "1"}),
        (
            "error_170134_price_too_many_decimals",
            {"orderType": "Limit", "price": "99000.05", "marketUnit": None},
        ),
        ("error_170136_qty_below_minimum", {"qty": "0.000001"}),
        ("error_170137_qty_too_many_decimals", {"qty": "0.0100001"}),
        ("error_170140_order_value_below_minimum", {"qty": "0.00004"}),
        ("error_170141_duplicate_order_link_id", {"orderLinkId": "bought"}),
        ("error_170148_market_amount_too_many_decimals", {"qty": "50.00000001", "marketUnit": "quoteCoin"}),
    ],
)
def test_error_bodies(desk: PaperDesk, name: str, params: dict[str, Any]) -> None:
    base = {
        "category": "spot",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "0.01",
        "marketUnit": "baseCoin",
    }

    body = desk.reply("POST", "order/create", **{**base, **params}).body

    assert isinstance(body, dict)
    assert {**body, "time": 0} == {**bybit_bodies.body(name), "time": 0}
