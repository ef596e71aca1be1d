"""Borrowing: shorts, interest, repaying."""

from decimal import Decimal

import pytest

from botbox_cli.exchange.paper.terms import Terms
from tests.support.paper import PaperDesk


@pytest.fixture
def desk() -> PaperDesk:
    desk = PaperDesk(terms=Terms(hourly_interest=Decimal("0.00001")))
    desk.post("spot-margin-trade/switch-mode", spotMarginMode="1")
    return desk


def short(desk: PaperDesk, qty: str = "0.05") -> None:
    desk.sell(qty, "short", isLeverage=1)


def test_margin_is_off_until_it_is_switched_on() -> None:
    desk = PaperDesk()

    assert desk.get("spot-margin-trade/state")["spotMarginMode"] == "0"
    assert desk.refused(side="Sell", isLeverage=1, marketUnit=None) == 170036


def test_a_sell_beyond_the_balance_borrows_the_coin(desk: PaperDesk) -> None:
    short(desk)

    coin = desk.coin("BTC")
    assert (coin["walletBalance"], coin["spotBorrow"]) == ("0", "0.05")
    assert desk.wallet("USDT") == 10000 + 5000 - 5
    assert desk.order("short")["isLeverage"] == "1"


def test_own_coins_are_sold_before_any_are_borrowed(desk: PaperDesk) -> None:
    desk.buy("0.02")

    short(desk)

    assert desk.coin("BTC")["spotBorrow"] == "0.03002"


def test_coins_that_other_orders_occupy_are_not_sold(desk: PaperDesk) -> None:
    desk.buy("0.02")
    desk.stop("0.01998", "99000")

    short(desk)

    coin = desk.coin("BTC")
    assert (coin["walletBalance"], coin["locked"], coin["spotBorrow"]) == ("0.01998", "0.01998", "0.05")


def test_interest_accrues_five_minutes_after_each_full_hour(desk: PaperDesk) -> None:
    short(desk)

    desk.clock.sleep(5 * 60 - 1)
    assert desk.coin("BTC")["accruedInterest"] == "0"
    desk.clock.sleep(3600 + 1)

    assert desk.coin("BTC")["accruedInterest"] == "0.000001"
    assert desk.coin("BTC")["borrowAmount"] == "0.050001"


def test_an_hour_that_turned_between_two_looks_is_charged(desk: PaperDesk) -> None:
    short(desk)
    desk.clock.sleep(5 * 60 - 10)
    assert desk.coin("BTC")["accruedInterest"] == "0"

    desk.clock.sleep(20)

    assert desk.coin("BTC")["accruedInterest"] == "0.0000005"


def test_bought_back_coins_repay_interest_first(desk: PaperDesk) -> None:
    short(desk)
    desk.clock.sleep(2 * 3600)
    desk.buy("0.05", link="back")

    desk.post("account/no-convert-repay", coin="BTC", amount="0.02")

    coin = desk.coin("BTC")
    assert (coin["accruedInterest"], coin["spotBorrow"]) == ("0", "0.030001")
    assert Decimal(coin["walletBalance"]) == Decimal("0.02995")


def test_repaying_all_takes_what_is_owed_and_no_more(desk: PaperDesk) -> None:
    short(desk)
    desk.buy("0.06", link="back")

    desk.post("account/no-convert-repay", coin="BTC")

    coin = desk.coin("BTC")
    assert (coin["spotBorrow"], coin["borrowAmount"], coin["walletBalance"]) == ("0", "0", "0.00994")
    assert desk.code("POST", "account/no-convert-repay", coin="BTC") == 176016


@pytest.mark.parametrize(("seconds", "code"), [(239, 0), (240, 10001), (329, 10001), (330, 0)])
def test_nothing_is_repaid_around_the_minute_of_interest(desk: PaperDesk, seconds: int, code: int) -> None:
    short(desk)
    desk.buy("0.06", link="back")
    desk.clock.sleep(3600 + seconds)

    assert desk.code("POST", "account/no-convert-repay", coin="BTC", amount="0.05") == code

    assert (desk.coin("BTC")["spotBorrow"] == "0.05") == (code != 0)


def test_more_than_what_is_owed_is_not_repaid(desk: PaperDesk) -> None:
    short(desk)
    desk.buy("0.06", link="back")

    assert desk.code("POST", "account/no-convert-repay", coin="BTC", amount="0.0500001") == 10001
    assert desk.coin("BTC")["spotBorrow"] == "0.05"


def test_a_short_s_stop_buys_with_its_own_money(desk: PaperDesk) -> None:
    short(desk)
    desk.create(
        link="stop",
        side="Buy",
        orderType="Market",
        qty="0.050051",
        marketUnit="baseCoin",
        orderFilter="tpslOrder",
        triggerPrice="101000",
    )

    desk.move("102000")

    assert desk.order("stop")["avgPrice"] == "102000.1"
    assert desk.locked("USDT") == 0
    desk.post("account/no-convert-repay", coin="BTC")
    assert desk.coin("BTC")["spotBorrow"] == "0"


def test_nobody_lends_more_than_the_leverage_allows(desk: PaperDesk) -> None:
    """Three times leverage on 10,000 USDT is at most 20,000 USDT of debt, 0.2 BTC."""
    assert desk.refused(side="Sell", qty="0.201", isLeverage=1, marketUnit=None) == 170033
    assert desk.refused(side="Sell", qty="0.2", isLeverage=1, marketUnit=None) == 0


def test_the_borrow_check_counts_own_and_borrowed(desk: PaperDesk) -> None:
    check = desk.get("order/spot-borrow-check", symbol="BTCUSDT", side="Sell")

    assert (check["borrowCoin"], check["spotMaxTradeQty"], check["maxTradeQty"]) == ("BTC", "0", "0.2")
    check = desk.get("order/spot-borrow-check", symbol="BTCUSDT", side="Buy")
    assert (check["borrowCoin"], check["spotMaxTradeAmount"]) == ("USDT", "10000")
    assert desk.code("GET", "order/spot-borrow-check", symbol="BTCUSDT", side="Up") == 170117
    assert desk.code("GET", "order/spot-borrow-check", symbol="NOPE", side="Buy") == 170121


def test_borrowing_by_hand(desk: PaperDesk) -> None:
    desk.post("account/borrow", coin="BTC", amount="0.01")

    assert desk.wallet("BTC") == Decimal("0.01")
    assert desk.code("POST", "account/borrow", coin="BTC", amount="5") == 176029
    assert desk.code("POST", "account/borrow", coin="BTC") == 10001


def test_margin_stays_on_while_something_is_owed(desk: PaperDesk) -> None:
    short(desk)

    assert desk.code("POST", "spot-margin-trade/switch-mode", spotMarginMode="0") == 176138
    assert desk.code("POST", "spot-margin-trade/switch-mode", spotMarginMode="2") == 10001
