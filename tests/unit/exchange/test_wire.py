"""Bybit's bodies to domain values, with every stored body, and with bodies that make no sense."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbox_cli.domain.account import Balance, KeyInfo
from botbox_cli.domain.candle import INTERVALS, from_ms
from botbox_cli.domain.instrument import Instrument, Quote
from botbox_cli.domain.number import plain
from botbox_cli.domain.order import OrderReport, ReportStatus, Side
from botbox_cli.exchange import wire
from botbox_cli.exchange.wire import WireError
from tests.support.bybit_bodies import body, listed, names, ok, rows

HERE = Path(__file__).parent
D = Decimal

NOT_PARSED = {
    "account_info": "account mode is not read: a classic account refuses with 10028",
    "account_info_2023": "as account_info",
    "account_instruments_info_spot_btcusdt": "filters come from the market's own list, which needs no key",
    "coins_balance_fund": "the funding wallet is not read",
    "order_amend_ok_documented": "orders are never amended",
    "order_amend_ok_spot": "orders are never amended",
    "order_cancel_all_documented": "orders are cancelled one by one",
    "order_cancel_all_spot": "orders are cancelled one by one",
    "order_cancel_all_success_only": "orders are cancelled one by one",
    "orderbook_btcusdt_documented": "best prices come from tickers",
    "orderbook_spot_btcusdt": "best prices come from tickers",
    "price_limit_btcusdt": "the band is Bybit's to enforce",
    "recent_trade_spot_btcusdc": "the tape is not read",
    "single_coin_balance_unified": "the wallet is read whole",
    "spot_borrow_check": "free coins come from the wallet",
    "spot_margin_switch_mode": "margin is switched by a person",
    "user_setting_config": "the coin of a fee is read from each execution",
    "ws_private_auth_failure_nautilus": "no stream",
    "ws_private_auth_ok": "no stream",
    "ws_private_execution_fast_documented": "no stream; has no fee",
    "ws_private_pong": "no stream",
    "ws_private_subscribe_ack": "no stream",
    "ws_public_kline_documented": "no stream",
    "ws_public_kline_spot_testnet": "no stream",
    "ws_public_orderbook1_delta_2023": "no stream",
    "ws_public_orderbook_snapshot": "no stream",
    "ws_public_pong": "no stream",
    "ws_public_pong_with_req_id": "no stream",
    "ws_public_subscribe_ack": "no stream",
    "ws_public_subscribe_failure": "no stream",
    "ws_public_ticker_spot": "no stream",
    "ws_public_ticker_spot_documented": "no stream",
    "ws_public_trade_spot_2023": "no stream",
    "ws_public_trade_spot_btcusdc": "no stream",
    "ws_subscribe_failure_nautilus": "no stream",
}
"""Stored bodies that botbox has no use for (yet), each with the reason."""


def test_every_stored_body_is_used_by_a_test_or_named_with_a_reason() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))

    used = {name for name in names() if f'"{name}"' in tests and name not in NOT_PARSED}

    assert used | set(NOT_PARSED) == set(names())


# -- the envelope


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "OK",
        7,
        {},
        {"retCode": None},
        {"retCode": 10001, "result": {}},
        {"retCode": 0},
        ok(None),
        ok([]),
    ],
)
def test_answer_that_is_no_successful_envelope_is_an_error(answer: Any) -> None:
    with pytest.raises(WireError):
        wire.result_of(answer)


def test_time_of_an_answer_is_its_millisecond_stamp() -> None:
    assert wire.time_of(body("market_time")) == datetime(2023, 7, 6, 10, 30, 3, 423000, UTC)


@pytest.mark.parametrize("stamp", [None, "", 0, "soon", 1.5, True, 10**40, {}, -(10**18)])
def test_unusable_time_of_an_answer_is_none(stamp: Any) -> None:
    assert wire.time_of({"retCode": 0, "time": stamp}) is None


def test_server_time_is_read_to_the_microsecond() -> None:
    assert wire.server_time(body("market_time")) == datetime(2023, 7, 6, 10, 30, 3, 423213, UTC)


@pytest.mark.parametrize(
    "name", ["execution_list_documented_linear", "order_history_documented_linear_postonly_cancelled",
             "order_realtime_documented_linear"]
)  # fmt: skip
def test_rows_of_another_category_are_refused(name: str) -> None:
    with pytest.raises(WireError, match="linear"):
        wire.rows_of(body(name))


def test_cursor_is_handed_back_verbatim() -> None:
    assert wire.page_of(body("execution_list_spot_buy_old"))[1] == "4159101%3A0%2C4159101%3A0"


@pytest.mark.parametrize("cursor", ["", None])
def test_no_cursor_is_the_end(cursor: Any) -> None:
    assert wire.page_of(ok({"list": [], "nextPageCursor": cursor}))[1] == ""


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("order_create_ok_documented", ("1321003749386327552", "spot-test-postonly")),
        ("order_create_ok_limit_buy", ("1609920528435648000", "1609920528444036608")),
        ("order_create_ok_market_buy_by_value", ("1971981115648733696", "1971981115648733697")),
        ("order_create_ok_spot_2023", ("1410305521329702656", "SQAC6QMAAQAASPS4YMFC")),
        ("order_create_ok_tpsl_market_sell", ("1992319485461489920", "1992319485469878528")),
        ("order_cancel_ok", ("b8614cb3-9ddb-460b-9282-a994528eac87", "ZwAC7nLlHkQAAQAAAAAA")),
        ("order_cancel_ok_documented", ("c6f055d9-7f21-4079-913d-e6523a9cfffa", "linear-004")),
    ],
)
def test_accepted_request_is_answered_with_both_ids(name: str, ids: tuple[str, str]) -> None:
    assert wire.order_ids(body(name)) == ids


# -- market data


def test_instrument_has_the_exchanges_filters() -> None:
    assert wire.instruments(body("instruments_info_spot_btcusdt")) == {
        "BTCUSDT": Instrument(
            "BTCUSDT", "BTC", "USDT",
            tick_size=D("0.1"), lot_size=D("0.000001"), min_qty=D("0.000011"), min_value=D("5"),
            max_market_qty=D("41.5"), margin_trading="utaOnly",
        )
    }  # fmt: skip


def test_older_instruments_without_the_newer_keys_are_read() -> None:
    pairs = wire.instruments(body("instruments_info_spot_2_symbols_2023"))

    assert pairs["ETHUSDT"].max_market_qty == D("100000000")
    assert pairs["ETHUSDT"].margin_trading == "none"


def test_all_seven_mainnet_instruments_are_read() -> None:
    pairs = wire.instruments(body("instruments_info_spot_mainnet_7_symbols"))

    assert len(pairs) == 7
    assert pairs["XRPUSDT"].tick_size == D("0.0001")
    assert pairs["XRPUSDT"].lot_size == D("0.01")


def test_one_unreadable_instrument_does_not_hide_the_others() -> None:
    good = rows("instruments_info_spot_btcusdt")[0]
    bad = good | {"symbol": "BADUSDT", "priceFilter": {"tickSize": "0"}}

    assert set(wire.instruments(listed(bad, good))) == {"BTCUSDT"}


def test_instrument_that_does_not_trade_is_left_out() -> None:
    halted = rows("instruments_info_spot_btcusdt")[0] | {"status": "Closed"}

    assert wire.instruments(listed(halted)) == {}


def test_quote_is_bid_ask_and_last() -> None:
    assert wire.quotes(body("tickers_spot_btcusdt"), ["BTCUSDT", "ETHUSDT"]) == {
        "BTCUSDT": Quote("BTCUSDT", D("20517.96"), D("20527.77"), D("20533.13"))
    }


def test_symbol_with_an_empty_side_of_the_book_has_no_quote() -> None:
    row = rows("tickers_spot_btcusdt")[0] | {"bid1Price": ""}

    assert wire.quotes(listed(row), ["BTCUSDT"]) == {}


def test_unwanted_symbols_are_not_even_parsed() -> None:
    assert wire.quotes(listed({"symbol": "ODDUSDT", "bid1Price": []}), ["BTCUSDT"]) == {}


def test_open_candle_is_dropped() -> None:
    answer = body("kline_spot_btcusdt_1d_unclosed")
    now = wire.time_of(answer)
    assert now is not None

    day = INTERVALS["D"]
    assert wire.candles(answer, "BTCUSDT", day, now).open_ms.tolist() == []
    closed = wire.candles(answer, "BTCUSDT", day, from_ms(1745884800000) + day.length)
    assert closed.open_ms.tolist() == [1745884800000]
    assert closed.turnover.tolist() == [325599405.76492207]


@pytest.mark.parametrize("name", ["kline_linear_btcusdt_1h_three_rows", "kline_inverse_documented"])
def test_candles_of_another_category_are_refused(name: str) -> None:
    with pytest.raises(WireError, match="not of spot"):
        wire.candles(body(name), body(name)["result"]["symbol"], INTERVALS["60"], datetime.now(UTC))


def three_hours(**result: Any) -> Any:
    answer = body("kline_linear_btcusdt_1h_three_rows")
    return answer | {"result": answer["result"] | {"category": "spot"} | result}


def test_candles_come_oldest_first() -> None:
    batch = wire.candles(three_hours(), "BTCUSDT", INTERVALS["60"], from_ms(1706803708087))

    assert batch.open_ms.tolist() == [1706630400000, 1706634000000, 1706637600000]
    assert batch.open.tolist() == [43350.7, 43488.0, 43376.1]
    assert batch.close.tolist() == [43488.0, 43376.1, 43352.8]
    assert batch.volume.tolist() == [1341.261, 3199.431, 1575.305]


def test_candle_closes_at_the_very_end_of_its_interval() -> None:
    end = from_ms(1706637600000) + timedelta(hours=1)

    before = wire.candles(three_hours(), "BTCUSDT", INTERVALS["60"], end - timedelta(milliseconds=1))
    at = wire.candles(three_hours(), "BTCUSDT", INTERVALS["60"], end)

    assert len(before.open_ms) == 2
    assert len(at.open_ms) == 3


def test_candle_sent_twice_is_kept_once() -> None:
    table = three_hours()["result"]["list"]

    batch = wire.candles(
        three_hours(list=table + table[1:2]), "BTCUSDT", INTERVALS["60"], from_ms(1706803708087)
    )

    assert len(batch.open_ms) == len(batch.turnover) == 3


def test_no_candles_are_seven_empty_columns() -> None:
    batch = wire.candles(three_hours(list=[]), "BTCUSDT", INTERVALS["60"], from_ms(1706803708087))

    assert [len(column) for column in (batch.open_ms, batch.open, batch.turnover)] == [0, 0, 0]


@pytest.mark.parametrize(
    "table",
    [
        [["1706630400000", "1", "2", "1", "1", "5"]],
        [["1706630400000", "1", "2", "nan", "1", "5", "5"]],
        [["1706630400000", "1", "inf", "1", "1", "5", "5"]],
        [["1706630400000", "0", "2", "1", "1", "5", "5"]],
        [["1706630400000", "1", "2", "1", "1", "-5", "5"]],
        [["1706630400000", "1", "2", "1", "1", "", "5"]],
        [["1706630400000", "1", "2", "1", "1", "5", "5"], ["1706634000000"]],
        [["1e400", "1", "2", "1", "1", "5", "5"]],
        [["9" * 30, "1", "2", "1", "1", "5", "5"]],
        [None],
        ["1234567"],
        "list",
    ],
)
def test_candles_that_make_no_sense_are_an_error(table: Any) -> None:
    with pytest.raises(WireError):
        wire.candles(three_hours(list=table), "BTCUSDT", INTERVALS["60"], from_ms(1706803708087))


def test_candles_of_another_symbol_are_refused() -> None:
    with pytest.raises(WireError, match="ETHUSDT"):
        wire.candles(three_hours(), "ETHUSDT", INTERVALS["60"], from_ms(1706803708087))


# -- account


def test_balance_is_what_is_held_with_what_orders_and_positions_keep_of_it() -> None:
    wallet = wire.balances(body("wallet_balance_unified"))

    assert wallet["USDT"] == Balance("USDT", total=D("3322.25896609"), locked=D("92.61831144"))
    assert wallet["USDT"].free == D("3229.64065465")
    assert len(wallet) == 7


def test_coins_without_any_amount_are_left_out() -> None:
    assert wire.balances(body("wallet_balance_unified_documented")) == {}
    assert set(wire.balances(body("wallet_balance_unified_2025"))) == {"BTC", "ETH", "EOS", "XRP", "USDT"}


def test_borrowed_coins_are_a_debt() -> None:
    assert wire.balances(body("wallet_balance_with_spot_borrow_nautilus"))["USDT"].debt == D("200.00")
    short = wire.balances(body("wallet_balance_spot_short_nautilus"))
    assert short["ETH"] == Balance("ETH", total=D(0), debt=D("0.06142"), interest=D("0.02"))
    assert short["USDT"].debt == 0


def test_portfolio_margin_leaves_margins_empty() -> None:
    row = {"coin": "BTC", "walletBalance": "2", "locked": "0.5", "totalOrderIM": "", "totalPositionIM": ""}

    assert wire.balance(row) == Balance("BTC", total=D(2), locked=D("0.5"))


@pytest.mark.parametrize("name", ["ws_private_wallet_after_spot_buy", "ws_private_wallet_documented"])
def test_wallet_frames_have_the_same_rows(name: str) -> None:
    coins = [wire.balance(row) for account in rows(name) for row in account["coin"]]

    assert {"BTC", "USDT"} & {coin.coin for coin in coins if coin.total}


@pytest.mark.parametrize(("mode", "is_on"), [("1", True), ("0", False), ("", None), (1, None)])
def test_margin_is_on_when_its_mode_says_so(mode: Any, is_on: bool | None) -> None:
    answer = body("spot_margin_state")
    answer["result"]["spotMarginMode"] = mode

    if is_on is None:
        with pytest.raises(WireError, match="spotMarginMode"):
            wire.is_margin_on(answer)
    else:
        assert wire.is_margin_on(answer) is is_on


def test_fee_rate_is_the_takers() -> None:
    assert wire.taker_fee_rate(body("fee_rate_documented"), "ETHUSDT") == D("0.0006")


def test_missing_fee_rate_is_an_error() -> None:
    with pytest.raises(WireError, match="BTCUSDT"):
        wire.taker_fee_rate(body("fee_rate_documented"), "BTCUSDT")


def test_key_says_what_it_may_do() -> None:
    assert wire.key_info(body("user_query_api")) == KeyInfo(
        user_id="1448939", read_only=True, may_trade_spot=True, may_withdraw=False, ip_bound=True, expires_at=None
    )  # fmt: skip


def key(**fields: Any) -> Any:
    answer = body("user_query_api")
    return answer | {"result": answer["result"] | fields}


def test_key_without_an_address_expires() -> None:
    info = wire.key_info(key(ips=["*"], expiredAt="2026-01-13T03:20:45Z", readOnly=0))

    assert not info.ip_bound
    assert not info.read_only
    assert info.expires_at == datetime(2026, 1, 13, 3, 20, 45, tzinfo=UTC)


def test_key_that_may_withdraw_is_told() -> None:
    assert wire.key_info(key(permissions={"Wallet": ["AccountTransfer", "Withdraw"]})).may_withdraw


def test_key_without_spot_may_not_trade() -> None:
    assert not wire.key_info(key(permissions={"Spot": []})).may_trade_spot


# -- orders


def report(name: str) -> OrderReport:
    return wire.order(rows(name)[0])


@pytest.mark.parametrize(
    ("name", "status", "filled_qty", "filled_value"),
    [
        ("order_history_spot_market_buy_quote_partially_filled_canceled", ReportStatus.PARTIAL_CANCELLED,
         "0.001614", "49.97980168"),
        ("order_history_spot_market_sell_filled", ReportStatus.FILLED, "123", "65.8173"),
        ("order_history_spot_tpsl_order_cancelled", ReportStatus.CANCELLED, "0", "0"),
        ("order_history_documented_linear_postonly_cancelled", ReportStatus.CANCELLED, "0", "0"),
        ("order_realtime_documented_linear", ReportStatus.LIVE, "0", "0"),
        ("order_realtime_spot_new_2023", ReportStatus.LIVE, "0", "0"),
        ("order_row_bidirectional_tpsl_filled", ReportStatus.FILLED, "3.59", "6.967472"),
        ("order_row_spot_market_sell_cancelled_risk_price", ReportStatus.CANCELLED, "0", "0"),
        ("ws_private_order_documented", ReportStatus.FILLED, "1", "75"),
        ("ws_private_order_spot_market_buy_partially_filled_canceled", ReportStatus.PARTIAL_CANCELLED,
         "0.000306", "9.98631"),
        ("ws_private_order_spot_market_sell_by_value", ReportStatus.FILLED, "0.11742", "9.9994872"),
        ("ws_private_order_spot_market_sell_filled", ReportStatus.FILLED, "0.001936", "62.29682784"),
        ("ws_private_order_spot_new_2023", ReportStatus.LIVE, "0", "0"),
    ],
)  # fmt: skip
def test_order_row_tells_state_and_fills(
    name: str, status: ReportStatus, filled_qty: str, filled_value: str
) -> None:
    seen = report(name)

    assert (seen.status, seen.filled_qty, seen.filled_value) == (status, D(filled_qty), D(filled_value))


def test_order_row_is_read_whole() -> None:
    assert report("order_history_spot_market_sell_filled") == OrderReport(
        order_link_id="1609604284784580097",
        exchange_order_id="1609604284784580096",
        symbol="XRPUSDT",
        side=Side.SELL,
        status=ReportStatus.FILLED,
        qty=D("123.00"),
        filled_qty=D("123.00"),
        filled_value=D("65.817300"),
        trigger_price=None,
        is_stop=False,
        reason="",
        created_at=datetime(2024, 1, 30, 11, 56, 23, 247000, UTC),
        updated_at=datetime(2024, 1, 30, 11, 56, 23, 251000, UTC),
    )


def test_untriggered_half_of_an_attached_pair_is_alive_and_a_stop() -> None:
    row = rows("ws_private_order_bidirectional_tpsl_untriggered")[0]  # Its times are cut off.

    seen = wire.order(row | {"createdTime": "1768995028286", "updatedTime": ""})

    assert (seen.status, seen.is_stop, seen.trigger_price, seen.updated_at) == (
        ReportStatus.LIVE, True, None, None,
    )  # fmt: skip


def test_stop_has_its_trigger() -> None:
    seen = report("order_history_spot_tpsl_order_cancelled")

    assert seen.is_stop
    assert seen.trigger_price == D("1500")


def test_order_by_value_has_the_base_quantity_it_filled_not_the_quote_it_asked_for() -> None:
    for name, base in (
        ("order_history_spot_market_buy_quote_partially_filled_canceled", "0.001614"),
        ("ws_private_order_spot_market_sell_by_value", "0.11742"),
        ("order_row_bidirectional_tpsl_filled", "3.59"),  # marketUnit is "".
    ):
        assert report(name).qty == D(base), name


def test_reason_is_the_engines_or_who_cancelled() -> None:
    assert report("order_row_spot_market_sell_cancelled_risk_price").reason == "EC_ReachRiskPriceLimit"
    row = rows("order_history_spot_market_sell_filled")[0]
    assert wire.order(row | {"cancelType": "CancelByUser"}).reason == "CancelByUser"


def test_fees_by_coin_come_from_the_fee_detail() -> None:
    assert report("ws_private_order_documented").fees == (("MNT", D("0.00242968")),)


def status_of(**fields: str) -> ReportStatus:
    return wire.order(rows("order_history_spot_market_sell_filled")[0] | fields).status


@pytest.mark.parametrize(
    ("status", "filled", "expected"),
    [
        ("Untriggered", "0", ReportStatus.LIVE),
        ("Triggered", "0", ReportStatus.LIVE),
        ("PartiallyFilled", "1", ReportStatus.LIVE),
        ("Deactivated", "0", ReportStatus.CANCELLED),
        ("Rejected", "0", ReportStatus.REJECTED),
        ("Cancelled", "1", ReportStatus.PARTIAL_CANCELLED),
        ("Deactivated", "1", ReportStatus.PARTIAL_CANCELLED),
        ("Rejected", "1", ReportStatus.PARTIAL_CANCELLED),
        ("PartiallyFilledCanceled", "0", ReportStatus.CANCELLED),
    ],
)
def test_end_of_an_order_is_decided_by_what_it_filled(
    status: str, filled: str, expected: ReportStatus
) -> None:
    assert status_of(orderStatus=status, cumExecQty=filled) == expected


def test_unknown_status_is_alive_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert status_of(orderStatus="Pondering") is ReportStatus.LIVE
    assert "'Pondering'" in caplog.text


@pytest.mark.parametrize(
    "field",
    [{"orderId": ""}, {"symbol": None}, {"side": ""}, {"orderStatus": ""}, {"createdTime": ""}, {"createdTime": "x"},
     {"cumExecQty": "1e99"}, {"cumExecQty": 0.1}, {"cumExecQty": True}, {"cumExecQty": "NaN"}, {"orderLinkId": 7}],
)  # fmt: skip
def test_order_row_that_makes_no_sense_is_an_error(field: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        wire.order(rows("order_history_spot_market_sell_filled")[0] | field)


# -- executions


def test_fill_is_read_whole() -> None:
    (fill,) = wire.fills(rows("execution_list_spot_buy_fee_in_base"))

    assert fill.execution_id == "2110000000034095620"
    assert fill.order_link_id == "1644387819067894017"
    assert fill.exchange_order_id == "1644387819067894016"
    assert (fill.symbol, fill.side, fill.price, fill.qty) == ("ETHUSDT", Side.BUY, D("2453.65"), D("0.001"))
    assert fill.fees == (("ETH", D("0.000001")),)
    assert fill.executed_at == datetime(2024, 3, 18, 11, 45, 3, 659000, UTC)
    assert not fill.is_maker


@pytest.mark.parametrize(
    ("name", "fees"),
    [
        ("execution_list_spot_buy_old", (("BTC", D("0.000000336")),)),
        ("ws_private_execution_spot_buy", (("BTC", D("0.000000306")),)),
    ],
)
def test_fee_without_its_coin_is_in_the_coin_received(name: str, fees: tuple[tuple[str, Decimal]]) -> None:
    assert wire.fill(rows(name)[0]).fees == fees


@pytest.mark.parametrize(
    ("side", "is_maker", "rate", "coin"),
    [
        ("Buy", False, "0.001", "BTC"),
        ("Sell", False, "0.001", "USDT"),
        ("Buy", True, "0.001", "BTC"),
        ("Sell", True, "0.001", "USDT"),
        ("Buy", True, "-0.0001", "USDT"),
        ("Sell", True, "-0.0001", "BTC"),
        ("Buy", False, "-0.0001", "BTC"),
        ("Sell", False, "-0.0001", "USDT"),
    ],
)
def test_missing_fee_coin_follows_bybits_table(side: str, is_maker: bool, rate: str, coin: str) -> None:
    row = rows("execution_list_spot_buy_old")[0] | {"side": side, "isMaker": is_maker, "feeRate": rate}

    assert [name for name, _ in wire.fill(row).fees] == [coin]


def test_extra_fees_add_up_by_coin() -> None:
    (row,) = rows("ws_private_execution_documented")

    assert wire.fill(row).fees == (("USDT", D("26.378931279")),)


def test_extra_fee_in_another_coin_is_listed_beside() -> None:
    row = rows("execution_list_spot_buy_fee_in_base")[0] | {"extraFees": [{"feeCoin": "USDT", "fee": "0.01"}]}

    assert wire.fill(row).fees == (("ETH", D("0.000001")), ("USDT", D("0.01")))


def test_fill_without_a_fee_has_none() -> None:
    row = rows("execution_list_spot_buy_fee_in_base")[0] | {"execFee": "", "extraFees": ""}

    assert wire.fill(row).fees == ()


def execution(number: int, **fields: Any) -> dict[str, Any]:
    return rows("execution_list_spot_buy_fee_in_base")[0] | {
        "execId": str(number), "execTime": str(1_710_762_303_659 + number // 10), "seq": number,
    } | fields  # fmt: skip


def test_fills_come_oldest_first_and_once() -> None:
    shuffled = [execution(n) for n in (25, 3, 11, 3, 2)]

    assert [fill.execution_id for fill in wire.fills(shuffled)] == ["2", "3", "11", "25"]


def test_rows_that_are_no_spot_trades_are_no_fills() -> None:
    others = [execution(1, execType="Funding"), execution(2, category="linear")]

    assert wire.fills(others) == []


def test_executions_alone_make_a_report_that_is_alive() -> None:
    done = [execution(1, execQty="0.4", orderQty="1"), execution(30, execQty="0.1", orderQty="1")]

    seen = wire.report_of_fills(done)

    assert seen is not None
    assert (seen.status, seen.qty, seen.filled_qty) == (ReportStatus.LIVE, D(1), D("0.5"))
    assert seen.filled_value == D("0.5") * D("2453.65")
    assert seen.fees == (("ETH", D("0.000002")),)


def test_no_executions_make_no_report() -> None:
    assert wire.report_of_fills([execution(1, execType="Funding")]) is None


@pytest.mark.parametrize(
    "field",
    [{"execId": ""}, {"execPrice": "0"}, {"execQty": ""}, {"execTime": ""}, {"side": "None"}, {"extraFees": "x"},
     {"extraFees": {"fee": "1"}}, {"extraFees": [1]}, {"extraFees": [{"fee": "1"}]}, {"seq": "x"},
     {"feeCurrency": "", "symbol": "ODDPAIR"}],
)  # fmt: skip
def test_execution_that_makes_no_sense_is_an_error(field: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        wire.fills([execution(1) | field])


# -- any JSON at all

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("parse", "name"),
    [
        (wire.order, "order_history_spot_market_sell_filled"),
        (wire.fill, "execution_list_spot_buy_fee_in_base"),
        (wire.instrument, "instruments_info_spot_btcusdt"),
    ],
)
@given(data=st.data())
def test_any_value_in_any_field_is_parsed_or_a_wire_error(parse: Any, name: str, data: st.DataObject) -> None:
    row = rows(name)[0]
    field = data.draw(st.sampled_from(sorted(row)))

    try:
        parse(row | {field: data.draw(_JSON)})
    except WireError:
        return


@given(
    qty=st.decimals(min_value=D("1e-9"), max_value=D("1e9"), allow_nan=False, places=9),
    price=st.decimals(min_value=D("1e-9"), max_value=D("1e9"), allow_nan=False, places=9),
)
def test_numbers_survive_the_wire_to_the_last_digit(qty: Decimal, price: Decimal) -> None:
    fill = wire.fill(execution(1, execQty=plain(qty), execPrice=plain(price)))

    assert (fill.qty, fill.price) == (qty, price)
