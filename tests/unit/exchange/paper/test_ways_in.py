"""pybit's session over the adapter, the direct session, and HTTP: one exchange, the same exceptions and faults."""

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP
from urllib3.exceptions import MaxRetryError, NewConnectionError

from botbox_cli.exchange.paper.clocks import ManualClock, WallClock
from botbox_cli.exchange.paper.direct import DirectSession
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.faults import FaultSchedule, FaultyExchange, Rule
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.live import LiveMarket
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.server import Sandbox, serve
from botbox_cli.exchange.paper.store import MemoryBooks
from botbox_cli.exchange.paper.transport import HOST, PaperAdapter

BUY = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Market",
    "qty": "0.01",
    "marketUnit": "baseCoin",
}
Opener = Callable[..., Any]


def exchange_of(**options: Any) -> PaperExchange:
    market = ScriptedMarket({"BTCUSDT": "100000"})
    return PaperExchange(MemoryBooks(), market, WallClock(), **options)


def pybit(exchange: PaperExchange, url: str, timeout: float = 10) -> Any:
    who = exchange.identity
    session = HTTP(
        api_key=who.api_key, api_secret=who.api_secret, timeout=timeout, max_retries=1, retry_codes={-1}
    )
    session.endpoint = url
    return session


@pytest.fixture(params=["adapter", "direct", "http"])
def session(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Open a session on a fresh exchange, by each way in, with the rules of a fault schedule."""
    with ExitStack() as stack:

        def open_session(*rules: Rule, **options: Any) -> Any:
            exchange = exchange_of(checks_signature=request.param != "direct", **options)
            schedule = FaultSchedule(rules)
            if request.param == "http":
                box = stack.enter_context(serve(exchange))
                box.faulty.schedule = schedule
                opened = pybit(exchange, box.url, timeout=0.3)
            elif request.param == "adapter":
                opened = pybit(exchange, HOST)
                opened.client.mount(HOST, PaperAdapter(FaultyExchange(exchange, schedule)))
            else:
                opened = DirectSession(FaultyExchange(exchange, schedule))
            opened.exchange = exchange
            return opened

        yield open_session


def links(session: Any) -> list[str]:
    """Return the link ids of all orders that the exchange accepted."""
    return [row["orderLinkId"] for row in session.exchange.look()[0]]


def test_an_order_goes_through(session: Opener) -> None:
    client = session()

    answer = client.place_order(**BUY, orderLinkId="bb-1")

    assert answer["result"]["orderLinkId"] == "bb-1"
    [row] = client.get_open_orders(category="spot", orderLinkId="bb-1")["result"]["list"]
    assert row["orderStatus"] == "Filled"
    [coin] = client.get_wallet_balance(accountType="UNIFIED", coin="BTC")["result"]["list"][0]["coin"]
    assert coin["walletBalance"] == "0.00999"


def test_a_cursor_is_passed_back_verbatim(session: Opener) -> None:
    client = session()
    for number in range(3):
        client.place_order(**BUY, orderLinkId=f"bb-{number}")

    first = client.get_executions(category="spot", limit=2)["result"]
    second = client.get_executions(category="spot", limit=2, cursor=first["nextPageCursor"])["result"]

    assert [row["orderLinkId"] for row in first["list"] + second["list"]] == ["bb-2", "bb-1", "bb-0"]


def test_a_refusal_is_an_invalid_request_with_its_code(session: Opener) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        session().place_order(**{**BUY, "qty": "1"})

    assert (caught.value.status_code, caught.value.message) == (170131, "Insufficient balance.")
    assert "X-Bapi-Limit-Status" in caught.value.resp_headers


def test_numbers_are_cast_as_pybit_casts_them(session: Opener) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        session().place_order(**{**BUY, "qty": 0.00001})

    assert caught.value.status_code == 170130


@pytest.mark.parametrize(
    ("kind", "raised", "accepted"),
    [
        ("timeout_before", requests.exceptions.ReadTimeout, []),
        ("timeout_after", requests.exceptions.ReadTimeout, ["bb-1"]),
        ("reset_before", requests.exceptions.ConnectionError, []),
        ("reset_after", requests.exceptions.ConnectionError, ["bb-1"]),
        ("connect_refused", requests.exceptions.ConnectionError, []),
        ("truncated_after", requests.exceptions.ChunkedEncodingError, ["bb-1"]),
    ],
)
def test_a_broken_connection_raises_what_the_network_would(
    session: Opener, kind: str, raised: type[Exception], accepted: list[str]
) -> None:
    client = session(Rule(kind, path="/v5/order/create"))

    with pytest.raises(raised):
        client.place_order(**BUY, orderLinkId="bb-1")

    assert links(client) == accepted


@pytest.mark.parametrize(
    ("rule", "status", "accepted"),
    [
        (Rule("http_before", status=502), 502, []),
        (Rule("http_after", status=504), 504, ["bb-1"]),
        (Rule("http_before", status=403), 403, []),
        (Rule("bad_json_after"), 409, ["bb-1"]),
    ],
)
def test_an_answer_that_is_none_is_a_failed_request(
    session: Opener, rule: Rule, status: int, accepted: list[str]
) -> None:
    client = session(rule)

    with pytest.raises(FailedRequestError) as caught:
        client.place_order(**BUY, orderLinkId="bb-1")

    assert caught.value.status_code == status
    assert links(client) == accepted


@pytest.mark.parametrize(
    ("rule", "code", "accepted"),
    [
        (Rule("reject_before", code=10006), 10006, []),
        (Rule("reject_before", code=10002), 10002, []),
        (Rule("reject_before", code=10016), 10016, []),
        (Rule("reject_after", code=10016), 10016, ["bb-1"]),
        (Rule("reject_after", code=10000), 10000, ["bb-1"]),
    ],
)
def test_a_code_may_come_before_or_after_acceptance(
    session: Opener, rule: Rule, code: int, accepted: list[str]
) -> None:
    client = session(rule)

    with pytest.raises(InvalidRequestError) as caught:
        client.place_order(**BUY, orderLinkId="bb-1")

    assert caught.value.status_code == code
    assert links(client) == accepted


def test_an_unknown_route_is_a_failed_request(session: Opener) -> None:
    client = session()
    if isinstance(client, DirectSession):
        with pytest.raises(AttributeError):
            client.get_funding_rate_history(category="spot")
    else:
        with pytest.raises(FailedRequestError):
            client.get_funding_rate_history(category="spot", symbol="BTCUSDT")


def test_a_wrong_secret_is_10004() -> None:
    exchange = exchange_of()
    client = pybit(exchange, HOST)
    client.api_secret = "wrong"
    client.client.mount(HOST, PaperAdapter(exchange))

    with pytest.raises(InvalidRequestError) as caught:
        client.get_wallet_balance(accountType="UNIFIED")

    assert caught.value.status_code == 10004


def silent(path: str, params: Any) -> Any:
    raise requests.exceptions.ConnectTimeout


def test_silent_live_prices_look_like_a_refused_connection() -> None:
    exchange = PaperExchange(MemoryBooks(), LiveMarket(silent), WallClock())
    client = pybit(exchange, HOST)
    client.client.mount(HOST, PaperAdapter(exchange))

    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        client.place_order(**BUY)

    cause = caught.value.args[0]
    assert isinstance(cause, MaxRetryError)
    assert isinstance(cause.reason, NewConnectionError)


def test_silent_live_prices_refuse_the_direct_session_too() -> None:
    exchange = PaperExchange(MemoryBooks(), LiveMarket(silent), WallClock(), checks_signature=False)

    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        DirectSession(exchange).place_order(**BUY)

    assert isinstance(caught.value.args[0], MaxRetryError)


def test_silent_live_prices_are_503_over_http() -> None:
    exchange = PaperExchange(MemoryBooks(), LiveMarket(silent), WallClock())
    with serve(exchange) as box, pytest.raises(FailedRequestError) as caught:
        pybit(exchange, box.url).get_tickers(category="spot")

    assert caught.value.status_code == 503


def test_a_timeout_costs_its_seconds_on_the_exchange_s_clock() -> None:
    clock = ManualClock(datetime(2025, 6, 2, tzinfo=UTC))
    exchange = PaperExchange(MemoryBooks(), ScriptedMarket({}), clock, checks_signature=False)
    client = DirectSession(FaultyExchange(exchange, FaultSchedule([Rule("timeout_before", seconds=10)])))

    with pytest.raises(requests.exceptions.ReadTimeout):
        client.get_server_time()

    assert clock.now() == datetime(2025, 6, 2, 0, 0, 10, tzinfo=UTC)


def test_the_direct_session_stamps_requests_as_told() -> None:
    exchange = exchange_of(checks_signature=False)
    client = DirectSession(exchange, timestamp=lambda: 1)

    with pytest.raises(InvalidRequestError) as caught:
        client.get_open_orders(category="spot")

    assert caught.value.status_code == 10002


# The sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with serve(exchange_of(limits=LimitRules(is_on=False))) as running:
        yield running


def control(box: Sandbox, path: str, **body: Any) -> requests.Response:
    return requests.post(f"{box.url}/sandbox/{path}", json=body, timeout=5)


def test_a_scripted_price_can_be_moved_over_http(box: Sandbox) -> None:
    client = pybit(box.exchange, box.url)
    client.place_order(**BUY)
    client.place_order(
        category="spot",
        symbol="BTCUSDT",
        side="Sell",
        orderType="Market",
        qty="0.00999",
        orderFilter="tpslOrder",
        triggerPrice="99000",
    )

    assert control(box, "price", symbol="BTCUSDT", price="98000").status_code == 200

    state = requests.get(f"{box.url}/sandbox/state", timeout=5).json()
    assert [order["orderStatus"] for order in state["orders"]] == ["Filled", "Filled"]
    assert state["executions"][-1]["execPrice"] == "98000.0"


def test_faults_can_be_loaded_over_http(box: Sandbox) -> None:
    schedule = FaultSchedule([Rule("reject_before", path="/v5/market/time", code=10016, nth=2)], seed=3)
    client = pybit(box.exchange, box.url)

    assert control(box, "faults", **json.loads(schedule.to_json())).json() == {"rules": 1}

    client.get_server_time()
    with pytest.raises(InvalidRequestError):
        client.get_server_time()
    fired = requests.get(f"{box.url}/sandbox/state", timeout=5).json()["fired"]
    assert fired == [[2, "reject_before", "/v5/market/time"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("price", {"symbol": "BTCUSDT"}),
        ("price", {"symbol": "BTCUSDT", "price": "-1"}),
        ("faults", {"rules": [{"kind": "earthquake"}]}),
        ("faults", {"rules": [{"sort": "timeout_before"}]}),
        ("faults", {}),
        ("advance", {"seconds": 5}),
        ("advance", {"seconds": -5}),
    ],
)
def test_controls_that_make_no_sense_say_so(box: Sandbox, path: str, body: dict[str, Any]) -> None:
    answer = control(box, path, **body)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_an_unknown_control_is_404(box: Sandbox) -> None:
    assert control(box, "nonsense").status_code == 404


def test_market_time_can_be_advanced_on_a_manual_clock() -> None:
    clock = ManualClock(datetime(2025, 6, 2, tzinfo=UTC))
    with serve(PaperExchange(MemoryBooks(), ScriptedMarket({}), clock)) as box:
        answer = control(box, "advance", seconds=3600)

    assert answer.json() == {"now": "2025-06-02T01:00:00+00:00"}


def test_a_restart_can_be_asked_for_over_http(box: Sandbox) -> None:
    client = pybit(box.exchange, box.url)
    client.place_order(**BUY, orderLinkId="bb-1")

    control(box, "restart")

    assert client.get_open_orders(category="spot", orderLinkId="bb-1")["result"]["list"] == []


def test_a_body_that_is_no_json_object_is_10001(box: Sandbox) -> None:
    for text in ("[1]", "{"):
        answer = requests.post(f"{box.url}/v5/order/create", data=text, timeout=5)
        assert answer.json()["retCode"] == 10001


def test_answers_can_be_held_back() -> None:
    with serve(exchange_of(), delay_ms=30) as box:
        answer = requests.get(f"{box.url}/v5/market/time", timeout=5)

    assert answer.elapsed.total_seconds() >= 0.03


def test_a_client_that_leaves_early_causes_no_noise(capfd: pytest.CaptureFixture[str]) -> None:
    with serve(exchange_of(), delay_ms=100) as box:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", box.port)) as client:
                client.sendall(b"GET /v5/market/time HTTP/1.1\r\nHost: x\r\n\r\n")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert requests.get(f"{box.url}/v5/market/time", timeout=5).ok

    assert capfd.readouterr().err == ""


def test_a_connection_is_kept_alive(box: Sandbox) -> None:
    client = requests.Session()
    sockets = set()
    for _ in range(3):
        answer = client.get(f"{box.url}/v5/market/time", stream=True, timeout=5)
        assert answer.raw.connection is not None
        sockets.add(answer.raw.connection.sock.getsockname())
        answer.json()

    assert len(sockets) == 1
    client.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::1"])
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(ValueError, match=r"loopback|::1"):
        serve(exchange_of(), host=host)


def test_a_taken_port_is_an_os_error(box: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(box.exchange, port=box.port)


def test_the_sandbox_and_a_file_work_together(tmp_path: Path) -> None:
    from botbox_cli.exchange.paper.store import FileBooks

    books = FileBooks(tmp_path / "paper.sqlite")
    exchange = PaperExchange(books, ScriptedMarket({"BTCUSDT": "100000"}), WallClock())
    with serve(exchange) as box:
        pybit(exchange, box.url).place_order(**BUY)
    books.close()

    again = FileBooks(tmp_path / "paper.sqlite")
    later = PaperExchange(again, ScriptedMarket({"BTCUSDT": "100000"}), WallClock())
    assert Decimal(later.look()[1][0]["execQty"]) == Decimal("0.01")
    again.close()
