"""The life of orders on the paper exchange, in process and over HTTP: what no captured answer shows from end to end."""

from datetime import timedelta

import pytest

from botbox_cli.domain.order import ReportStatus
from botbox_cli.errors import ExchangeUnavailable, OrderGone
from tests.contract.scenes import A_WHILE, D, PaperScene


def test_bought_coins_are_in_the_wallet_less_the_fee(paper: PaperScene) -> None:
    before = paper.exchange.wallet()

    paper.exchange.place(paper.order("entry1"))

    after = paper.exchange.wallet()
    (fill,) = paper.exchange.order_fills("BTCUSDT", "bb-test01-1-entry1", since=paper.now - A_WHILE)
    assert after["BTC"].total - before["BTC"].total == fill.qty - fill.fee_in("BTC")
    assert before["USDT"].total - after["USDT"].total == fill.value


def test_stop_rests_with_its_coins_locked_until_it_is_cancelled(paper: PaperScene) -> None:
    stop = paper.order("stop1", is_buy=False, trigger_price=D("90000"))
    paper.exchange.place(stop)

    (resting,) = paper.exchange.open_orders()
    assert (resting.order_link_id, resting.is_stop, resting.trigger_price) == (
        "bb-test01-1-stop1", True, D("90000"),
    )  # fmt: skip
    assert paper.exchange.wallet()["BTC"].free == D("0.999")

    paper.exchange.cancel("BTCUSDT", stop.order_link_id, is_stop=True)

    report = paper.exchange.look_up("BTCUSDT", stop.order_link_id, since=paper.now - A_WHILE).report
    assert report is not None
    assert report.status is ReportStatus.CANCELLED
    assert paper.exchange.open_orders() == []
    assert paper.exchange.wallet()["BTC"].free == 1


def test_stop_sells_when_the_price_falls_through_it(paper: PaperScene) -> None:
    stop = paper.order("stop1", is_buy=False, trigger_price=D("90000"))
    paper.exchange.place(stop)

    paper.clock.sleep(60)
    paper.set_price("89000")
    paper.clock.sleep(1)

    report = paper.exchange.look_up("BTCUSDT", stop.order_link_id, since=paper.now - A_WHILE).report
    assert report is not None
    assert (report.status, report.filled_qty) == (ReportStatus.FILLED, D("0.001"))
    fills = paper.exchange.order_fills("BTCUSDT", stop.order_link_id, since=paper.now - A_WHILE)
    assert sum(fill.qty for fill in fills) == D("0.001")
    assert sum(fill.fee_in("USDT") for fill in fills) > 0
    with pytest.raises(OrderGone):
        paper.exchange.cancel("BTCUSDT", stop.order_link_id, is_stop=True)


def test_stop_is_not_found_among_the_plain_orders(paper: PaperScene) -> None:
    stop = paper.order("stop1", is_buy=False, trigger_price=D("90000"))
    paper.exchange.place(stop)

    with pytest.raises(OrderGone):
        paper.exchange.cancel("BTCUSDT", stop.order_link_id, is_stop=False)


def test_late_request_leaves_no_trace(paper: PaperScene) -> None:
    late = paper.order("entry1")
    paper.clock.sleep(paper.exchange.recv_window_s + 1)

    with pytest.raises(ExchangeUnavailable):
        paper.exchange.place(late)

    assert paper.exchange.look_up("BTCUSDT", late.order_link_id, since=paper.now - A_WHILE).report is None


def test_request_within_its_window_is_taken(paper: PaperScene) -> None:
    slow = paper.order("entry1")
    paper.clock.sleep(paper.exchange.recv_window_s - 1)

    assert paper.exchange.place(slow)


def test_fills_of_the_account_come_once_and_in_order_over_all_pages(paper: PaperScene) -> None:
    begun = paper.now
    for n in range(120):
        paper.exchange.place(paper.order(f"entry{n + 1}", qty=D("0.0001")))
        paper.clock.sleep(60)

    fills = paper.exchange.fills_since(begun)

    assert [fill.order_link_id for fill in fills] == [f"bb-test01-1-entry{n + 1}" for n in range(120)]
    assert len({fill.execution_id for fill in fills}) == 120


def test_fills_older_than_a_week_are_found(paper: PaperScene) -> None:
    paper.exchange.place(paper.order("entry1"))
    paper.clock.sleep(timedelta(days=30).total_seconds())

    since = paper.now - timedelta(days=31)
    assert len(paper.exchange.order_fills("BTCUSDT", "bb-test01-1-entry1", since=since)) == 1
    assert len(paper.exchange.fills_since(since)) == 1
    report = paper.exchange.look_up("BTCUSDT", "bb-test01-1-entry1", since=since).report
    assert report is not None
    assert report.status is ReportStatus.FILLED


def test_all_stops_are_listed_over_all_pages(paper: PaperScene) -> None:
    for n in range(28):
        paper.exchange.place(
            paper.order(f"stop{n + 1}", is_buy=False, qty=D("0.0001"), trigger_price=D("90000"))
        )
        paper.clock.sleep(1)

    assert len(paper.exchange.open_orders()) == 28


def test_requests_beyond_the_limit_are_not_taken_and_say_when_they_will_be(paper: PaperScene) -> None:
    for _ in range(20):
        with pytest.raises(OrderGone):
            paper.exchange.cancel("BTCUSDT", "bb-test01-404-stop1", is_stop=True)

    with pytest.raises(ExchangeUnavailable) as caught:
        paper.exchange.cancel("BTCUSDT", "bb-test01-404-stop1", is_stop=True)

    assert caught.value.retry_after_s == pytest.approx(1)
