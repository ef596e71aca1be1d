"""Market orders: units, protection, depth, fees and how they end."""

from decimal import Decimal

import pytest

from botbox_cli.exchange.paper.market import Book
from botbox_cli.exchange.paper.state import Effects
from botbox_cli.exchange.paper.terms import Terms
from tests.support.paper import PaperDesk


@pytest.fixture
def desk() -> PaperDesk:
    return PaperDesk()


def book(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> Book:
    def levels(rows: list[tuple[str, str]]) -> list[tuple[Decimal, Decimal]]:
        return [(Decimal(price), Decimal(size)) for price, size in rows]

    return Book(levels(bids), levels(asks))


def test_buy_in_base_coin_fills_at_the_ask_and_pays_its_fee_in_the_base_coin(desk: PaperDesk) -> None:
    desk.buy("0.01")

    row = desk.order("entry")
    assert row["orderStatus"] == "Filled"
    assert (row["cumExecQty"], row["avgPrice"]) == ("0.010000", "100000.1")
    assert row["cumFeeDetail"] == {"BTC": "0.00001"}
    assert desk.wallet("BTC") == Decimal("0.00999")
    assert desk.wallet("USDT") == Decimal(10000) - Decimal("1000.001")


def test_sell_fills_at_the_bid_and_pays_its_fee_in_the_quote_coin(desk: PaperDesk) -> None:
    desk.buy("0.01")
    before = desk.wallet("USDT")

    desk.sell("0.009")

    assert desk.order("exit")["cumFeeDetail"] == {"USDT": "0.9"}
    assert desk.wallet("USDT") == before + Decimal(900) - Decimal("0.9")


def test_what_the_base_fee_took_can_not_be_sold(desk: PaperDesk) -> None:
    desk.buy("0.01")

    assert desk.refused(side="Sell", qty="0.01", marketUnit=None) == 170131


def test_buy_without_a_unit_spends_quote_coin(desk: PaperDesk) -> None:
    desk.create(link="value", side="Buy", orderType="Market", qty="50")

    row = desk.order("value")
    assert row["marketUnit"] == "quoteCoin"
    assert row["cumExecQty"] == "0.000499"
    assert Decimal(row["cumExecValue"]) == Decimal("49.9000499")
    assert Decimal(row["leavesValue"]) == Decimal(50) - Decimal("49.9000499")


def test_buy_by_value_ends_partially_filled_cancelled_with_its_change_left_over(desk: PaperDesk) -> None:
    desk.create(link="value", side="Buy", orderType="Market", qty="50")

    row = desk.order("value")
    assert (row["orderStatus"], row["rejectReason"]) == ("PartiallyFilledCanceled", "EC_CancelForNoFullFill")
    assert desk.locked("USDT") == 0


def test_buy_by_value_can_end_filled_as_newer_captures_show() -> None:
    desk = PaperDesk(terms=Terms(value_buy_status="Filled"))

    desk.create(link="value", side="Buy", orderType="Market", qty="50")

    assert desk.status("value") == "Filled"


def test_sell_by_value_takes_at_least_no_more_than_the_value(desk: PaperDesk) -> None:
    desk.buy("0.01")

    desk.create(link="value", side="Sell", orderType="Market", qty="10", marketUnit="quoteCoin")

    row = desk.order("value")
    assert (row["orderStatus"], row["cumExecQty"]) == ("Filled", "0.000100")


def test_sell_without_a_unit_is_in_base_coin(desk: PaperDesk) -> None:
    desk.buy("0.01")

    desk.sell("0.005")

    assert desk.order("exit")["marketUnit"] == "baseCoin"


def test_depth_splits_an_order_into_executions_at_worse_prices(desk: PaperDesk) -> None:
    desk.script.depth = Decimal("0.004")

    desk.buy("0.01")

    fills = [
        (fill["execPrice"], fill["execQty"], fill["leavesQty"]) for fill in reversed(desk.fills("entry"))
    ]
    assert fills == [
        ("100000.1", "0.004000", "0.006000"),
        ("100000.2", "0.004000", "0.002000"),
        ("100000.3", "0.002000", "0.000000"),
    ]


def test_executions_have_ids_of_their_own_and_name_their_fee(desk: PaperDesk) -> None:
    desk.script.depth = Decimal("0.004")
    desk.buy("0.01")

    fills = desk.fills("entry")

    assert len({fill["execId"] for fill in fills}) == 3
    assert {(fill["feeCurrency"], fill["feeRate"], fill["isMaker"]) for fill in fills} == {
        ("BTC", "0.001", False)
    }
    assert sum(Decimal(fill["execFee"]) for fill in fills) == Decimal("0.00001")


def test_what_lies_beyond_the_price_band_is_cancelled(desk: PaperDesk) -> None:
    desk.script.set_book("BTCUSDT", book([("100000", "1")], [("100000.1", "0.004"), ("100600", "5")]))

    desk.buy("0.01")

    row = desk.order("entry")
    assert (row["orderStatus"], row["rejectReason"]) == ("PartiallyFilledCanceled", "EC_ReachRiskPriceLimit")
    assert row["cumExecQty"] == "0.004000"


def test_nothing_within_the_price_band_is_a_cancelled_order_without_fills(desk: PaperDesk) -> None:
    desk.buy("0.01")
    desk.script.set_book("BTCUSDT", book([("99000", "5")], [("101000", "5")]))

    desk.sell("0.005")

    row = desk.order("exit")
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_ReachRiskPriceLimit")
    assert (row["cumExecQty"], row["avgPrice"], row["cumFeeDetail"]) == ("0.000000", "", {})


def test_an_empty_book_fills_nothing(desk: PaperDesk) -> None:
    desk.script.set_book("BTCUSDT", Book((), ()))

    desk.buy("0.01")

    assert desk.order("entry")["rejectReason"] == "EC_NoImmediateQtyToFill"
    assert desk.wallet("USDT") == 10000


@pytest.mark.parametrize(("kind", "tolerance"), [("Percent", "0.1"), ("TickSize", "1000")])
def test_slippage_tolerance_cuts_an_order_off(desk: PaperDesk, kind: str, tolerance: str) -> None:
    """0.1 % above an ask of 100,000.0, like 1,000 ticks of 0.1, is 100,100.0."""
    asks = [("100000", "0.002"), ("100100", "0.003"), ("100100.1", "5")]
    desk.script.set_book("BTCUSDT", book([("99999", "1")], asks))

    desk.buy("0.01", slippageToleranceType=kind, slippageTolerance=tolerance)

    row = desk.order("entry")
    assert (row["orderStatus"], row["rejectReason"]) == (
        "PartiallyFilledCanceled",
        "EC_ReachMarketPriceLimit",
    )
    assert row["cumExecQty"] == "0.005000"


def test_a_wide_tolerance_does_not_lift_the_price_band(desk: PaperDesk) -> None:
    desk.script.set_book("BTCUSDT", book([("99999", "1")], [("100600", "5")]))

    desk.buy("0.01", slippageToleranceType="Percent", slippageTolerance="10")

    assert desk.order("entry")["rejectReason"] == "EC_ReachRiskPriceLimit"


def test_a_buy_must_be_covered_at_the_dearest_price_it_may_pay(desk: PaperDesk) -> None:
    """0.0999 BTC cost 9,990 USDT at the ask, but 10,039.95 at the band's edge."""
    assert desk.refused(qty="0.0999") == 170131
    assert desk.refused(qty="0.0995") == 0


def test_a_tolerance_makes_less_cover_enough(desk: PaperDesk) -> None:
    assert desk.refused(qty="0.0999", slippageToleranceType="Percent", slippageTolerance="0.05") == 0


def test_a_partial_fill_by_fault_ends_partially_filled_cancelled(desk: PaperDesk) -> None:
    desk.buy("0.01", effects=Effects(fill_fraction=Decimal("0.3")))

    row = desk.order("entry")
    assert (row["orderStatus"], row["cumExecQty"]) == ("PartiallyFilledCanceled", "0.003000")
    assert desk.locked("USDT") == 0


def test_a_zero_fill_by_fault_ends_cancelled(desk: PaperDesk) -> None:
    desk.buy("0.01", effects=Effects(fill_fraction=Decimal(0)))

    assert desk.status("entry") == "Cancelled"
    assert desk.fills("entry") == []


def test_an_asynchronous_rejection_comes_after_an_accepted_create(desk: PaperDesk) -> None:
    desk.buy("0.01", effects=Effects(reject_reason="EC_Others"))

    row = desk.order("entry")
    assert (row["orderStatus"], row["rejectReason"]) == ("Rejected", "EC_Others")
    assert desk.locked("USDT") == 0


def test_fees_come_out_of_mnt_while_there_is_enough_of_it() -> None:
    terms = Terms(fee_in_mnt=True, mnt_price=Decimal("0.5"))
    desk = PaperDesk(terms=terms, opening={"USDT": Decimal(10000), "MNT": Decimal(3)})

    desk.buy("0.01", link="first")
    desk.buy("0.01", link="second")

    assert desk.order("first")["cumFeeDetail"] == {"MNT": "2.000002"}
    assert desk.order("second")["cumFeeDetail"] == {"BTC": "0.00001"}
    assert desk.wallet("BTC") == Decimal("0.01999")
    assert desk.get("account/user-setting-config")["smsef"] is True


def test_a_delayed_match_leaves_the_order_new_until_it_is_due() -> None:
    desk = PaperDesk(terms=Terms(match_delay_ms=500))
    desk.buy("0.01")

    assert desk.status("entry") == "New"
    desk.move("100100", after_s=0.3)
    assert desk.status("entry") == "New"
    desk.clock.sleep(0.2)
    assert desk.order("entry")["avgPrice"] == "100100.1"
    assert desk.fills("entry")[0]["execTime"] == str(desk.now_ms)


def test_a_delayed_match_happens_at_its_moment_even_when_nobody_asked() -> None:
    desk = PaperDesk(terms=Terms(match_delay_ms=500))
    desk.buy("0.01")
    due_ms = desk.now_ms + 500

    desk.move("99000", after_s=60)

    assert desk.order("entry")["avgPrice"] == "100000.1"
    assert desk.order("entry")["updatedTime"] == str(due_ms)
