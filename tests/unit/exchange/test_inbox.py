"""The queue between the sockets and whoever acts: in order, at once, and never longer than it may be."""

import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from botbox_cli.domain.candle import INTERVALS
from botbox_cli.exchange.inbox import LINGER_S, Inbox, thinned
from botbox_cli.ports import CandleBatch, CandleClosed, OrderNews, Price, StreamState
from tests.support.sockets import PATIENCE_S

AT = datetime(2026, 1, 1, tzinfo=UTC)


def price(bid: int, symbol: str = "X", ask: int | None = None) -> Price:
    return Price(symbol, Decimal(bid), Decimal(bid + 1 if ask is None else ask), AT)


def candle(code: str = "60") -> CandleClosed:
    return CandleClosed("X", INTERVALS[code], CandleBatch(*[np.zeros(1)] * 7))


def test_news_come_out_in_the_order_in_which_they_went_in() -> None:
    inbox = Inbox()
    inbox.put([price(1), OrderNews("X", "a")])
    inbox.put([price(2)])

    assert inbox.take(0) == [price(1), OrderNews("X", "a"), price(2)]
    assert inbox.take(0) == []


def test_a_reader_that_waits_is_served_at_once_and_can_be_woken() -> None:
    inbox = Inbox()
    began_s = time.monotonic()
    threading.Timer(0.02, lambda: inbox.put([price(1)])).start()
    served = inbox.take(PATIENCE_S)
    threading.Timer(0.02, inbox.wake).start()
    woken = inbox.take(PATIENCE_S)

    assert (served, woken) == ([price(1)], [])
    assert time.monotonic() - began_s < PATIENCE_S


def test_a_wake_before_the_wait_is_not_lost() -> None:
    inbox = Inbox()
    inbox.wake()

    began_s = time.monotonic()
    assert inbox.take(PATIENCE_S) == []
    assert time.monotonic() - began_s < PATIENCE_S


def test_prices_that_nobody_acts_on_wait_a_moment_and_wake_nobody_one_by_one() -> None:
    inbox = Inbox()
    inbox.put_first({"X"})
    inbox.put([price(1, "Y")])
    threading.Timer(LINGER_S / 5, lambda: inbox.put([price(2, "Y")])).start()

    assert inbox.take(PATIENCE_S) == [price(1, "Y"), price(2, "Y")]


def test_price_that_was_put_first_takes_those_along_that_wait() -> None:
    inbox = Inbox()
    inbox.put_first({"X"})
    inbox.put([price(1, "Y")])
    inbox.put([price(2, "X")])

    began_s = time.monotonic()
    taken = inbox.take(PATIENCE_S)

    assert taken == [price(1, "Y"), price(2, "X")]
    assert time.monotonic() - began_s < PATIENCE_S


def test_what_is_no_price_never_waits() -> None:
    inbox = Inbox()
    inbox.put_first(frozenset())
    for news in (OrderNews("X", "b"), OrderNews("Y", "a"), StreamState("public", True, "", AT)):
        inbox.put([price(1, "Y")])
        inbox.put([news])

        assert inbox.take(0) == [price(1, "Y"), news]


def test_while_the_reader_stalls_the_queue_stays_short() -> None:
    inbox = Inbox(waiting_max=100)
    for number in range(10_000):
        inbox.put([price(number % 77, f"S{number % 5}")])
        assert len(inbox._waiting) <= 100

    assert len(inbox.take(0)) <= 100


def test_a_queue_that_can_t_be_thinned_is_not_thinned_at_each_step() -> None:
    inbox = Inbox(waiting_max=10)
    orders = [OrderNews("X", str(number)) for number in range(1000)]
    for order in orders:
        inbox.put([order])

    assert inbox.take(0) == orders


def test_what_later_news_make_needless_goes() -> None:
    up, down = (StreamState("public", is_up, "", AT) for is_up in (True, False))
    first, second, other = candle(), candle(), candle("240")

    kept = thinned(
        [down, first, OrderNews("X", "a"), up, second, other, OrderNews("X", "b"), OrderNews("X", "a")]
    )

    assert kept[0] is up
    assert [id(each) for each in kept[1:3]] == [id(second), id(other)]
    assert kept[3:] == [OrderNews("X", "b"), OrderNews("X", "a")]


@given(st.lists(st.tuples(st.sampled_from("XY"), st.integers(1, 50), st.integers(0, 5)), max_size=60))
def test_no_level_that_a_price_reached_is_lost(prices: list[tuple[str, int, int]]) -> None:
    news = [price(bid, symbol, bid + spread) for symbol, bid, spread in prices]

    kept = thinned(news)

    assert len(kept) <= 10
    assert kept == [each for each in news if any(each is one for one in kept)]
    for symbol in {each.symbol for each in news}:
        before = [each for each in news if each.symbol == symbol]
        after = [each for each in kept if isinstance(each, Price) and each.symbol == symbol]
        assert after[-1] is before[-1]
        for side in ("bid", "ask"):
            reached = [getattr(each, side) for each in before]
            still = [getattr(each, side) for each in after]
            assert (min(still), max(still)) == (min(reached), max(reached))


def test_many_threads_lose_nothing() -> None:
    inbox = Inbox()
    wanted = 4 * 500

    def put(name: str) -> None:
        for number in range(500):
            inbox.put([OrderNews(name, str(number))])

    threads = [threading.Thread(target=put, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    got: list[object] = []
    deadline = datetime.now(UTC) + timedelta(seconds=PATIENCE_S)
    while len(got) < wanted and datetime.now(UTC) < deadline:
        got += inbox.take(0.1)
    for thread in threads:
        thread.join()

    assert len(set(got)) == wanted
