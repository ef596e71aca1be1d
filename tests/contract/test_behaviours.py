"""What services rely on, the same from the paper exchange in process, over HTTP, and from Bybit's own answers."""

import pytest

from botbox_cli.domain.candle import INTERVALS, to_ms
from botbox_cli.domain.number import ZERO
from botbox_cli.domain.order import ReportStatus, Side
from botbox_cli.errors import (
    ConfigError,
    DuplicateOrder,
    ExchangeRejected,
    ExchangeUnavailable,
    OrderGone,
)
from tests.contract.scenes import A_WHILE, D, Scene


def situation(name: str) -> pytest.MarkDecorator:
    return pytest.mark.situation(name)


# -- market data


@situation("time")
def test_clock_is_the_exchanges(scene: Scene) -> None:
    assert abs((scene.exchange.server_time() - scene.now).total_seconds()) < 0.001


@situation("pairs")
def test_pairs_come_with_their_filters(scene: Scene) -> None:
    pair = scene.exchange.instruments()["BTCUSDT"]

    assert (pair.base_coin, pair.quote_coin) == ("BTC", "USDT")
    assert (pair.tick_size, pair.lot_size, pair.min_value) == (D("0.1"), D("0.000001"), D(5))


@situation("open_candle")
def test_open_candle_is_never_given(scene: Scene) -> None:
    day = INTERVALS["D"]

    opened = scene.exchange.candles("BTCUSDT", day, start_ms=None, end_ms=None).open_ms.tolist()

    assert opened == sorted(opened)
    assert all(open_ms + day.length_ms <= to_ms(scene.now) for open_ms in opened)


@situation("quote")
def test_quote_has_both_sides(scene: Scene) -> None:
    quote = scene.exchange.quotes(["BTCUSDT"])["BTCUSDT"]

    assert ZERO < quote.bid < quote.ask


@situation("unknown_symbol")
def test_symbol_that_is_not_traded_has_no_quote(scene: Scene) -> None:
    assert scene.exchange.quotes(["NOUSDT"]) == {}


# -- account


@situation("key")
def test_key_names_its_user_and_may_not_withdraw(scene: Scene) -> None:
    info = scene.exchange.key_info()

    assert info.user_id.isdigit()
    assert info.may_trade_spot
    assert not info.may_withdraw


@situation("wallet")
def test_wallet_lists_what_is_held(scene: Scene) -> None:
    wallet = scene.exchange.wallet()

    assert wallet["USDT"].total > 0
    assert all(ZERO <= coin.free <= coin.total for coin in wallet.values())


@situation("fee_rate")
def test_fee_is_a_fraction(scene: Scene) -> None:
    assert ZERO < scene.exchange.fee_rate(scene.symbol) < D("0.01")


# -- requests that are taken


@situation("accepted_entry")
def test_accepted_order_has_an_id_of_the_exchange(scene: Scene) -> None:
    assert scene.exchange.place(scene.buy()).isdigit()


@situation("accepted_stop")
def test_accepted_stop_has_an_id_of_the_exchange(scene: Scene) -> None:
    assert scene.exchange.place(scene.stop()).isdigit()


@situation("accepted_cancel")
def test_accepted_cancel_says_nothing_more(scene: Scene) -> None:
    scene.exchange.cancel("BTCUSDT", scene.link_id, is_stop=True)


# -- looking things up


@situation("finished_order")
def test_finished_order_is_found_with_what_it_filled(scene: Scene) -> None:
    look = scene.exchange.look_up(scene.symbol, scene.link_id, since=scene.now - A_WHILE)

    assert look.report is not None
    assert look.report.order_link_id == scene.link_id
    assert look.report.status is ReportStatus.FILLED
    assert look.report.filled_qty == look.report.qty > 0
    assert look.report.filled_value > 0
    assert look.at <= scene.now


@situation("order_cut_short")
def test_order_that_was_cut_short_is_finished_too(scene: Scene) -> None:
    report = scene.exchange.look_up(scene.symbol, scene.link_id, since=scene.now - A_WHILE).report

    assert report is not None
    assert report.status is ReportStatus.PARTIAL_CANCELLED
    assert report.filled_qty > 0
    assert report.filled_value > 0
    assert report.reason.startswith("EC_")


@situation("order_that_is_nowhere")
def test_order_that_is_nowhere_is_not_found(scene: Scene) -> None:
    look = scene.exchange.look_up(scene.symbol, scene.link_id, since=scene.now - A_WHILE)

    assert look.report is None
    assert look.at == scene.now


@situation("fills_of_an_order")
def test_buy_pays_its_fee_in_the_coin_bought(scene: Scene) -> None:
    fills = scene.exchange.order_fills(scene.symbol, scene.link_id, since=scene.now - A_WHILE)

    assert fills
    base_coin = scene.symbol.removesuffix("USDT")
    for fill in fills:
        assert (fill.order_link_id, fill.symbol, fill.side) == (scene.link_id, scene.symbol, Side.BUY)
        assert fill.fees == ((base_coin, fill.qty * D("0.001")),)


# -- refusals


@situation("too_dear")
def test_order_beyond_the_balance_is_rejected(scene: Scene) -> None:
    with pytest.raises(ExchangeRejected, match="the balance is insufficient") as caught:
        scene.exchange.place(scene.buy("9"))
    assert caught.value.ret_code == 170131


@situation("too_small")
def test_order_below_the_minimum_value_is_rejected(scene: Scene) -> None:
    with pytest.raises(ExchangeRejected, match="below the minimum") as caught:
        scene.exchange.place(scene.buy("0.000012"))
    assert caught.value.ret_code == 170140


@situation("same_id_again")
def test_id_that_was_used_is_a_duplicate(scene: Scene) -> None:
    with pytest.raises(DuplicateOrder):
        scene.exchange.place(scene.buy())


@situation("cancel_of_nothing")
def test_cancel_of_an_order_that_never_was_finds_nothing(scene: Scene) -> None:
    with pytest.raises(OrderGone):
        scene.exchange.cancel("BTCUSDT", scene.link_id, is_stop=True)


@situation("late_request")
def test_request_that_arrives_after_its_window_was_certainly_not_placed(scene: Scene) -> None:
    late = scene.buy(sent_at=scene.now - 2 * A_WHILE)

    with pytest.raises(ExchangeUnavailable) as caught:
        scene.exchange.place(late)
    assert caught.value.code == "clock"


def test_wrong_secret_is_a_setting_to_mend(wrongly_signed: Scene) -> None:
    with pytest.raises(ConfigError, match="secret does not belong to the key"):
        wrongly_signed.exchange.wallet()
