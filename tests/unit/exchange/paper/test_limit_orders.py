"""Limit orders: resting, taking, times in force, amending, cancelling."""

from decimal import Decimal

import pytest

from botbox_cli.exchange.paper.terms import Terms
from tests.support.paper import PaperDesk


@pytest.fixture
def desk() -> PaperDesk:
    return PaperDesk()


def test_a_resting_buy_locks_its_value_and_fills_as_maker_once_the_price_went_through(
    desk: PaperDesk,
) -> None:
    desk.limit("Buy", "0.01", "99000")
    assert desk.status("limit") == "New"
    assert desk.locked("USDT") == 990

    desk.move("99000")
    assert desk.status("limit") == "New"
    desk.move("98999.9")

    assert desk.status("limit") == "Filled"
    [fill] = desk.fills("limit")
    assert (fill["execPrice"], fill["isMaker"]) == ("99000.0", True)
    assert desk.locked("USDT") == 0


def test_a_resting_sell_fills_once_the_price_rose_through_it() -> None:
    desk = PaperDesk(opening={"BTC": Decimal(1)})
    desk.limit("Sell", "0.01", "101000")

    desk.move("101000.1")

    assert desk.status("limit") == "Filled"
    assert desk.wallet("USDT") == 1010 - Decimal("1.01")


def test_a_crossing_limit_takes_what_is_there_and_rests_with_the_remainder(desk: PaperDesk) -> None:
    desk.script.depth = Decimal("0.002")

    desk.limit("Buy", "0.01", "100000.2")

    row = desk.order("limit")
    assert (row["orderStatus"], row["cumExecQty"], row["leavesQty"]) == (
        "PartiallyFilled",
        "0.004000",
        "0.006000",
    )
    assert desk.locked("USDT") == Decimal("0.006") * Decimal("100000.2")


def test_cancelling_a_partly_filled_order_is_partially_filled_cancelled(desk: PaperDesk) -> None:
    desk.script.depth = Decimal("0.002")
    desk.limit("Buy", "0.01", "100000.1")

    desk.cancel("limit")

    row = desk.order("limit")
    assert (row["orderStatus"], row["cancelType"]) == ("PartiallyFilledCanceled", "CancelByUser")
    assert desk.locked("USDT") == 0


def test_cancelling_an_unfilled_order_is_cancelled(desk: PaperDesk) -> None:
    desk.limit("Buy", "0.01", "99000")

    desk.cancel("limit")

    row = desk.order("limit")
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_PerCancelRequest")


def test_immediate_or_cancel_keeps_nothing_on_the_book(desk: PaperDesk) -> None:
    desk.script.depth = Decimal("0.002")

    desk.limit("Buy", "0.01", "100000.1", timeInForce="IOC")

    assert desk.status("limit") == "PartiallyFilledCanceled"
    assert desk.locked("USDT") == 0


def test_fill_or_kill_fills_all_or_nothing(desk: PaperDesk) -> None:
    desk.script.depth = Decimal("0.002")

    desk.limit("Buy", "0.01", "100000.1", link="killed", timeInForce="FOK")
    desk.limit("Buy", "0.002", "100000.1", link="filled", timeInForce="FOK")

    assert (desk.status("killed"), desk.fills("killed")) == ("Cancelled", [])
    assert desk.status("filled") == "Filled"


def test_a_post_only_order_that_would_take_is_accepted_and_then_cancelled(desk: PaperDesk) -> None:
    desk.limit("Buy", "0.01", "100000.1", timeInForce="PostOnly")

    row = desk.order("limit")
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_PostOnlyWillTakeLiquidity")


def test_amending_a_resting_order_moves_price_quantity_and_lock(desk: PaperDesk) -> None:
    desk.limit("Buy", "0.01", "99000")

    desk.post("order/amend", symbol="BTCUSDT", orderLinkId="limit", qty="0.02", price="98000")

    row = desk.order("limit")
    assert (row["qty"], row["price"]) == ("0.020000", "98000.0")
    assert desk.locked("USDT") == 1960


def test_amending_a_resting_order_across_the_book_takes(desk: PaperDesk) -> None:
    desk.limit("Buy", "0.01", "99000")

    desk.post("order/amend", symbol="BTCUSDT", orderLinkId="limit", price="100100")

    row = desk.order("limit")
    assert (row["orderStatus"], row["avgPrice"]) == ("Filled", "100000.1")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 10001),
        ({"qty": "0.001"}, 170313),
        ({"price": "99000.05"}, 170134),
        ({"triggerPrice": "99000"}, 170312),
        ({"qty": "zero"}, 170130),
    ],
)
def test_amendments_that_make_no_sense_are_refused(
    desk: PaperDesk, change: dict[str, str], code: int
) -> None:
    desk.script.depth = Decimal("0.002")
    desk.limit("Buy", "0.01", "100000.1")

    assert desk.code("POST", "order/amend", symbol="BTCUSDT", orderLinkId="limit", **change) == code


def test_a_finished_order_can_not_be_amended(desk: PaperDesk) -> None:
    desk.buy("0.01")

    assert desk.code("POST", "order/amend", symbol="BTCUSDT", orderLinkId="entry", qty="0.02") == 170312


def test_cancelling_what_is_finished_or_unknown_says_which(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.limit("Buy", "0.01", "99000")
    desk.cancel("limit")

    def code(link: str, symbol: str = "BTCUSDT") -> int:
        return desk.code("POST", "order/cancel", symbol=symbol, orderLinkId=link)

    assert (code("entry"), code("limit"), code("never")) == (170139, 170142, 170213)
    assert code("entry", "ETHUSDT") == 170213
    assert desk.code("POST", "order/cancel", symbol="BTCUSDT") == 10001


def test_cancel_all_takes_one_filter_and_symbol_at_a_time() -> None:
    desk = PaperDesk(opening={"USDT": Decimal(10000), "BTC": Decimal(1)})
    desk.limit("Buy", "0.01", "99000", link="btc")
    desk.limit("Buy", "0.1", "2490", link="eth", symbol="ETHUSDT")
    desk.stop("0.01", "99000")

    first = desk.post("order/cancel-all", symbol="BTCUSDT")
    stops = desk.post("order/cancel-all", orderFilter="tpslOrder")

    assert [row["orderLinkId"] for row in first["list"]] == ["btc"]
    assert first["success"] == "1"
    assert [row["orderLinkId"] for row in stops["list"]] == ["stop"]
    assert desk.status("eth") == "New"
    assert len(desk.post("order/cancel-all", baseCoin="ETH")["list"]) == 1


def test_a_cancel_may_take_its_time() -> None:
    desk = PaperDesk(terms=Terms(cancel_delay_ms=300))
    desk.limit("Buy", "0.01", "99000")

    desk.cancel("limit")

    assert desk.status("limit") == "New"
    desk.clock.sleep(0.3)
    assert desk.status("limit") == "Cancelled"
