"""Signatures, clocks and rate limits."""

import hashlib
import hmac
from typing import Any

import pytest

from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.protocol import Reply, Request, to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.store import MemoryBooks
from tests.support.paper import START

PATH = "/v5/order/realtime"
QUERY = "category=spot"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def exchange(clock: ManualClock) -> PaperExchange:
    return PaperExchange(MemoryBooks(), ScriptedMarket({"BTCUSDT": "100000"}), clock)


def ask(exchange: PaperExchange, *, lead_ms: int = 0, window: str = "5000", **changes: str) -> Reply:
    """Send a signed request; `changes` replace headers after the signature was made."""
    who = exchange.identity
    stamp = str(to_ms(exchange.clock.now()) + lead_ms)
    text = f"{stamp}{who.api_key}{window}{QUERY}"
    headers = {
        "X-BAPI-API-KEY": who.api_key,
        "X-BAPI-SIGN": hmac.new(who.api_secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": window,
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    return exchange.handle(Request("GET", PATH, {"category": "spot"}, headers, QUERY))


def code(reply: Reply) -> Any:
    return reply.body["retCode"] if isinstance(reply.body, dict) else reply.body


def test_a_signed_request_is_answered(exchange: PaperExchange) -> None:
    assert code(ask(exchange)) == 0


def test_a_wrong_key_is_10003(exchange: PaperExchange) -> None:
    assert code(ask(exchange, X_BAPI_API_KEY="someone")) == 10003


def test_a_wrong_signature_is_10004_and_echoes_the_key_as_bybit_does(exchange: PaperExchange) -> None:
    reply = ask(exchange, X_BAPI_SIGN="0" * 64)

    assert code(reply) == 10004
    assert exchange.identity.api_key in str(reply.body)
    assert exchange.identity.api_secret not in str(reply.body)


def test_a_missing_signature_is_http_401(exchange: PaperExchange) -> None:
    assert ask(exchange, X_BAPI_SIGN="").status == 401
    assert ask(exchange, X_BAPI_API_KEY="").status == 401


def test_the_signature_covers_the_payload(exchange: PaperExchange) -> None:
    who, stamp = exchange.identity, str(to_ms(START))
    text = f"{stamp}{who.api_key}5000{QUERY}"
    headers = {
        "X-BAPI-API-KEY": who.api_key,
        "X-BAPI-SIGN": hmac.new(who.api_secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": "5000",
    }

    reply = exchange.handle(Request("GET", PATH, {"category": "spot"}, headers, QUERY + "&symbol=BTCUSDT"))

    assert code(reply) == 10004


@pytest.mark.parametrize(("lead_ms", "expected"), [(999, 0), (1000, 10002), (-5000, 0), (-5001, 10002)])
def test_the_timestamp_may_lag_by_the_window_and_lead_by_less_than_a_second(
    exchange: PaperExchange, lead_ms: int, expected: int
) -> None:
    assert code(ask(exchange, lead_ms=lead_ms)) == expected


def test_10002_tells_the_server_s_time(exchange: PaperExchange) -> None:
    body = ask(exchange, lead_ms=5000).body

    assert isinstance(body, dict)
    assert body["time"] == to_ms(START)
    assert f"req_timestamp[{to_ms(START) + 5000}],server_timestamp[{to_ms(START)}]" in body["retMsg"]


def test_market_endpoints_need_no_signature(exchange: PaperExchange) -> None:
    reply = exchange.handle(Request("GET", "/v5/market/time", {}))

    assert code(reply) == 0
    assert reply.headers == {}


def test_the_fiftieth_read_in_a_second_is_the_last(exchange: PaperExchange, clock: ManualClock) -> None:
    replies = [ask(exchange) for _ in range(51)]

    assert [code(reply) for reply in replies] == [0] * 50 + [10006]
    assert replies[0].headers["X-Bapi-Limit"] == "50"
    assert replies[0].headers["X-Bapi-Limit-Status"] == "49"
    assert replies[50].headers["X-Bapi-Limit-Status"] == "0"
    assert replies[50].headers["X-Bapi-Limit-Reset-Timestamp"] == str(to_ms(START) + 1000)
    clock.sleep(1)
    assert code(ask(exchange)) == 0


def test_the_second_of_a_limit_rolls(exchange: PaperExchange, clock: ManualClock) -> None:
    for _ in range(49):
        ask(exchange)
    clock.sleep(0.5)
    ask(exchange)
    clock.sleep(0.5)

    assert [code(ask(exchange)) for _ in range(50)] == [0] * 49 + [10006]


def test_a_limited_create_places_nothing(clock: ManualClock) -> None:
    exchange = PaperExchange(
        MemoryBooks(), ScriptedMarket({"BTCUSDT": "100000"}), clock, checks_signature=False
    )
    order = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "5"}

    codes = [code(exchange.handle(Request("POST", "/v5/order/create", order))) for _ in range(21)]

    assert codes == [0] * 20 + [10006]
    assert len(exchange.look()[0]) == 20


def test_too_many_requests_of_an_ip_are_banned_for_ten_minutes(clock: ManualClock) -> None:
    exchange = PaperExchange(MemoryBooks(), ScriptedMarket({}), clock)
    request = Request("GET", "/v5/market/time", {})
    for _ in range(600):
        exchange.handle(request)

    assert exchange.handle(request) == Reply(403, {}, "403, access too frequent")
    clock.sleep(599)
    assert exchange.handle(request).status == 403
    clock.sleep(1)
    assert exchange.handle(request).status == 200


def test_limits_can_be_off(clock: ManualClock) -> None:
    exchange = PaperExchange(MemoryBooks(), ScriptedMarket({}), clock, limits=LimitRules(is_on=False))

    assert {code(ask(exchange)) for _ in range(700)} == {0}


def test_without_signatures_a_timestamp_still_counts(clock: ManualClock) -> None:
    exchange = PaperExchange(MemoryBooks(), ScriptedMarket({}), clock, checks_signature=False)
    late = {"X-BAPI-TIMESTAMP": str(to_ms(START) - 5001), "X-BAPI-RECV-WINDOW": "5000"}

    assert code(exchange.handle(Request("GET", PATH, {"category": "spot"}, late))) == 10002


def test_a_request_that_arrives_late_is_judged_by_its_arrival(clock: ManualClock) -> None:
    """The fence: what comes later than recv_window after its timestamp is never accepted."""
    exchange = PaperExchange(MemoryBooks(), ScriptedMarket({}), clock, checks_signature=False)
    headers = {"X-BAPI-TIMESTAMP": str(to_ms(START)), "X-BAPI-RECV-WINDOW": "5000"}
    request = Request("GET", PATH, {"category": "spot"}, headers)
    clock.sleep(60)

    assert code(exchange.handle(request, at_ms=to_ms(START) + 5000)) == 0
    assert code(exchange.handle(request, at_ms=to_ms(START) + 5001)) == 10002
