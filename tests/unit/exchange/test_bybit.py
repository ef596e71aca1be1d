"""What the adapter asks, how often, and what it makes of the answers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import requests
from pybit.exceptions import FailedRequestError

from botbox_cli.domain.candle import INTERVALS, from_ms, to_ms
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.order import ReportStatus
from botbox_cli.errors import (
    ConfigError,
    DuplicateOrder,
    ExchangeRejected,
    ExchangeUnavailable,
    OrderGone,
    OutcomeUnknown,
)
from botbox_cli.exchange.bybit import CLOCK_MARGIN, DEFAULT_FEE_RATE, PAGES_MAX, READ_PAUSES_S, BybitExchange
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.ports import OrderRequest
from tests.support.bybit_bodies import body, listed, ok, rows
from tests.support.bybit_session import ScriptedSession, refusal

D = Decimal
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ID = "bb-k3f9-7-entry1"
BTC = Instrument("BTCUSDT", "BTC", "USDT", D("0.1"), D("0.000001"), D("0.000011"), D(5))
DAY = timedelta(days=1)


def over(session: ScriptedSession, clock: ManualClock | None = None) -> BybitExchange:
    return BybitExchange(session.as_session(), clock or ManualClock(NOW))


def entry(**more: Any) -> OrderRequest:
    return OrderRequest(ID, BTC, True, D("0.001"), NOW - timedelta(seconds=1), **more)


def order_row(**fields: Any) -> dict[str, Any]:
    row = rows("order_history_spot_market_sell_filled")[0]
    return row | {"orderLinkId": ID, "symbol": "BTCUSDT"} | fields


def execution_row(**fields: Any) -> dict[str, Any]:
    row = rows("execution_list_spot_buy_fee_in_base")[0]
    return row | {"orderLinkId": ID, "execTime": str(to_ms(NOW))} | fields


# -- placing


def test_market_entry_is_sent_in_base_coin_without_leverage_and_with_its_slippage_bound() -> None:
    request = entry(max_slippage_percent=D("0.500"))

    assert over(ScriptedSession()).order_request(request) == {
        "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.001",
        "marketUnit": "baseCoin", "isLeverage": "0", "orderLinkId": ID,
        "slippageToleranceType": "Percent", "slippageTolerance": "0.5",
    }  # fmt: skip


def test_stop_is_a_stand_alone_tpsl_market_order() -> None:
    request = OrderRequest(
        "bb-k3f9-7-stop1", BTC, False, D("1E-5"), NOW, trigger_price=D("61000.10"), max_slippage_percent=D(1)
    )

    assert over(ScriptedSession()).order_request(request) == {
        "category": "spot", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.00001",
        "marketUnit": "baseCoin", "isLeverage": "0", "orderLinkId": "bb-k3f9-7-stop1",
        "orderFilter": "tpslOrder", "triggerPrice": "61000.1",
    }  # fmt: skip


def test_exit_has_no_slippage_bound() -> None:
    params = over(ScriptedSession()).order_request(OrderRequest(ID, BTC, False, D(1), NOW))

    assert not [name for name in params if "slippage" in name.lower()]


def test_short_borrows() -> None:
    assert over(ScriptedSession()).order_request(entry(is_leverage=True))["isLeverage"] == "1"


def test_order_is_sent_as_shown_with_its_pinned_time() -> None:
    session = ScriptedSession(place_order=ok({"orderId": "77", "orderLinkId": ID}))
    exchange = over(session)

    assert exchange.place(entry()) == "77"
    assert session.asked == [
        ("place_order", {"timestamp": to_ms(NOW) - 1000} | exchange.order_request(entry()))
    ]


@pytest.mark.parametrize(
    "answer",
    [
        ok({"orderId": "77", "orderLinkId": "bb-k3f9-8-entry1"}),
        ok({"orderId": "77", "orderLinkId": ""}),
        ok({"orderId": "77"}),
        ok({"orderId": "", "orderLinkId": ID}),
        ok({"orderId": 77, "orderLinkId": ID}),
        ok(None),
        ok([]),
        {"retCode": 0},
        {},
        [],
        None,
        "OK",
    ],
)
def test_answer_that_does_not_name_our_order_leaves_it_unknown(answer: Any) -> None:
    session = ScriptedSession(place_order=answer)

    with pytest.raises(OutcomeUnknown):
        over(session).place(entry())
    assert len(session.asked) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refusal(170131), ExchangeRejected),
        (refusal(170141), DuplicateOrder),
        (refusal(10016), OutcomeUnknown),
        (refusal(10006), ExchangeUnavailable),
        (refusal(10002), ExchangeUnavailable),
        (refusal(10003), ConfigError),
        (refusal(123456), OutcomeUnknown),
        (requests.ReadTimeout(), OutcomeUnknown),
        (requests.ConnectTimeout(), ExchangeUnavailable),
    ],
)
def test_order_is_sent_once_whatever_comes_back(error: Exception, expected: type[Exception]) -> None:
    session, clock = ScriptedSession(place_order=error), ManualClock(NOW)

    with pytest.raises(expected) as caught:
        over(session, clock).place(entry())

    assert type(caught.value) is expected
    assert len(session.asked) == 1
    assert clock.now() == NOW


# -- cancelling


def test_cancel_names_the_order_by_link_id_only() -> None:
    session = ScriptedSession(cancel_order=ok({"orderId": "77", "orderLinkId": ID}))

    over(session).cancel("BTCUSDT", ID, is_stop=False)

    assert session.asked == [("cancel_order", {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": ID})]


def test_stop_is_cancelled_among_the_stops() -> None:
    session = ScriptedSession(cancel_order=ok({"orderId": "77", "orderLinkId": ID}))

    over(session).cancel("BTCUSDT", ID, is_stop=True)

    assert session.asked[0][1]["orderFilter"] == "tpslOrder"


def test_cancel_answered_for_another_order_is_unknown() -> None:
    session = ScriptedSession(cancel_order=ok({"orderId": "77", "orderLinkId": "other"}))

    with pytest.raises(OutcomeUnknown):
        over(session).cancel("BTCUSDT", ID, is_stop=False)


@pytest.mark.parametrize("code", [170139, 170142, 170190, 170143, 170213, 110001, 110008, 110010])
def test_cancel_of_an_order_that_is_gone(code: int) -> None:
    with pytest.raises(OrderGone):
        over(ScriptedSession(cancel_order=refusal(code))).cancel("BTCUSDT", ID, is_stop=True)


@pytest.mark.parametrize("code", [170191, 170144, 170212, 110079])
def test_cancel_that_is_too_early_may_be_tried_again(code: int) -> None:
    session = ScriptedSession(cancel_order=refusal(code))

    with pytest.raises(ExchangeUnavailable):
        over(session).cancel("BTCUSDT", ID, is_stop=True)
    assert len(session.asked) == 1


# -- retries of reads


def test_read_is_tried_again_until_it_is_answered() -> None:
    session = ScriptedSession(get_server_time=(requests.ReadTimeout(), refusal(10016), body("market_time")))
    clock = ManualClock(NOW)

    assert over(session, clock).server_time().year == 2023
    assert clock.now() - NOW == timedelta(seconds=0.6)


def test_read_gives_up_after_three_tries() -> None:
    session = ScriptedSession(get_server_time=requests.ReadTimeout())

    with pytest.raises(ExchangeUnavailable, match="ReadTimeout"):
        over(session).server_time()
    assert len(session.asked) == 1 + len(READ_PAUSES_S)


def test_slow_failures_end_a_read_earlier() -> None:
    clock = ManualClock(NOW)

    class Slow(ScriptedSession):
        def get_server_time(self) -> Any:
            self.asked.append(("get_server_time", {}))
            clock.sleep(5)
            raise requests.ReadTimeout

    session = Slow()
    with pytest.raises(ExchangeUnavailable):
        over(session, clock).server_time()

    assert len(session.asked) == 2


@pytest.mark.parametrize("answer", [None, [], {}, ok([]), ok({}), ok({"timeNano": "soon"})])
def test_malformed_answer_is_asked_for_again_and_then_unavailable(answer: Any) -> None:
    session = ScriptedSession(get_server_time=answer)

    with pytest.raises(ExchangeUnavailable, match="makes no sense"):
        over(session).server_time()
    assert len(session.asked) == 1 + len(READ_PAUSES_S)


@pytest.mark.parametrize("code", [10003, 10004, 10005, 10010, 33004, 10001, 170131, 424242])
def test_refused_read_is_not_tried_again(code: int) -> None:
    session = ScriptedSession(get_wallet_balance=refusal(code))

    with pytest.raises((ConfigError, ExchangeRejected)):
        over(session).wallet()
    assert len(session.asked) == 1


def limited(reset_in_s: float) -> Exception:
    stamp = str(to_ms(NOW + timedelta(seconds=reset_in_s)))
    return refusal(10006, X_Bapi_Limit_Reset_Timestamp=stamp)


def test_rate_limited_read_waits_until_the_reset() -> None:
    session, clock = ScriptedSession(get_server_time=(limited(1.25), body("market_time"))), ManualClock(NOW)

    over(session, clock).server_time()

    assert clock.now() - NOW == timedelta(seconds=1.25)


def test_reset_stamp_of_the_past_does_not_crash() -> None:
    session, clock = ScriptedSession(get_server_time=(limited(-90), body("market_time"))), ManualClock(NOW)

    over(session, clock).server_time()

    assert clock.now() - NOW == timedelta(seconds=0.2)


def test_reset_in_the_far_future_is_the_callers_business() -> None:
    session = ScriptedSession(get_server_time=limited(60))

    with pytest.raises(ExchangeUnavailable) as caught:
        over(session).server_time()
    assert caught.value.retry_after_s == 60
    assert len(session.asked) == 1


# -- market data


def test_closed_candles_are_asked_for_by_the_thousand() -> None:
    hours = body("kline_linear_btcusdt_1h_three_rows")
    hours["result"]["category"] = "spot"
    session = ScriptedSession(get_kline=hours)

    batch = over(session).candles("BTCUSDT", INTERVALS["60"], start_ms=1706630400000, end_ms=None)

    assert len(batch.open_ms) == 3
    assert session.params("get_kline") == [
        {"category": "spot", "symbol": "BTCUSDT", "interval": "60", "limit": 1000, "start": 1706630400000}
    ]


def test_open_candle_is_told_by_the_servers_clock_not_ours() -> None:
    answer = body("kline_spot_btcusdt_1d_unclosed")

    ours_is_years_ahead = over(ScriptedSession(get_kline=answer))
    batch = ours_is_years_ahead.candles("BTCUSDT", INTERVALS["D"], start_ms=None, end_ms=None)

    assert batch.open_ms.tolist() == []


def test_our_clock_decides_when_the_answer_has_no_time() -> None:
    answer = body("kline_spot_btcusdt_1d_unclosed") | {"time": None}

    batch = over(ScriptedSession(get_kline=answer)).candles(
        "BTCUSDT", INTERVALS["D"], start_ms=None, end_ms=None
    )

    assert batch.open_ms.tolist() == [1745884800000]


def test_one_quote_is_asked_for_by_symbol_and_several_in_one_request() -> None:
    session = ScriptedSession(get_tickers=body("tickers_spot_btcusdt"))
    exchange = over(session)

    assert set(exchange.quotes(["BTCUSDT"])) == {"BTCUSDT"}
    assert set(exchange.quotes(["BTCUSDT", "NOUSDT"])) == {"BTCUSDT"}
    assert exchange.quotes([]) == {}
    assert session.params("get_tickers") == [{"category": "spot", "symbol": "BTCUSDT"}, {"category": "spot"}]


@pytest.mark.parametrize("code", [10001, 170121])
def test_symbol_that_does_not_exist_is_absent(code: int) -> None:
    session = ScriptedSession(get_tickers=refusal(code), get_instruments_info=refusal(code))

    assert over(session).quotes(["NOUSDT"]) == {}
    assert over(session).instruments("NOUSDT") == {}


def test_refused_question_for_all_symbols_is_an_error() -> None:
    session = ScriptedSession(get_tickers=refusal(10001), get_instruments_info=refusal(10001))

    with pytest.raises(ExchangeRejected):
        over(session).quotes(["BTCUSDT", "ETHUSDT"])
    with pytest.raises(ExchangeRejected):
        over(session).instruments()


def test_one_instrument_is_asked_for_by_symbol_and_only_it_is_returned() -> None:
    session = ScriptedSession(get_instruments_info=body("instruments_info_spot_mainnet_7_symbols"))

    assert set(over(session).instruments("BTCUSDT")) == {"BTCUSDT"}
    assert len(over(session).instruments()) == 7
    assert session.params("get_instruments_info") == [
        {"category": "spot", "symbol": "BTCUSDT"}, {"category": "spot"},
    ]  # fmt: skip


# -- account


def test_wallet_is_the_unified_accounts() -> None:
    session = ScriptedSession(get_wallet_balance=body("wallet_balance_unified"))

    assert over(session).wallet()["USDT"].free == D("3229.64065465")
    assert session.asked == [("get_wallet_balance", {"accountType": "UNIFIED"})]


@pytest.mark.parametrize("code", [10017, 10032, 10005])
def test_fee_rate_is_the_usual_one_where_it_is_not_offered(code: int) -> None:
    assert over(ScriptedSession(get_fee_rates=refusal(code))).fee_rate("BTCUSDT") == DEFAULT_FEE_RATE


def test_fee_rate_is_the_usual_one_where_the_host_has_no_such_path() -> None:
    missing = FailedRequestError("GET https://host: ", "HTTP status code is not 200.", 404, "10:00:00", None)

    assert over(ScriptedSession(get_fee_rates=missing)).fee_rate("BTCUSDT") == DEFAULT_FEE_RATE


@pytest.mark.parametrize("code", [10003, 10004, 10010, 10001])
def test_fee_rate_does_not_hide_a_bad_key(code: int) -> None:
    with pytest.raises((ConfigError, ExchangeRejected)):
        over(ScriptedSession(get_fee_rates=refusal(code))).fee_rate("BTCUSDT")


def test_margin_state_is_asked_for() -> None:
    assert over(
        ScriptedSession(spot_margin_trade_get_status_and_leverage=body("spot_margin_state"))
    ).is_margin_on()


# -- repaying


def test_repayment_is_sent_once_in_plain_notation() -> None:
    session = ScriptedSession(manual_no_convert_repay=ok({"resultStatus": "SU"}))

    over(session).repay("BTC", D("1E-8"))

    assert session.asked == [("manual_no_convert_repay", {"coin": "BTC", "amount": "0.00000001"})]


@pytest.mark.parametrize("answer", [requests.ReadTimeout(), refusal(10016), {}, None])
def test_repayment_without_a_trustworthy_answer_is_unknown(answer: Any) -> None:
    session = ScriptedSession(manual_no_convert_repay=answer)

    with pytest.raises(OutcomeUnknown, match="repayment"):
        over(session).repay("BTC", D("0.1"))
    assert len(session.asked) == 1


# -- looking up


def nowhere(**answers: Any) -> ScriptedSession:
    empty = listed() | {"time": to_ms(NOW) + 5000}
    return ScriptedSession(
        **{"get_open_orders": empty, "get_order_history": empty, "get_executions": empty} | answers
    )


def looked_up(session: ScriptedSession, *, since: datetime = NOW - DAY) -> Any:
    return over(session).look_up("BTCUSDT", ID, since=since)


def test_order_in_realtime_is_found_at_once() -> None:
    session = nowhere(get_open_orders=listed(order_row()))

    look = looked_up(session)

    assert look.report.order_link_id == ID
    assert [name for name, _ in session.asked] == ["get_open_orders"]
    assert session.asked[0][1] == {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": ID, "limit": 50}


def test_order_in_history_is_found_when_realtime_has_forgotten_it() -> None:
    look = looked_up(nowhere(get_order_history=listed(order_row())))

    assert look.report.status is ReportStatus.FILLED


@pytest.mark.parametrize("code", [170213, 110001])
def test_no_such_order_is_the_same_as_an_empty_answer(code: int) -> None:
    session = nowhere(get_open_orders=refusal(code), get_order_history=refusal(code))

    assert looked_up(session).report is None
    assert len(session.asked) == 3


def test_executions_alone_make_an_order_that_is_alive() -> None:
    session = nowhere(get_executions=listed(execution_row(execId="1"), execution_row(execId="2")))

    look = looked_up(session)

    assert (look.report.status, look.report.filled_qty) == (ReportStatus.LIVE, D("0.002"))
    assert [fill.execution_id for fill in look.fills] == ["1", "2"]


def test_brief_look_asks_realtime_only() -> None:
    session = nowhere(get_executions=listed(execution_row()))

    look = over(session).look_up("BTCUSDT", ID, since=NOW - DAY, is_brief=True)

    assert look.report is None
    assert [name for name, _ in session.asked] == ["get_open_orders"]


def test_order_that_is_nowhere_was_asked_for_everywhere() -> None:
    session = nowhere()

    assert looked_up(session).report is None
    assert [name for name, _ in session.asked] == ["get_open_orders", "get_order_history", "get_executions"]


def test_rows_of_other_orders_are_ignored_and_the_pages_behind_them_read() -> None:
    other = order_row(orderLinkId="bb-k3f9-8-entry1")
    session = nowhere(
        get_open_orders=(listed(other, cursor="1%3A2"), listed(order_row()), listed()),
        get_executions=listed(execution_row(orderLinkId="")),
    )

    assert looked_up(session).report.order_link_id == ID
    assert session.params("get_open_orders")[1]["cursor"] == "1%3A2"


def test_rows_of_other_orders_prove_nothing() -> None:
    other = listed(order_row(orderLinkId="other"))
    session = nowhere(
        get_open_orders=other,
        get_order_history=other,
        get_executions=listed(execution_row(orderLinkId="other")),
    )

    assert looked_up(session).report is None


def test_unreadable_row_of_another_order_does_no_harm() -> None:
    session = nowhere(get_open_orders=listed({"orderLinkId": "other", "side": None}))

    assert looked_up(session).report is None


def test_unreadable_row_of_our_order_is_never_taken_for_absence() -> None:
    session = nowhere(get_open_orders=listed(order_row(side="?")))

    with pytest.raises(ExchangeUnavailable):
        looked_up(session)


def test_finished_row_wins_over_a_live_one_of_the_same_order() -> None:
    late = order_row(orderStatus="New", cumExecQty="0", updatedTime=str(to_ms(NOW)))

    assert looked_up(nowhere(get_open_orders=listed(order_row(), late))).report.status is ReportStatus.FILLED


def test_absence_is_not_concluded_when_a_look_up_does_not_answer() -> None:
    for name in ("get_open_orders", "get_order_history", "get_executions"):
        with pytest.raises(ExchangeUnavailable):
            looked_up(nowhere(**{name: requests.ReadTimeout()}))


def test_history_is_searched_back_to_when_the_order_may_have_been_made() -> None:
    session = nowhere(get_open_orders=listed() | {"time": to_ms(NOW)})

    looked_up(session, since=NOW - 20 * DAY)

    first, *older = session.params("get_order_history")
    assert not {"startTime", "endTime"} & set(first)  # The last seven days.
    spans: list[tuple[int, int]] = [(p["startTime"], p["endTime"]) for p in older]
    assert spans[0][1] > to_ms(NOW - 7 * DAY)
    assert spans[1][1] == spans[0][0]
    assert spans[-1][0] <= to_ms(NOW - 20 * DAY)
    assert all(end - start == 7 * 86_400_000 for start, end in spans)


def test_executions_are_searched_in_overlapping_spans_of_a_week_up_to_now() -> None:
    session = nowhere()

    looked_up(session, since=NOW - 20 * DAY)

    spans = [(p["startTime"], p.get("endTime")) for p in session.params("get_executions")]
    assert spans[0][0] == to_ms(NOW - 20 * DAY - CLOCK_MARGIN)
    for (_, end), (start, _) in pairwise(spans):
        assert start < end
    assert spans[-1][1] is None
    assert to_ms(NOW - 7 * DAY) < spans[-1][0] < to_ms(NOW)


def test_look_is_dated_by_the_exchanges_clock_at_the_oldest_answer() -> None:
    first = listed() | {"time": to_ms(NOW) - 900}
    session = nowhere(get_open_orders=first, get_order_history=listed() | {"time": to_ms(NOW) + 9000})

    assert looked_up(session).at == NOW - timedelta(seconds=0.9)


def test_look_is_never_dated_later_than_our_own_clock() -> None:
    session = nowhere(get_open_orders=listed() | {"time": to_ms(NOW + DAY)})

    assert looked_up(session).at == NOW


@pytest.mark.parametrize("stamp", [None, "soon", 0, ""])
def test_look_without_the_exchanges_time_is_dated_by_our_clock_before_asking(stamp: Any) -> None:
    clock = ManualClock(NOW)

    class Slow(ScriptedSession):
        def get_open_orders(self, **_: Any) -> Any:
            clock.sleep(3)
            return listed() | {"time": stamp}

    later = listed() | {"time": to_ms(NOW) + 5000}
    session = Slow(get_order_history=later, get_executions=later)

    assert over(session, clock).look_up("BTCUSDT", ID, since=NOW - DAY).at == NOW


# -- in a hurry


def test_command_with_little_time_left_waits_shortly_and_asks_once() -> None:
    left_s = [26.0]
    session = ScriptedSession(get_tickers=requests.ReadTimeout("slow"))
    exchange = over(session).within(lambda: left_s[0])

    for seconds in (26.0, 4.0, 1.0, 0.0):
        left_s[0] = seconds
        with pytest.raises(ExchangeUnavailable):
            exchange.quotes(["BTCUSDT"])

    assert session.waits == [25.0] * 3 + [3.0] * 3 + [1.0, 1.0]


def test_hurry_of_one_command_is_not_that_of_the_next() -> None:
    session = ScriptedSession(get_tickers=listed(category="spot"))
    exchange = over(session)

    exchange.within(lambda: 0.0).quotes(["BTCUSDT"])
    exchange.quotes(["BTCUSDT"])

    assert session.waits[0] == 1.0
    assert session.waits[1] > 5.0


# -- lists


def test_open_orders_of_all_kinds_are_read_page_by_page() -> None:
    first = order_row(orderId="1", orderStatus="New", cumExecQty="0")
    second = order_row(orderId="2", orderStatus="Untriggered", cumExecQty="0", triggerPrice="61000")
    session = ScriptedSession(
        get_open_orders=(listed(first, cursor="a%2C1"), listed(second, cursor="b"), listed())
    )

    orders = over(session).open_orders()

    assert [(o.exchange_order_id, o.is_stop) for o in orders] == [("1", False), ("2", True)]
    assert session.params("get_open_orders") == [
        {"category": "spot", "limit": 50},
        {"category": "spot", "limit": 50, "cursor": "a%2C1"},
        {"category": "spot", "limit": 50, "cursor": "b"},
    ]


def test_open_orders_are_read_only_as_far_as_those_that_are_wanted() -> None:
    row = order_row(orderStatus="New", cumExecQty="0")
    other = order_row(orderId="2", orderLinkId="other", orderStatus="New", cumExecQty="0")
    pages = (listed(other, cursor="a"), listed(row, cursor="b"), listed())

    assert len(over(ScriptedSession(get_open_orders=pages)).open_orders(until={ID})) == 2
    session = ScriptedSession(get_open_orders=pages)
    over(session).open_orders(until={ID})
    assert len(session.asked) == 2
    session = ScriptedSession(get_open_orders=pages)
    over(session).open_orders(until={ID, "missing"})
    assert len(session.asked) == 3


def test_unreadable_order_of_somebody_else_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    ours = order_row(orderStatus="New", cumExecQty="0")
    session = ScriptedSession(get_open_orders=listed(order_row(orderLinkId="by-hand", side=""), ours))

    assert [order.order_link_id for order in over(session).open_orders()] == [ID]
    assert "side is ''" in caplog.text


def test_unreadable_order_of_ours_is_an_error() -> None:
    session = ScriptedSession(get_open_orders=listed(order_row(side="")))

    with pytest.raises(ExchangeUnavailable, match="side"):
        over(session).open_orders()


def test_orders_that_have_just_ended_are_not_open() -> None:
    assert over(ScriptedSession(get_open_orders=listed(order_row()))).open_orders() == []


def test_order_that_moved_to_the_next_page_is_listed_once() -> None:
    row = order_row(orderStatus="New", cumExecQty="0")
    session = ScriptedSession(get_open_orders=(listed(row, cursor="a"), listed(row)))

    assert len(over(session).open_orders()) == 1


def test_cursor_that_leads_nowhere_ends_the_pages() -> None:
    session = ScriptedSession(get_open_orders=listed(order_row(), cursor="same"))

    over(session).open_orders()

    assert len(session.asked) == 2


def test_pages_without_an_end_are_an_error() -> None:
    class Endless(ScriptedSession):
        def get_open_orders(self, **params: Any) -> Any:
            self.asked.append(("get_open_orders", params))
            return listed(order_row(), cursor=str(len(self.asked)))

    session = Endless()
    with pytest.raises(ExchangeUnavailable, match="pages"):
        over(session).open_orders()
    assert len(session.asked) == PAGES_MAX


def test_fills_of_an_order_are_its_own_only() -> None:
    session = ScriptedSession(
        get_executions=listed(
            execution_row(execId="3", execTime=str(to_ms(NOW) + 5)),
            execution_row(execId="2", orderLinkId="other"),
            execution_row(execId="1"),
            execution_row(execId="1"),
        )
    )

    fills = over(session).order_fills("BTCUSDT", ID, since=NOW - DAY)

    assert [fill.execution_id for fill in fills] == ["1", "3"]
    assert session.asked[0][1]["startTime"] == to_ms(NOW - DAY - CLOCK_MARGIN)


def test_fills_of_the_account_are_everyones_from_the_moment_asked_for() -> None:
    session = ScriptedSession(
        get_executions=listed(
            execution_row(execId="1", orderLinkId="by-hand"),
            execution_row(execId="2", execTime=str(to_ms(NOW - 2 * DAY))),
            execution_row(execId="3", execType="Funding"),
        )
    )

    fills = over(session).fills_since(NOW - DAY)

    assert [fill.execution_id for fill in fills] == ["1"]
    assert session.asked[0][1] == {"category": "spot", "startTime": to_ms(NOW - DAY), "limit": 100}


def test_unreadable_execution_is_never_skipped() -> None:
    session = ScriptedSession(get_executions=listed(execution_row(), execution_row(execId="", execQty="?")))

    with pytest.raises(ExchangeUnavailable):
        over(session).fills_since(NOW - DAY)


def test_executions_older_than_bybit_keeps_them_are_not_asked_for() -> None:
    session = ScriptedSession(get_executions=listed())

    over(session).fills_since(from_ms(0))

    assert session.asked[0][1]["startTime"] > to_ms(NOW - 731 * DAY)


def test_adapter_shows_nothing_of_itself() -> None:
    exchange = BybitExchange(ScriptedSession().as_session(), ManualClock(NOW), secrets=("MARKED",))

    assert repr(exchange) == "BybitExchange()"
