"""pybit's session as botbox builds it: host, signature, pinned time, pace, silence."""

import hashlib
import hmac
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from botbox_cli.domain.account import Mode
from botbox_cli.domain.candle import to_ms
from botbox_cli.exchange.limiter import Limiter
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.session import Access, PerThread, make_http, open_session
from tests.support.bybit_bodies import listed, ok
from tests.support.bybit_host import Host, Seen, answer, running_host

KEY, SECRET = "MARKEDKEYMARKEDKEY", "markedsecret"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
PINNED = 1_700_000_000_123
ORDER = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.001"}


def access(**more: Any) -> Access:
    return Access(Mode.TESTNET, KEY, SECRET, **more)


@pytest.fixture
def host() -> Iterator[Host]:
    with running_host() as running:
        running.otherwise = answer(ok({"orderId": "1", "orderLinkId": "x"}))
        yield running


@pytest.fixture
def session(host: Host) -> Iterator[PerThread]:
    opened = open_session(access(endpoint=host.url), ManualClock(NOW))
    yield opened
    opened.close()


def signature(seen: Seen, payload: str) -> str:
    signed = seen.headers["x-bapi-timestamp"] + KEY + seen.headers["x-bapi-recv-window"] + payload
    return hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("cookies", [{}, {"seen": "before"}])
def test_order_is_prepared_as_pybit_itself_would(cookies: dict[str, str]) -> None:
    http = make_http(access(endpoint="http://127.0.0.1:1"), ManualClock(NOW))
    http.client.cookies.update(cookies)
    of_pybit = super(type(http), http)._prepare_request
    for number in range(3):
        asked = ("POST", f"{http.endpoint}/v5/order/create", f'{{"n": "{number} ×"}}', {"X-BAPI-SIGN": "s"})
        ours, its = http._prepare_request(*asked), of_pybit(*asked)

        assert (ours.method, ours.url, ours.body, ours.hooks) == (its.method, its.url, its.body, its.hooks)
        assert dict(ours.headers) == dict(its.headers)


# -- the timestamp


def test_order_carries_the_pinned_time_and_a_signature_over_it(session: PerThread, host: Host) -> None:
    session.place_order(timestamp=PINNED, **ORDER)

    assert host.last.headers["x-bapi-timestamp"] == str(PINNED)
    assert host.last.headers["x-bapi-sign"] == signature(host.last, host.last.body.decode())
    assert host.last.headers["x-bapi-recv-window"] == "5000"
    assert host.last.params == ORDER


def test_what_follows_an_order_carries_the_clocks_time(session: PerThread, host: Host) -> None:
    session.place_order(timestamp=PINNED, **ORDER)
    session.cancel_order(category="spot", symbol="BTCUSDT", orderLinkId="x")
    session.get_open_orders(category="spot", orderLinkId="x")

    stamps = [seen.headers["x-bapi-timestamp"] for seen in host.seen]
    assert stamps == [str(PINNED), str(to_ms(NOW)), str(to_ms(NOW))]
    assert host.last.headers["x-bapi-sign"] == signature(host.last, "category=spot&orderLinkId=x")


def test_failed_order_leaves_no_pinned_time_behind(session: PerThread, host: Host) -> None:
    host.script.append(answer(b"", 500))

    with pytest.raises(Exception, match="500"):
        session.place_order(timestamp=PINNED, **ORDER)
    session.get_open_orders(category="spot")

    assert host.last.headers["x-bapi-timestamp"] == str(to_ms(NOW))


def test_pinned_time_of_one_thread_is_not_anothers(session: PerThread, host: Host) -> None:
    def send(number: int) -> None:  # `session.place_order` is that of the thread which looks it up.
        session.place_order(timestamp=PINNED + number, orderLinkId=str(number), **ORDER)

    threads = [threading.Thread(target=send, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    stamps = {seen.params["orderLinkId"]: seen.headers["x-bapi-timestamp"] for seen in host.seen}
    assert stamps == {str(n): str(PINNED + n) for n in range(8)}


def test_cursor_is_signed_and_sent_as_it_came(session: PerThread, host: Host) -> None:
    cursor = "132766%3A2%2C132766%3A2"

    session.get_executions(category="spot", cursor=cursor)

    assert host.last.query["cursor"] == cursor
    assert host.last.headers["x-bapi-sign"] == signature(host.last, f"category=spot&cursor={cursor}")


def test_market_data_is_not_signed(session: PerThread, host: Host) -> None:
    session.get_tickers(category="spot")

    assert not [name for name in host.last.headers if name.startswith("x-bapi")]


# -- the host


@pytest.mark.parametrize(
    ("mode", "endpoint", "expected"),
    [
        (Mode.LIVE, "", "https://api.bybit.com"),
        (Mode.TESTNET, "", "https://api-testnet.bybit.com"),
        (Mode.DEMO, "", "https://api-demo.bybit.com"),
        (Mode.PAPER, "", "https://api.bybit.com"),
        (Mode.LIVE, "https://api.bybit.eu", "https://api.bybit.eu"),
        (Mode.LIVE, "http://127.0.0.1:8800/", "http://127.0.0.1:8800"),
    ],
)
def test_mode_chooses_the_host_unless_an_endpoint_is_named(mode: Mode, endpoint: str, expected: str) -> None:
    http = make_http(Access(mode, endpoint=endpoint), ManualClock(NOW))

    assert http.endpoint == expected


@pytest.mark.parametrize(
    ("endpoint", "trusted"),
    [("http://127.0.0.1:1", False), ("http://localhost:1", False), ("http://[::1]:1", False), ("", True)],
)
def test_proxies_of_the_environment_are_never_used_for_loopback(endpoint: str, trusted: bool) -> None:
    assert make_http(access(endpoint=endpoint), ManualClock(NOW)).client.trust_env is trusted


def test_proxies_of_the_environment_are_never_used_for_an_adapter() -> None:
    assert not make_http(access(adapter=Canned()), ManualClock(NOW)).client.trust_env


def test_redirect_is_not_followed(session: PerThread, host: Host) -> None:
    host.script.append(answer(b"", 307, Location=f"{host.url}/elsewhere"))

    with pytest.raises(requests.exceptions.TooManyRedirects):
        session.place_order(timestamp=PINNED, **ORDER)

    assert len(host.seen) == 1


def test_nothing_is_sent_twice_by_the_libraries(session: PerThread, host: Host) -> None:
    for code in (10002, 10006, 10016, -1):
        host.script.append(answer({"retCode": code, "retMsg": "no", "result": {}}))
        with pytest.raises(Exception, match=r"(?i)no |retries exceeded"):
            session.place_order(timestamp=PINNED, **ORDER)

    assert len(host.seen) == 4


class Canned(BaseAdapter):
    """Answers every request in the process, as the paper exchange does."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.urls.append(request.url or "")
        response = requests.Response()
        response.status_code = 200
        response._content = b'{"retCode": 0, "result": {}}'
        return response

    def close(self) -> None:
        pass


def test_adapter_carries_every_request() -> None:
    adapter = Canned()
    session = open_session(Access(Mode.PAPER, KEY, SECRET, adapter=adapter), ManualClock(NOW))

    session.get_server_time()
    session.get_open_orders(category="spot")

    assert adapter.urls == [
        "https://api.bybit.com/v5/market/time",
        "https://api.bybit.com/v5/order/realtime?category=spot",
    ]


# -- threads, pace


def test_each_thread_has_its_own_session() -> None:
    session = open_session(access(), ManualClock(NOW))
    mine, others = session._mine(), []

    thread = threading.Thread(target=lambda: others.append(session._mine()))
    thread.start()
    thread.join()

    assert session._mine() is mine
    assert others[0] is not mine


def test_limiter_sees_every_request_and_answer(host: Host) -> None:
    class Watching(Limiter):
        def __init__(self) -> None:
            super().__init__()
            self.turns: list[str] = []
            self.told: list[tuple[str, str]] = []

        def _turn(self, path: str) -> float:
            self.turns.append(path)
            return 0.0

        def observe(self, path: str, headers: Any) -> None:
            self.told.append((path, headers["X-Bapi-Limit-Status"]))

    limiter = Watching()
    host.otherwise = answer(listed(), X_Bapi_Limit_Status="19")
    session = open_session(access(endpoint=host.url, limiter=limiter), ManualClock(NOW))

    session.get_kline(category="spot", symbol="BTCUSDT", interval="60")
    session.get_executions(category="spot")

    assert limiter.turns == ["/v5/market/kline", "/v5/execution/list"]
    assert limiter.told == [("/v5/market/kline", "19"), ("/v5/execution/list", "19")]
    session.close()


# -- silence


def test_no_representation_shows_a_secret() -> None:
    session = open_session(access(), ManualClock(NOW))

    shown = f"{access()!r} {session!r} {session._mine()!r} {session._mine()}"

    assert KEY not in shown
    assert SECRET not in shown


def test_secrets_to_scrub_are_those_that_are_set() -> None:
    assert access().secrets == (KEY, SECRET)
    assert Access(Mode.LIVE).secrets == ()


def test_many_sessions_leave_no_handlers_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])

    for _ in range(3):
        make_http(access(), ManualClock(NOW))

    kept = logging.getLogger("pybit._http_manager").handlers
    assert [type(handler) for handler in kept] == [logging.NullHandler]


def test_libraries_say_nothing_when_a_request_fails(
    session: PerThread, host: Host, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    host.script.append(answer({"retCode": -1, "retMsg": f"origin_string[{KEY}]", "result": {}}))

    with caplog.at_level(logging.DEBUG), pytest.raises(Exception, match=r"(?i)retries exceeded"):
        session.get_open_orders(category="spot")

    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_importing_the_adapter_loads_no_heavy_module() -> None:
    code = (
        "import sys, botbox_cli.exchange.bybit, botbox_cli.exchange.session, botbox_cli.exchange.limiter;"
        "print(sorted({'pybit', 'requests', 'numpy', 'websocket'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


# -- patience


@pytest.mark.parametrize(("seconds", "timeout"), [(25.0, (3.0, 5.0)), (4.0, (3.0, 4.0)), (1.0, (1.0, 1.0))])
def test_answers_are_waited_for_no_longer_than_wanted(seconds: float, timeout: tuple[float, float]) -> None:
    http = make_http(access(), ManualClock(NOW))

    http.wait_at_most(seconds)

    assert http.timeout == timeout
