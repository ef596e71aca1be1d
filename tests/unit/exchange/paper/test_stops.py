"""Stand-alone TP/SL and conditional orders: coins occupied, triggers, gaps, cancels."""

from decimal import Decimal

import pytest

from botbox_cli.exchange.paper.market import Book
from botbox_cli.exchange.paper.state import Effects
from botbox_cli.exchange.paper.terms import Terms
from tests.support.paper import PaperDesk


@pytest.fixture
def desk() -> PaperDesk:
    """An account that bought 0.01 BTC at 100,000.1 and holds 0.00999."""
    desk = PaperDesk()
    desk.buy("0.01")
    return desk


def test_a_stop_occupies_its_coins_at_once(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    assert desk.status("stop") == "Untriggered"
    assert desk.locked("BTC") == Decimal("0.00999")
    assert desk.wallet("BTC") == Decimal("0.00999")
    assert desk.refused(side="Sell", qty="0.001", marketUnit=None) == 170131


def test_a_second_stop_for_the_same_coins_is_refused(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    code = desk.refused(
        side="Sell", qty="0.00999", orderFilter="tpslOrder", triggerPrice="110000", marketUnit=None
    )

    assert code == 170131


def test_a_jump_through_a_stop_fills_it_at_the_price_of_the_gap(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    desk.move("98000")

    row = desk.order("stop")
    assert (row["orderStatus"], row["avgPrice"], row["stopOrderType"]) == ("Filled", "98000", "tpslOrder")
    assert desk.locked("BTC") == 0


def test_a_price_that_jumps_in_the_millisecond_of_the_last_look_is_felt(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    desk.move("98000", after_s=0)

    assert desk.status("stop") == "Filled"


def test_a_jump_just_before_a_stop_of_the_same_millisecond_is_not_felt(desk: PaperDesk) -> None:
    desk.move("99500", after_s=0)
    desk.stop("0.00999", "99000")

    assert desk.status("stop") == "Untriggered"


def test_a_stop_that_nobody_watched_triggered_at_its_moment(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")
    desk.move("98990", after_s=30)
    hit_ms = desk.now_ms

    desk.move("120000", after_s=3600)

    row = desk.order("stop")
    assert (row["avgPrice"], row["updatedTime"]) == ("98990", str(hit_ms))
    assert desk.fills("stop")[0]["execTime"] == str(hit_ms)


def test_a_stop_above_the_price_waits_for_a_rise(desk: PaperDesk) -> None:
    desk.stop("0.00999", "101000", link="target")

    desk.move("90000")
    assert desk.status("target") == "Untriggered"
    desk.move("101000")
    assert desk.status("target") == "Filled"


def test_a_stop_set_on_the_wrong_side_sells_on_the_way_up(desk: PaperDesk) -> None:
    """The price is through the stop already: Bybit takes it for a rise, as the design warns."""
    desk.move("98000")
    desk.stop("0.00999", "99000")

    desk.move("97000")
    assert desk.status("stop") == "Untriggered"
    desk.move("99500")
    assert desk.order("stop")["avgPrice"] == "99500"


def test_a_stop_s_own_price_triggers_it(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    desk.move("99000")

    assert desk.status("stop") == "Filled"


def test_what_a_stop_can_not_fill_within_the_band_is_cancelled(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")
    desk.script.set_book(
        "BTCUSDT", Book([(Decimal(98900), Decimal("0.004")), (Decimal(90000), Decimal(5))], ())
    )

    desk.move("98900")

    row = desk.order("stop")
    assert (row["orderStatus"], row["cumExecQty"]) == ("PartiallyFilledCanceled", "0.004000")
    assert desk.locked("BTC") == 0


def test_effects_of_a_stop_befall_it_when_it_triggers(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000", effects=Effects(fill_fraction=Decimal("0.5")))

    desk.move("98000")

    assert desk.order("stop")["cumExecQty"] == "0.004995"


def test_a_stop_with_a_delay_is_triggered_before_it_is_filled() -> None:
    desk = PaperDesk(terms=Terms(match_delay_ms=200))
    desk.buy("0.01")
    desk.clock.sleep(1)
    desk.stop("0.00999", "99000")

    desk.move("98000")
    assert desk.status("stop") == "Triggered"
    desk.clock.sleep(0.2)
    assert desk.status("stop") == "Filled"


def test_cancelling_before_the_trigger_deactivates_and_frees_the_coins(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    desk.cancel("stop", orderFilter="tpslOrder")

    row = desk.order("stop")
    assert (row["orderStatus"], row["cancelType"]) == ("Deactivated", "CancelByUser")
    assert desk.locked("BTC") == 0


def test_a_stop_is_not_found_without_its_order_filter(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    assert desk.code("POST", "order/cancel", symbol="BTCUSDT", orderLinkId="stop") == 170213
    assert desk.status("stop") == "Untriggered"


def test_a_stop_that_fired_before_its_cancel_took_effect_is_filled() -> None:
    desk = PaperDesk(terms=Terms(cancel_delay_ms=500))
    desk.buy("0.01")
    desk.stop("0.00999", "99000")

    desk.cancel("stop", orderFilter="tpslOrder")
    desk.move("98000", after_s=0.4)
    desk.clock.sleep(1)

    assert desk.status("stop") == "Filled"


def test_a_cancel_that_took_effect_before_the_price_came_wins() -> None:
    desk = PaperDesk(terms=Terms(cancel_delay_ms=500))
    desk.buy("0.01")
    desk.stop("0.00999", "99000")

    desk.cancel("stop", orderFilter="tpslOrder")
    desk.move("98000", after_s=0.6)

    assert desk.status("stop") == "Deactivated"


def test_amending_a_stop_moves_its_trigger(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    desk.post("order/amend", symbol="BTCUSDT", orderLinkId="stop", triggerPrice="95000")
    desk.move("98000")
    assert desk.status("stop") == "Untriggered"
    desk.move("94000")

    assert desk.order("stop")["avgPrice"] == "94000"


def test_amending_a_stop_s_quantity_occupies_what_it_now_needs(desk: PaperDesk) -> None:
    desk.stop("0.00999", "99000")

    desk.post("order/amend", symbol="BTCUSDT", orderLinkId="stop", qty="0.005")

    assert desk.locked("BTC") == Decimal("0.005")
    assert desk.code("POST", "order/amend", symbol="BTCUSDT", orderLinkId="stop", qty="0.02") == 170131


def test_a_conditional_order_occupies_nothing_until_it_triggers(desk: PaperDesk) -> None:
    desk.sell("0.00999", "later", orderFilter="StopOrder", triggerPrice="99000")
    assert desk.locked("BTC") == 0

    desk.sell("0.00999", "exit")
    desk.move("98000")

    assert desk.status("later") == "Cancelled"
    assert desk.fills("later") == []


def test_a_conditional_order_with_its_coins_there_fills(desk: PaperDesk) -> None:
    desk.sell("0.00999", "later", orderFilter="StopOrder", triggerPrice="99000")

    desk.move("98000")

    row = desk.order("later")
    assert (row["orderStatus"], row["stopOrderType"]) == ("Filled", "Stop")


def test_a_limit_stop_rests_after_its_trigger_and_fills_at_its_price(desk: PaperDesk) -> None:
    desk.limit("Sell", "0.00999", "98500", link="stop", orderFilter="tpslOrder", triggerPrice="99000")

    desk.move("98000")
    assert desk.status("stop") == "New"
    desk.move("98600")

    row = desk.order("stop")
    assert (row["orderStatus"], row["avgPrice"]) == ("Filled", "98500")


def test_at_most_thirty_stops_wait_on_a_symbol() -> None:
    desk = PaperDesk(opening={"BTC": Decimal(1)})
    for number in range(30):
        desk.stop("0.001", "99000", link=f"stop-{number}")

    code = desk.refused(side="Sell", orderFilter="tpslOrder", triggerPrice="99000")

    assert code == 170810


def test_stops_trigger_in_the_order_of_their_moments(desk: PaperDesk) -> None:
    desk.stop("0.004", "98000", link="low")
    desk.stop("0.005", "99000", link="high")
    desk.move("98500")
    desk.move("97500")

    rows = desk.get("execution/list")["list"]

    assert [row["orderLinkId"] for row in rows] == ["low", "high", "entry"]
