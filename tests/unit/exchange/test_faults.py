"""pybit and all against a host that fails in every way: what may be concluded, and nothing is sent twice."""

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from botbox_cli.domain.account import Mode
from botbox_cli.domain.candle import to_ms
from botbox_cli.domain.instrument import Instrument
from botbox_cli.errors import (
    BotboxError,
    ConfigError,
    DuplicateOrder,
    ExchangeRejected,
    ExchangeUnavailable,
    OrderGone,
    OutcomeUnknown,
)
from botbox_cli.exchange import session as sessions
from botbox_cli.exchange.bybit import READ_PAUSES_S, BybitExchange
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.session import Access, open_session
from botbox_cli.ports import OrderRequest
from tests.support.bybit_bodies import body, case, listed, ok, rows
from tests.support.bybit_host import Act, Host, answer, hang_up, raw, refuse, reset, running_host, silence

KEY, SECRET = "MARKEDKEYMARKEDKEY", "markedsecretmarkedsecret"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ID = "bb-k3f9-7-entry1"
D = Decimal
BTC = Instrument("BTCUSDT", "BTC", "USDT", D("0.1"), D("0.000001"), D("0.000011"), D(5))
ACCEPTED = ok({"orderId": "77", "orderLinkId": ID})


@pytest.fixture
def host() -> Iterator[Host]:
    with running_host() as running:
        yield running


@pytest.fixture
def exchange(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[BybitExchange]:
    monkeypatch.setattr(sessions, "READ_TIMEOUT_S", 0.1)
    yield from exchange_at(host.url)


def exchange_at(url: str) -> Iterator[BybitExchange]:
    clock = ManualClock(NOW)
    access = Access(Mode.TESTNET, KEY, SECRET, endpoint=url)
    session = open_session(access, clock)
    yield BybitExchange(session, clock, secrets=access.secrets)
    session.close()


def place(exchange: BybitExchange) -> str:
    return exchange.place(OrderRequest(ID, BTC, True, D("0.001"), NOW))


def cancel(exchange: BybitExchange) -> None:
    exchange.cancel("BTCUSDT", ID, is_stop=True)


def json_answer(text: bytes) -> Act:
    return answer(text, 200, Content_Type="application/json")


def cut(part: bytes) -> Act:
    """Promise more than is sent."""
    return raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + part)


NO_TRUSTWORTHY_ANSWER: dict[str, Act] = {
    "silence": silence,
    "hung up": hang_up,
    "reset": reset,
    "half a status line": raw(b"HTTP/1.1 2"),
    "half a body": cut(b'{"retCode": 0, "result": {"orderId": "77"'),
    "headers only": cut(b""),
    "no HTTP": raw(b"\x16\x03\x01\x02\x00nonsense\r\n\r\n"),
    "bad chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}"),
    "bad gzip": answer(b"not gzip", 200, Content_Encoding="gzip"),
    "HTML": answer(b"<html>Bad gateway</html>", 200, Content_Type="text/html"),
    "empty": json_answer(b""),
    "half JSON": json_answer(b'{"retCode": 0, "resu'),
    "not UTF-8": json_answer(b"\xff\xfe\xfd{"),
    "null": json_answer(b"null"),
    "a list": json_answer(b"[]"),
    "a number": json_answer(b"7"),
    "a text": json_answer(b'"OK"'),
    "an empty object": json_answer(b"{}"),
    "no result": answer({"retCode": 0, "retMsg": "OK"}),
    "result is null": answer(ok(None)),
    "result is a list": answer(ok([])),
    "retCode is null": answer({"retCode": None, "retMsg": "", "result": ACCEPTED["result"]}),
    "retCode is a list": answer({"retCode": [1], "retMsg": "", "result": {}}),
    "retCode is an object": answer({"retCode": {"a": 1}, "retMsg": "", "result": {}}),
    "no retMsg": answer({"retCode": 170131, "result": {}}),
    "a code nobody knows": refuse(987654),
    "far too deep": json_answer(b'{"a":' * 100_000),
    "10000": refuse(10000, "Server Timeout"),
    "10016": refuse(10016, "Server error"),
    "170007": refuse(170007),
    "500": answer(b"oops", 500),
    "502 HTML": answer(b"<html>", 502),
    "503": answer(b"", 503),
    "504": answer(b"", 504),
    "redirect": answer(b"", 302, Location="http://127.0.0.1:1/"),
}


@pytest.mark.parametrize("name", NO_TRUSTWORTHY_ANSWER)
@pytest.mark.parametrize("write", [place, cancel])
def test_write_without_a_trustworthy_answer_is_unknown_and_sent_once(
    host: Host, exchange: BybitExchange, write: Callable[[BybitExchange], Any], name: str
) -> None:
    host.otherwise = NO_TRUSTWORTHY_ANSWER[name]

    with pytest.raises(OutcomeUnknown):
        write(exchange)

    assert len(host.seen) == 1


@pytest.mark.parametrize("name", [name for name in NO_TRUSTWORTHY_ANSWER if name != "a code nobody knows"])
def test_read_without_a_trustworthy_answer_is_asked_three_times(
    host: Host, exchange: BybitExchange, name: str
) -> None:
    host.otherwise = NO_TRUSTWORTHY_ANSWER[name]

    with pytest.raises(ExchangeUnavailable):
        exchange.wallet()

    assert len(host.seen) == 1 + len(READ_PAUSES_S)


@pytest.mark.parametrize("name", NO_TRUSTWORTHY_ANSWER)
def test_no_failure_proves_that_an_order_is_absent(host: Host, exchange: BybitExchange, name: str) -> None:
    host.otherwise = NO_TRUSTWORTHY_ANSWER[name]

    with pytest.raises((ExchangeUnavailable, ExchangeRejected)):
        exchange.look_up("BTCUSDT", ID, since=NOW - timedelta(hours=1))


CERTAINLY_NOT_PLACED: dict[str, tuple[Act, type[BotboxError]]] = {
    "10002": (refuse(10002, "req_timestamp[1767323045000],server_timestamp[1767323039000]"), ExchangeUnavailable),
    "10006": (refuse(10006), ExchangeUnavailable),
    "-1": (refuse(-1), ExchangeUnavailable),
    "429": (answer(b"", 429), ExchangeUnavailable),
    "403": (answer(case("http_403_ip_rate_limit")["body"].encode(), 403), ExchangeUnavailable),
    "401": (answer(b"", 401), ConfigError),
    "404": (answer(b"", 404), ExchangeRejected),
    "10004": (refuse(10004, f"error sign! origin_string[1682321990138{KEY}5000{{}}]"), ConfigError),
    "10010": (refuse(10010), ConfigError),
    "170131": (answer(body("error_170131_insufficient_balance")), ExchangeRejected),
    "170140": (answer(body("error_170140_order_value_below_minimum")), ExchangeRejected),
}  # fmt: skip


@pytest.mark.parametrize("name", CERTAINLY_NOT_PLACED)
def test_refused_order_is_told_as_such_and_sent_once(host: Host, exchange: BybitExchange, name: str) -> None:
    host.otherwise, expected = CERTAINLY_NOT_PLACED[name]

    with pytest.raises(expected) as caught:
        place(exchange)

    assert type(caught.value) is expected
    assert len(host.seen) == 1


def test_accepted_order_is_known_by_the_exchanges_id(host: Host, exchange: BybitExchange) -> None:
    host.otherwise = answer(ACCEPTED)

    assert place(exchange) == "77"
    assert host.last.headers["x-bapi-timestamp"] == str(to_ms(NOW))


def test_order_answered_with_another_link_id_is_unknown(host: Host, exchange: BybitExchange) -> None:
    host.otherwise = answer(body("order_create_ok_spot_2023"))

    with pytest.raises(OutcomeUnknown, match="another order's id"):
        place(exchange)


@pytest.mark.parametrize(
    "name", ["error_170141_duplicate_order_link_id", "error_110072_duplicate_order_link_id"]
)
def test_duplicate_says_that_an_earlier_send_arrived(host: Host, exchange: BybitExchange, name: str) -> None:
    host.otherwise = answer(body(name))

    with pytest.raises(DuplicateOrder):
        place(exchange)


def test_cancel_of_what_is_gone(host: Host, exchange: BybitExchange) -> None:
    host.otherwise = answer(body("error_170213_order_does_not_exist"))

    with pytest.raises(OrderGone):
        cancel(exchange)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_refused_connection_is_certainly_not_placed() -> None:
    for exchange in exchange_at(f"http://127.0.0.1:{free_port()}"):
        with pytest.raises(ExchangeUnavailable, match="no connection"):
            place(exchange)
        with pytest.raises(ExchangeUnavailable, match="no connection"):
            exchange.open_orders()


def test_peer_without_a_certificate_gets_nothing(host: Host) -> None:
    for exchange in exchange_at(host.url.replace("http:", "https:")):
        with pytest.raises(BotboxError) as caught:
            place(exchange)

    assert isinstance(caught.value, OutcomeUnknown | ExchangeUnavailable)
    assert not [seen for seen in host.seen if seen.body]


def test_missing_key_is_a_setting_to_mend(host: Host) -> None:
    session = open_session(Access(Mode.TESTNET, endpoint=host.url), ManualClock(NOW))

    with pytest.raises(ConfigError, match="no API key"):
        BybitExchange(session, ManualClock(NOW)).wallet()

    session.close()
    assert host.seen == []


@pytest.mark.parametrize("offset_s", [-3600, -1, 0, 2])
def test_rate_limited_read_recovers_whatever_its_reset_stamp(
    host: Host, exchange: BybitExchange, offset_s: int
) -> None:
    stamp = str(to_ms(NOW + timedelta(seconds=offset_s)))
    host.script = [
        refuse(10006, "Too many visits!", X_Bapi_Limit_Reset_Timestamp=stamp),
        answer(body("wallet_balance_unified")),
    ]

    assert exchange.wallet()["USDT"].total > 0


def test_read_survives_two_failures_in_a_row(host: Host, exchange: BybitExchange) -> None:
    host.script = [reset, answer(b"<html>", 502), answer(body("wallet_balance_unified"))]

    assert exchange.wallet()["USDT"].total > 0


def test_banned_address_is_not_asked_again(host: Host, exchange: BybitExchange) -> None:
    host.otherwise = answer(b"403, access too frequent", 403)

    with pytest.raises(ExchangeUnavailable) as caught:
        exchange.wallet()

    assert len(host.seen) == 1
    assert caught.value.retry_after_s == 600


def test_look_up_ignores_rows_that_were_not_asked_for(host: Host, exchange: BybitExchange) -> None:
    theirs = rows("order_history_spot_market_sell_filled")[0]
    fill = rows("execution_list_spot_buy_fee_in_base")[0]
    host.script = [answer(listed(theirs)), answer(listed(theirs)), answer(listed(fill)), answer(listed())]

    assert exchange.look_up("BTCUSDT", ID, since=NOW - timedelta(hours=1)).report is None
    assert [seen.path for seen in host.seen] == [
        "/v5/order/realtime",
        "/v5/order/history",
        "/v5/execution/list",
    ]


@pytest.mark.parametrize("name", [*NO_TRUSTWORTHY_ANSWER, *CERTAINLY_NOT_PLACED])
def test_no_failure_shows_a_secret(
    host: Host,
    exchange: BybitExchange,
    name: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    host.otherwise = (
        CERTAINLY_NOT_PLACED[name][0] if name in CERTAINLY_NOT_PLACED else NO_TRUSTWORTHY_ANSWER[name]
    )

    shown = []
    for ask in (place, cancel, BybitExchange.wallet):
        with pytest.raises(BotboxError) as caught:
            ask(exchange)
        error: BaseException | None = caught.value
        while error is not None:
            shown += [str(error), repr(error), json.dumps(vars(error), default=str)]
            error = error.__cause__
    shown += [*capfd.readouterr(), caplog.text]

    assert KEY not in "".join(shown)
    assert SECRET not in "".join(shown)
