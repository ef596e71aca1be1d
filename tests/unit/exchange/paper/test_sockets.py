"""The sandbox's sockets: Bybit's frames as captured, pushed when something happens, with faults on request."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.protocol import Request, to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.store import FileBooks, MemoryBooks
from botbox_cli.exchange.paper.topics import Kline, Look
from tests.support import bybit_bodies as bodies
from tests.support.paper import START
from tests.support.sockets import PATIENCE_S, Client, SocketHost

PUBLIC, PRIVATE = "/v5/public/spot", "/v5/private"


@pytest.fixture
def host() -> Iterator[SocketHost]:
    with SocketHost() as running:
        yield running


@pytest.fixture
def public(host: SocketHost) -> Iterator[Client]:
    with closing(Client(host.ws_url + PUBLIC)) as client:
        yield client


@pytest.fixture
def private(host: SocketHost) -> Iterator[Client]:
    with closing(Client(host.ws_url + PRIVATE)) as client:
        client.auth(host)
        yield client


def shape(value: Any) -> Any:
    """Return a document without its values: the names in their order, and the kinds of what they hold."""
    if isinstance(value, dict):
        return [(name, shape(each)) for name, each in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def named(value: Any, *leave_out: str) -> Any:
    return {name: each for name, each in value.items() if name not in leave_out}


# -- answers


def test_a_subscription_is_acknowledged_in_the_words_of_each_socket(public: Client, private: Client) -> None:
    of_public, of_private = public.subscribe("tickers.BTCUSDT"), private.subscribe("order")

    assert shape(named(of_public, "req_id")) == shape(bodies.body("ws_public_subscribe_ack"))
    assert (of_public["success"], of_public["ret_msg"], of_public["req_id"]) == (True, "subscribe", "7")
    assert shape(named(of_private, "req_id")) == shape(bodies.body("ws_private_subscribe_ack"))
    assert (of_private["success"], of_private["ret_msg"]) == (True, "")


def test_more_than_ten_topics_are_refused_as_captured(public: Client) -> None:
    answer = public.subscribe(*(f"kline.{n}.BTCUSDT" for n in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720, "D")))

    stored = bodies.body("ws_public_subscribe_failure")
    assert shape(answer) == shape(stored)
    assert named(answer, "conn_id", "req_id") == named(stored, "conn_id", "req_id")


@pytest.mark.parametrize(
    "topic", ["tickers.NOPEUSDT", "kline.7.BTCUSDT", "orderbook.50.BTCUSDT", "order", "nonsense", ""]
)
def test_a_topic_that_is_not_served_is_refused(public: Client, topic: str) -> None:
    answer = public.subscribe("tickers.BTCUSDT", topic)

    assert (answer["success"], answer["ret_msg"]) == (False, f"Invalid topic: {topic}")


@pytest.mark.parametrize("asked", [{"op": "subscribe"}, {"op": "subscribe", "args": [1]}, {"op": "what"}, {}])
def test_a_request_that_makes_no_sense_is_refused(public: Client, asked: dict[str, Any]) -> None:
    assert public.ask(asked)["success"] is False


def test_texts_and_frames_that_ping_are_answered(public: Client, private: Client) -> None:
    of_public, of_private = public.ask({"op": "ping"}), private.ask({"op": "ping"})
    numbered = public.ask({"op": "ping", "req_id": "7"})

    assert shape(of_public) == shape(bodies.body("ws_public_pong"))
    assert shape(numbered) == shape(bodies.body("ws_public_pong_with_req_id"))
    assert shape(of_private) == shape(bodies.body("ws_private_pong"))
    assert public.ping() == b"are you there"


def test_an_authorised_client_is_told_so(host: SocketHost) -> None:
    with closing(Client(host.ws_url + PRIVATE)) as client:
        answer = client.auth(host)

    assert shape(answer) == shape(bodies.body("ws_private_auth_ok"))
    assert answer["success"] is True


@pytest.mark.parametrize("bad", [{"expires_in_s": -1}, {"secret": "another"}])
def test_a_wrong_signature_and_one_that_expired_are_refused(host: SocketHost, bad: dict[str, Any]) -> None:
    with closing(Client(host.ws_url + PRIVATE)) as client:
        answer = client.auth(host, **bad)
        refused = client.subscribe("order")

    assert (answer["success"], answer["op"]) == (False, "auth")
    assert refused["success"] is False


def test_nothing_private_is_told_to_a_client_without_auth(host: SocketHost) -> None:
    with closing(Client(host.ws_url + PRIVATE)) as client:
        assert client.subscribe("order")["success"] is False


def test_a_request_without_an_upgrade_is_no_socket(host: SocketHost) -> None:
    assert requests.get(host.url + PUBLIC, timeout=PATIENCE_S).json()["retCode"] == 10017


def test_a_request_for_another_protocol_is_turned_away(host: SocketHost) -> None:
    with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE_S) as peer:
        peer.sendall(f"GET {PUBLIC} HTTP/1.1\r\nHost: x\r\nUpgrade: other\r\n\r\n".encode())

        assert peer.recv(100) == b""


# -- prices


def test_a_price_is_pushed_when_it_moves(host: SocketHost, public: Client) -> None:
    public.subscribe("orderbook.1.BTCUSDT")
    first = public.frame("orderbook.1.BTCUSDT")

    requests.post(
        f"{host.url}/sandbox/price", json={"symbol": "BTCUSDT", "price": "100100"}, timeout=PATIENCE_S
    )

    second = public.frame("orderbook.1.BTCUSDT")
    assert first["data"]["b"] == [["100000.0", "10000000"]]
    assert second["data"]["a"] == [["100100.1", "10000000"]]
    assert second["data"]["u"] > first["data"]["u"]
    assert list(first)[:4] == ["topic", "ts", "type", "data"]
    assert list(first["data"]) == list(bodies.body("ws_public_orderbook_snapshot")["data"])


def test_a_book_is_sent_again_with_the_number_that_it_had(host: SocketHost, public: Client) -> None:
    host.sockets.resend_s = 0.05
    public.subscribe("orderbook.1.BTCUSDT")

    first, second = (public.frame("orderbook.1.BTCUSDT") for _ in range(2))

    assert second["data"] == first["data"]
    assert second["ts"] > first["ts"]


def test_a_later_subscriber_is_sent_the_present_state(host: SocketHost, public: Client) -> None:
    public.subscribe("tickers.BTCUSDT")
    public.frame("tickers.BTCUSDT")

    with closing(Client(host.ws_url + PUBLIC)) as late:
        late.subscribe("tickers.BTCUSDT")

        assert late.frame("tickers.BTCUSDT")["data"]["lastPrice"] == "100000.0"


def test_tickers_and_trades_have_their_captured_shapes(host: SocketHost, public: Client) -> None:
    public.subscribe("tickers.BTCUSDT", "publicTrade.BTCUSDT")
    ticker = public.frame("tickers.BTCUSDT")
    host.move("100100")
    trade = public.frame("publicTrade.BTCUSDT")

    assert shape(ticker) == shape(bodies.body("ws_public_ticker_spot"))
    assert shape(trade) == shape(bodies.body("ws_public_trade_spot_btcusdc"))
    assert trade["data"][0]["p"] == "100100.0"


def test_what_is_not_followed_any_more_is_not_pushed(host: SocketHost, public: Client) -> None:
    public.subscribe("tickers.BTCUSDT", "tickers.ETHUSDT")
    for topic in ("tickers.BTCUSDT", "tickers.ETHUSDT"):
        public.frame(topic)
    public.ask({"op": "unsubscribe", "args": ["tickers.BTCUSDT"]})

    host.move("100100")
    host.move("2600", "ETHUSDT")

    assert json.loads(public.text())["topic"] == "tickers.ETHUSDT"


def test_a_candle_is_confirmed_once_when_the_next_one_begins() -> None:
    clock = ManualClock(START + timedelta(seconds=10))
    minute, start_ms = 60_000, to_ms(START)
    with SocketHost(clock) as host, closing(Client(host.ws_url + PUBLIC)) as client:
        rows = [[str(start_ms + n * minute), f"{n + 1}", "9", "1", "2", "5", "10"] for n in range(4)]
        host.script.set_klines("BTCUSDT", "1", rows[::-1])
        client.subscribe("kline.1.BTCUSDT")
        opened = client.frame("kline.1.BTCUSDT")
        clock.sleep(120)  # Two candles close at once.
        host.sockets.poke()
        frames = [client.frame("kline.1.BTCUSDT") for _ in range(3)]

    assert shape(opened) == shape(bodies.body("ws_public_kline_spot_testnet"))
    told = [(f["data"][0]["open"], f["data"][0]["confirm"]) for f in [opened, *frames]]
    assert told == [("1", False), ("1", True), ("2", True), ("3", False)]
    assert opened["data"][0]["end"] == start_ms + minute - 1


def test_candles_of_another_host_are_asked_for_seldom_and_when_one_has_closed() -> None:
    asked: list[int] = []

    class Far(ScriptedMarket):
        def klines(
            self, symbol: str, interval: str, start_ms: int | None, end_ms: int | None, limit: int, at_ms: int
        ) -> list[list[str]]:
            asked.append(at_ms)
            return [[str(at_ms // 60_000 * 60_000), "1", "1", "1", "1", "1", "1"]]

    market, topic = Far({"BTCUSDT": "1"}), Kline("kline.1.BTCUSDT", "BTCUSDT", "1")
    for at_ms in (0, 1_000, 9_000, 10_000, 59_000, 60_000, 61_000):
        topic.frames(Look(market, at_ms, at_ms / 1000, candle_pace_s=10))

    assert asked == [0, 10_000, 59_000, 60_000]


# -- the account


def test_an_order_that_fills_is_pushed_with_its_execution_and_the_wallet(
    host: SocketHost, private: Client
) -> None:
    private.subscribe("execution", "order", "wallet")

    host.buy("bb-1")

    execution, order, wallet = (private.frame(name) for name in ("execution", "order", "wallet"))
    row = order["data"][0]
    assert (row["orderLinkId"], row["orderStatus"], row["feeCurrency"]) == ("bb-1", "Filled", "BTC")
    assert execution["data"][0]["execQty"] == "0.010000"
    assert {coin["coin"]: coin["walletBalance"] for coin in wallet["data"][0]["coin"]}["BTC"] == "0.00999"
    captured = bodies.rows("ws_private_order_spot_market_sell_by_value")[0]
    assert [name for name in row if name != "cumFeeDetail"] == list(captured)
    captured = bodies.rows("ws_private_execution_spot_buy")[0]
    newer = {"marketUnit", "extraFees", "feeCurrency"}
    assert [name for name in execution["data"][0] if name not in newer] == list(captured)
    captured = bodies.rows("ws_private_wallet_after_spot_buy")[0]
    assert list(wallet["data"][0]) == list(captured)
    coin = [name for name in wallet["data"][0]["coin"][0] if name not in {"spotHedgingQty", "spotBorrow"}]
    assert coin == list(captured["coin"][0])
    assert list(order) == list(bodies.body("ws_private_order_documented"))


def test_the_topics_of_spot_alone_are_served_too(host: SocketHost, private: Client) -> None:
    private.subscribe("order.spot", "execution.spot")

    host.buy("bb-1")

    assert private.frame("execution.spot")["data"][0]["orderLinkId"] == "bb-1"
    order = private.frame("order.spot")
    assert list(order) == list(bodies.body("ws_private_order_spot_market_sell_filled"))


def test_a_stop_is_pushed_when_it_rests_when_it_triggers_and_when_it_is_cancelled(
    host: SocketHost, private: Client
) -> None:
    host.buy("bb-1")
    private.subscribe("order")

    host.stop("bb-2", "99000")
    rests = private.frame("order")["data"][0]
    host.move("98000")  # Nobody asks the exchange anything.
    fills = private.frame("order")["data"][0]
    host.stop("bb-3", "97000")
    private.frame("order")
    host.post("order/cancel", orderLinkId="bb-3", orderFilter="tpslOrder")
    ends = private.frame("order")["data"][0]

    assert (rests["orderLinkId"], rests["orderStatus"]) == ("bb-2", "Untriggered")
    assert (fills["orderLinkId"], fills["orderStatus"]) == ("bb-2", "Filled")
    assert (ends["orderLinkId"], ends["orderStatus"]) == ("bb-3", "Deactivated")


def test_what_another_process_does_to_the_account_is_pushed(tmp_path: Path) -> None:
    file = tmp_path / "account.sqlite"
    with closing(FileBooks(file)) as ours, closing(FileBooks(file)) as theirs, SocketHost(books=ours) as host:
        other = PaperExchange(theirs, host.script, host.exchange.clock, checks_signature=False)
        with closing(Client(host.ws_url + PRIVATE)) as client:
            client.auth(host)
            client.subscribe("order")
            other.handle(
                Request(
                    "POST",
                    "/v5/order/create",
                    {
                        "category": "spot",
                        "symbol": "BTCUSDT",
                        "side": "Buy",
                        "orderType": "Market",
                        "qty": "100",
                        "orderLinkId": "theirs",
                    },
                )
            )

            assert client.frame("order")["data"][0]["orderLinkId"] == "theirs"


def test_an_order_over_http_is_pushed_at_once(host: SocketHost, private: Client) -> None:
    private.subscribe("order")
    order = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "100", "orderLinkId": "bb-1"}

    began_s = time.monotonic()
    requests.post(f"{host.url}/v5/order/create", json={"category": "spot", **order}, timeout=PATIENCE_S)

    assert private.frame("order")["data"][0]["orderLinkId"] == "bb-1"
    assert time.monotonic() - began_s < PATIENCE_S / 2


# -- faults


def control(host: SocketHost, **asked: Any) -> requests.Response:
    return requests.post(f"{host.url}/sandbox/sockets", json=asked, timeout=PATIENCE_S)


def test_connections_can_be_dropped_one_channel_at_a_time(
    host: SocketHost, public: Client, private: Client
) -> None:
    control(host, drop=True, channel="private")

    with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
        private.text()
    assert public.ask({"op": "ping"})["ret_msg"] == "pong"


def test_new_connections_can_be_turned_away_for_a_while(host: SocketHost) -> None:
    control(host, refuse_s=60)

    with pytest.raises((websocket.WebSocketException, ConnectionError)):
        Client(host.ws_url + PUBLIC)
    control(host, refuse_s=0)
    Client(host.ws_url + PUBLIC).close()


def test_frames_can_be_doubled_swapped_and_spoilt(host: SocketHost, public: Client) -> None:
    public.subscribe("publicTrade.BTCUSDT", "tickers.BTCUSDT")
    public.frame("tickers.BTCUSDT")
    public.ask({"op": "unsubscribe", "args": ["tickers.BTCUSDT"]})

    control(host, duplicate=True)
    host.move("1")
    doubled = [public.frame("publicTrade.BTCUSDT")["data"][0]["p"] for _ in range(2)]
    control(host, duplicate=False, disorder=True)
    host.sockets.publish({"topic": "publicTrade.BTCUSDT", "number": 1})
    host.sockets.publish({"topic": "publicTrade.BTCUSDT", "number": 2})
    swapped = [public.frame("publicTrade.BTCUSDT")["number"] for _ in range(2)]
    control(host, disorder=False, garbage="{nonsense")

    assert (doubled, swapped, public.text()) == (["1.0", "1.0"], [2, 1], "{nonsense")


def test_a_silent_host_answers_nothing(host: SocketHost, public: Client) -> None:
    control(host, silent=True)
    public._socket.settimeout(0.2)
    public._socket.send(json.dumps({"op": "ping"}))

    with pytest.raises(websocket.WebSocketTimeoutException):
        public.text()


def test_subscriptions_and_keys_can_be_refused(host: SocketHost, public: Client) -> None:
    told = control(host, refuse_topics=["tickers.BTCUSDT"], refuse_auth=True).json()

    assert public.subscribe("tickers.BTCUSDT")["success"] is False
    assert public.subscribe("tickers.ETHUSDT")["success"] is True
    with closing(Client(host.ws_url + PRIVATE)) as client:
        assert client.auth(host)["success"] is False
    assert told["clients"] == [{"channel": "public", "topics": []}]
    assert told["faults"]["refuse_auth"] is True


def test_an_unknown_fault_is_refused(host: SocketHost) -> None:
    answer = control(host, explode=True)

    assert (answer.status_code, answer.json()["error"]) == (400, "no such socket fault: explode")


def test_closing_ends_every_connection() -> None:
    host = SocketHost(books=MemoryBooks()).start()
    client = Client(host.ws_url + PUBLIC)

    host.close()

    with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
        client.text()
    client.close()
