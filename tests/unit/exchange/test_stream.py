"""The stream on the sandbox's sockets: whatever befalls them, it comes back by itself and says so."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from botbox_cli.domain.candle import INTERVALS
from botbox_cli.exchange.channel import Channel, Timing
from botbox_cli.exchange.inbox import Inbox
from botbox_cli.exchange.paper.clocks import ManualClock, WallClock
from botbox_cli.exchange.paper.protocol import to_ms
from botbox_cli.exchange.stream import SocketStream, private_channel, public_channel
from botbox_cli.ports import CandleClosed, News, OrderNews, Price, StreamState
from tests.support.bybit_host import raw, running_host
from tests.support.paper import START
from tests.support.sockets import PATIENCE_S, QUICK, Heard, SkewedClock, SocketHost, listening

HOUR = INTERVALS["60"]


@pytest.fixture
def host() -> Iterator[SocketHost]:
    with SocketHost() as running:
        yield running


@pytest.fixture
def heard(host: SocketHost) -> Iterator[Heard]:
    with listening(host) as listener:
        listener.state("private", is_up=True)
        listener.stream.follow(["BTCUSDT", "ETHUSDT"], [])
        listener.state("public", is_up=True)
        yield listener


def quick(**changes: float) -> Timing:
    return replace(QUICK, **changes)


@contextmanager
def following(host: SocketHost, timing: Timing = QUICK) -> Iterator[Heard]:
    with listening(host, timing) as listener:
        listener.stream.follow(["BTCUSDT"], [])
        listener.state("public", is_up=True)
        yield listener


def bids(news: list[News]) -> list[str]:
    return [str(each.bid) for each in news if isinstance(each, Price)]


# -- what it tells


def test_prices_candles_and_orders_come_as_one_stream() -> None:
    clock = ManualClock(START + timedelta(seconds=10))
    start_ms, hour_ms = to_ms(START), HOUR.length_ms
    with SocketHost(clock) as host:
        rows = [[str(start_ms + n * hour_ms), "1", "9", "1", str(n + 2), "5", "10"] for n in range(3)]
        host.script.set_klines("BTCUSDT", "60", rows[::-1])
        # The exchange's clock stands in the past: any signature is good for years there.
        with listening(host) as heard:
            heard.state("private", is_up=True)
            heard.stream.follow(["BTCUSDT"], [HOUR])
            heard.bid("100000.0")
            clock.sleep(3600)
            host.sockets.poke()
            closed = heard.until(lambda each: isinstance(each, CandleClosed))
            host.buy("bb-1")
            heard.order("bb-1")

    assert isinstance(closed, CandleClosed)
    assert (closed.symbol, closed.interval, closed.candle.open_ms.tolist()) == ("BTCUSDT", HOUR, [start_ms])
    assert closed.candle.close.tolist() == [2.0]


def test_a_price_is_told_with_the_exchange_s_time(host: SocketHost, heard: Heard) -> None:
    host.move("100100")

    price = heard.until(lambda each: isinstance(each, Price) and each.bid == Decimal(100100))

    assert isinstance(price, Price)
    assert price == Price("BTCUSDT", Decimal("100100.0"), Decimal("100100.1"), price.at)
    assert abs((price.at - WallClock().now()).total_seconds()) < 60


def test_more_can_be_followed_later(host: SocketHost) -> None:
    with following(host) as heard:
        heard.stream.follow(["ETHUSDT", "BTCUSDT"], [])

        heard.bid("2500.00", "ETHUSDT")
        assert host.followed("public") == ["orderbook.1.BTCUSDT", "orderbook.1.ETHUSDT"]


def test_many_topics_are_asked_for_ten_at_a_time(host: SocketHost) -> None:
    """The host refuses a request with more."""
    with listening(host) as heard:
        heard.stream.follow(["BTCUSDT", "ETHUSDT"], list(INTERVALS.values()))
        heard.state("public", is_up=True)

        assert len(host.followed("public")) == 2 * (1 + len(INTERVALS))


def test_no_prices_are_asked_for_until_a_symbol_is_followed(host: SocketHost) -> None:
    with listening(host) as heard:
        heard.stream.follow([], [HOUR])
        heard.state("private", is_up=True)

        assert [each["channel"] for each in host.sockets.control({})["clients"]] == ["private"]


def test_a_waiting_reader_can_be_woken(heard: Heard) -> None:
    heard.stream.news(0.2)
    heard.stream.wake()

    began_s = time.monotonic()
    heard.stream.news(30)

    assert time.monotonic() - began_s < 15


# -- sockets that die


@pytest.mark.parametrize("channel", ["public", "private"])
def test_a_dead_socket_is_built_anew(host: SocketHost, heard: Heard, channel: str) -> None:
    host.sockets.control({"drop": True, "channel": channel})

    down, up = heard.state(channel, is_up=False), heard.state(channel, is_up=True)

    assert down.detail.startswith(f"the connection to 127.0.0.1:{host.port} was lost: ")
    assert up.at >= down.at
    if channel == "public":
        host.move("100100")
        heard.bid("100100.0")
    else:
        host.buy("bb-1")
        heard.order("bb-1")


def test_a_silent_public_socket_is_built_anew(host: SocketHost) -> None:
    host.sockets.resend_s = 0.1
    with following(host, quick(silence_s=2)) as heard:
        host.sockets.control({"silent": True, "channel": "public"})

        down = heard.state("public", is_up=False)
        heard.state("public", is_up=True)

        assert down.detail == "nothing came for 2 s"
        host.move("100100")
        heard.bid("100100.0")


def test_a_private_socket_without_pongs_is_built_anew(host: SocketHost) -> None:
    with listening(host, quick(ping_s=0.5, pong_s=0.4)) as heard:
        heard.state("private", is_up=True)
        host.sockets.control({"silent": True, "channel": "private"})

        down = heard.state("private", is_up=False)
        heard.state("private", is_up=True)

        assert "ping/pong timed out" in down.detail
        host.buy("bb-1")
        heard.order("bb-1")


def test_a_private_socket_on_which_nothing_happens_stays(host: SocketHost) -> None:
    """Pongs are enough of a sign of life there."""
    with listening(host, quick(ping_s=0.5, pong_s=0.4)) as heard:
        heard.state("private", is_up=True)
        channel = heard.stream._orders
        assert isinstance(channel, Channel)
        first_s, deadline_s = channel._heard_s, time.monotonic() + PATIENCE_S

        while channel._heard_s == first_s and time.monotonic() < deadline_s:
            time.sleep(0.05)

        assert channel._heard_s > first_s


def test_frames_that_can_t_be_read_do_no_harm(host: SocketHost, heard: Heard) -> None:
    for garbage in ("{nonsense", "", "[]", "null", '{"topic":"orderbook.1.BTCUSDT"}', '{"op":"subscribe"}'):
        host.sockets.control({"garbage": garbage})
    host.move("100100")
    told = heard.bid("100100.0")
    host.buy("bb-1")
    told += heard.order("bb-1")

    assert not [each for each in told if isinstance(each, StreamState)]


def test_frames_of_topics_that_nobody_asked_for_do_no_harm(host: SocketHost, heard: Heard) -> None:
    for client in list(host.sockets._clients):
        client.wire.send({"topic": "order.spot", "data": [{"symbol": "BTCUSDT", "orderLinkId": "bb-9"}]})

    heard.order("bb-9")
    host.move("100100")
    heard.bid("100100.0")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"topic":"orderbook.1.BTCUSDT","ts":1e999,"data":{"s":"BTCUSDT","b":[["NaN","1"]],"a":[["1e400","1"]],"u":5}}',
        '{"topic":"kline.60.BTCUSDT","data":[{"start":99999999999999999999,"open":"x","confirm":true}]}',
        '{"topic":"order","data":[{"category":"spot","symbol":null,"orderLinkId":5}]}',
        '{"topic":{},"data":"x"}',
        '{"success":false,"op":"auth"}',
        '{"success":false,"op":"subscribe","req_id":"999"}',
    ],
    ids=[
        "deep",
        "prices",
        "candle",
        "order",
        "topic",
        "auth that nobody asked for",
        "subscription of nobody",
    ],
)
def test_odd_frames_leave_the_prices_streaming(text: str, host: SocketHost, heard: Heard) -> None:
    host.sockets.control({"garbage": text, "channel": "public"})
    heard.stream.follow(["ETHUSDT"], [])  # What the frame has set off comes before what this does.

    news: list[News] = []
    while not any(getattr(each, "symbol", "") == "ETHUSDT" for each in news):
        news += heard.stream.news(PATIENCE_S)
    assert not [each for each in news if isinstance(each, StreamState) and not each.is_up]


# -- frames that come twice, or late


def test_frames_that_come_twice_are_told_once(host: SocketHost, heard: Heard) -> None:
    host.sockets.control({"duplicate": True})
    for price in ("100001", "100002", "100003", "100004"):
        host.move(price)
        time.sleep(0.005)
    told = heard.bid("100004.0")
    host.move("1", "ETHUSDT")  # Comes after whatever is told of the last one.
    told += heard.bid("1.00", "ETHUSDT")

    seen = [bid for bid in bids(told) if bid.startswith("10000")]
    assert seen == sorted(set(seen))


def test_frames_that_come_out_of_order_never_bring_an_old_price_back(host: SocketHost, heard: Heard) -> None:
    topic, now_ms = "orderbook.1.ETHUSDT", to_ms(WallClock().now())
    frames = [
        {
            "topic": topic,
            "ts": now_ms + number,
            "type": "snapshot",
            "data": {
                "s": "ETHUSDT",
                "b": [[f"{number}.5", "1"]],
                "a": [["9999", "1"]],
                "u": now_ms * 2 + number,
            },
        }
        for number in range(1, 7)
    ]
    host.sockets.resend_s = 1e9  # No other frame comes between.
    host.sockets.control({"disorder": True})
    for frame in frames:
        host.sockets.publish(frame)

    assert [bid for bid in bids(heard.bid("6.5", "ETHUSDT")) if bid.endswith(".5")] == ["2.5", "4.5", "6.5"]


def test_orders_told_late_and_twice_are_hints_all_the_same(host: SocketHost, heard: Heard) -> None:
    host.sockets.control({"duplicate": True, "delay_s": 0.05})

    host.buy("bb-1")

    heard.order("bb-1")
    heard.order("bb-1")


# -- refusals


def test_a_refused_symbol_is_named_and_the_others_are_told(host: SocketHost) -> None:
    host.sockets.resend_s = 0.1
    with listening(host) as heard:
        heard.stream.follow(["BTCUSDT", "NOPEUSDT", "ETHUSDT"], [HOUR])

        up = heard.state("public", is_up=True)
        heard.bid("2500.00", "ETHUSDT")

    assert up.missing == ("NOPEUSDT",)
    assert "refuses orderbook.1.NOPEUSDT, kline.60.NOPEUSDT" in up.detail


def test_a_refused_topic_is_asked_for_again(host: SocketHost) -> None:
    host.sockets.control({"refuse_topics": ["orderbook.1.BTCUSDT"]})
    with listening(host) as heard:
        heard.stream.follow(["BTCUSDT", "ETHUSDT"], [])
        refused = heard.state("public", is_up=True)
        host.sockets.control({"refuse_topics": []})

        taken = heard.state("public", is_up=True)
        heard.bid("100000.0")

    assert (refused.missing, taken.missing) == (("BTCUSDT",), ())


def test_a_socket_that_refuses_every_subscription_is_down_until_it_does_not(host: SocketHost) -> None:
    host.sockets.control({"refuse_topics": ["*"]})
    with listening(host) as heard:
        heard.stream.follow(["BTCUSDT"], [])
        public, private = heard.state("public", is_up=False), heard.news
        host.sockets.control({"refuse_topics": []})
        heard.news = []
        heard.state("public", is_up=True)

    assert (
        public.detail
        == "the subscription to orderbook.1.BTCUSDT was refused: Invalid topic: orderbook.1.BTCUSDT"
    )
    assert not [each for each in private if isinstance(each, OrderNews)]


def test_a_refused_key_is_told_once_and_tried_again(host: SocketHost) -> None:
    host.sockets.control({"refuse_auth": True})
    with listening(host) as heard:
        down = heard.state("private", is_up=False)
        time.sleep(0.3)  # Several more tries.
        again = [each for each in heard.stream.news(0) if isinstance(each, StreamState)]
        host.sockets.control({"refuse_auth": False})
        heard.state("private", is_up=True)
        host.buy("bb-1")
        heard.order("bb-1")

    assert (down.detail, again) == ("the key was refused: API key is invalid.", [])


def test_a_refused_key_does_not_touch_the_prices(host: SocketHost) -> None:
    host.sockets.control({"refuse_auth": True})
    with listening(host) as heard:
        heard.stream.follow(["BTCUSDT"], [])
        heard.bid("100000.0")


def test_a_host_that_answers_nothing_is_given_up(host: SocketHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"ws://127.0.0.1:{mute.getsockname()[1]}"
        inbox = Inbox()
        stream = SocketStream(
            public_channel(url, inbox, WallClock(), quick(connect_s=0.2)),
            private_channel(host.ws_url, "key", "secret", inbox, WallClock(), quick(connect_s=0.2)),
            inbox,
        )
        try:
            stream.follow(["BTCUSDT"], [])
            down = Heard(stream).state("public", is_up=False)
        finally:
            stream.close()

    assert down.detail.startswith("127.0.0.1:")
    assert "can't be reached" in down.detail


def test_a_redirect_is_not_followed_with_the_key(host: SocketHost) -> None:
    elsewhere = f"HTTP/1.1 302 Found\r\nLocation: {host.ws_url}/v5/private\r\n\r\n".encode()
    with running_host() as redirecting:
        redirecting.otherwise = raw(elsewhere)
        inbox = Inbox()
        who = host.exchange.identity
        url = redirecting.url.replace("http", "ws", 1)
        private = private_channel(url, who.api_key, who.api_secret, inbox, WallClock(), QUICK)
        stream = SocketStream(public_channel(host.ws_url, inbox, WallClock(), QUICK), private, inbox)
        try:
            down = Heard(stream).state("private", is_up=False)
        finally:
            stream.close()

    assert down.detail.endswith("can't be reached: it was redirected to another host")


# -- clocks


@pytest.mark.parametrize("ahead_s", [-2, 2])
def test_a_clock_that_is_two_seconds_off_is_authorised(ahead_s: float) -> None:
    """The exchange's clock is moved, which is the same seen from here."""
    with SocketHost(SkewedClock(ahead_s)) as host, listening(host) as heard:
        heard.state("private", is_up=True)
        host.buy("bb-1")
        heard.order("bb-1")


def test_a_clock_that_is_too_far_behind_is_told_as_a_refusal() -> None:
    with SocketHost(SkewedClock(60)) as host, listening(host) as heard:
        assert heard.state("private", is_up=False).detail == "the key was refused: request expired"


# -- an exchange that is down


def test_an_exchange_that_is_down_for_a_while_is_found_again() -> None:
    with ExitStack() as stack:
        first = SocketHost().start()
        heard = stack.enter_context(following(first))
        first.close()
        lost = heard.state("public", is_up=False)
        refused = heard.until(
            lambda each: (
                isinstance(each, StreamState) and not each.is_up and "can't be reached" in each.detail
            )
        )
        stack.enter_context(SocketHost(port=first.port))

        heard.state("public", is_up=True)
        heard.bid("100000.0")

    assert "was lost" in lost.detail
    assert isinstance(refused, StreamState)


def test_an_exchange_that_turns_connections_away_is_found_again(host: SocketHost, heard: Heard) -> None:
    host.sockets.control({"refuse_s": 600, "drop": True})

    heard.state("public", is_up=False)
    assert "can't be reached" in heard.state("public", is_up=False).detail
    host.sockets.control({"refuse_s": 0})
    heard.state("public", is_up=True)
    host.move("100100")
    heard.bid("100100.0")


def test_an_outage_is_told_once_however_long_it_lasts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
    inbox = Inbox()
    channel = public_channel(url, inbox, WallClock(), QUICK)
    channel.follow(["orderbook.1.BTCUSDT"])
    try:
        [down] = inbox.take(PATIENCE_S)
        deadline_s = time.monotonic() + PATIENCE_S
        while channel._generation < 5 and time.monotonic() < deadline_s:
            time.sleep(0.02)
    finally:
        channel.close()

    assert isinstance(down, StreamState)
    assert "can't be reached" in down.detail
    assert channel._generation >= 5
    assert inbox.take(0) == []


def test_patience_grows_with_each_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as port_of:
        port = port_of.getsockname()[1]
    channel = public_channel(
        f"ws://127.0.0.1:{port}", Inbox(), WallClock(), Timing(retry_s=0.5, retry_s_max=4)
    )
    waited: list[float] = []
    channel._stopping.wait = waited.append  # type: ignore[method-assign, assignment]
    channel._jitter = lambda: 1.0

    for failures in range(1, 7):
        channel._pause(failures)

    assert waited == [0.5, 1, 2, 4, 4, 4]


# -- nothing left behind, nothing told that is secret


def test_no_thread_is_left_after_close(host: SocketHost) -> None:
    before = set(threading.enumerate())
    with listening(host) as heard:
        heard.state("private", is_up=True)
        heard.stream.follow(["BTCUSDT"], [])
        heard.state("public", is_up=True)
    ours = [each.name for each in set(threading.enumerate()) - before if "process_request" not in each.name]

    assert [name for name in ours if name != "sandbox-sockets"] == []


def test_closing_while_it_connects_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as mute:
        inbox = Inbox()
        url = f"ws://127.0.0.1:{mute.getsockname()[1]}"
        stream = SocketStream(
            public_channel(url, inbox, WallClock()), private_channel(url, "k", "s", inbox, WallClock()), inbox
        )
        stream.follow(["BTCUSDT"], [])
        mute.accept()[0].close()  # At least one has got as far as the handshake.
        began_s = time.monotonic()
        stream.close()

    assert set(threading.enumerate()) <= before
    assert time.monotonic() - began_s < 6


def test_key_and_secret_appear_in_no_log_and_no_news(
    host: SocketHost, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    who = host.exchange.identity
    caplog.set_level(logging.DEBUG)
    told: list[News] = []
    with listening(host) as heard:
        heard.state("private", is_up=True)
        host.sockets.control({"drop": True, "refuse_auth": True})
        told.append(heard.state("private", is_up=False))
        told += heard.stream.news(1)
        channels = (heard.stream._public, heard.stream._orders)
        shown = repr([told, channels, channels[1]._target, channels[1]._wire])  # type: ignore[attr-defined]

    text = caplog.text + "".join(capfd.readouterr()) + shown
    assert who.api_key not in text
    assert who.api_secret not in text
