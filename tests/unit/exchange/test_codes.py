"""What each refusal and each failure of the network is taken for."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError
from urllib3.exceptions import SSLError as WrappedSSLError

from botbox_cli.errors import (
    BotboxError,
    ConfigError,
    DuplicateOrder,
    ExchangeRejected,
    ExchangeUnavailable,
    OrderGone,
    OutcomeUnknown,
)
from botbox_cli.exchange import codes
from botbox_cli.exchange.codes import Class, Request
from tests.support.bybit_bodies import case

NOW = datetime(2025, 11, 21, 15, 33, 50, tzinfo=UTC)
KEY, SECRET = "MARKEDKEYMARKEDKEY", "markedsecret"


def refused(code: Any, text: str = "no", headers: Mapping[str, str] | None = None) -> InvalidRequestError:
    return InvalidRequestError("POST https://host/v5/order/create: {}", text, code, "10:00:00", headers or {})


def failed(status: int, text: str = "HTTP status code is not 200.", **headers: str) -> FailedRequestError:
    return FailedRequestError(
        "POST https://host/v5/order/create: {}", text, status, "10:00:00", headers or None
    )


def translated(error: Exception, request: Request) -> BotboxError:
    return codes.translate(error, request, now=NOW, secrets=(KEY, SECRET))


PLACE, CANCEL, REPAY, READ = Request.PLACE, Request.CANCEL, Request.REPAY, Request.READ


@pytest.mark.parametrize(
    ("name", "on_place"),
    [
        ("error_10001_illegal_category", ExchangeRejected),
        ("error_10002_timestamp", ExchangeUnavailable),
        ("error_10003_invalid_api_key", ConfigError),
        ("error_10004_bad_signature", ConfigError),
        ("error_10005_permission_denied", ConfigError),
        ("error_10006_rate_limit", ExchangeUnavailable),
        ("error_10010_unmatched_ip", ConfigError),
        ("error_110072_duplicate_order_link_id", DuplicateOrder),
        ("error_170121_invalid_symbol", ExchangeRejected),
        ("error_170131_insufficient_balance", ExchangeRejected),
        ("error_170134_price_too_many_decimals", ExchangeRejected),
        ("error_170135_qty_above_maximum", ExchangeRejected),
        ("error_170136_qty_below_minimum", ExchangeRejected),
        ("error_170137_qty_too_many_decimals", ExchangeRejected),
        ("error_170140_order_value_below_minimum", ExchangeRejected),
        ("error_170141_duplicate_order_link_id", DuplicateOrder),
        ("error_170148_market_amount_too_many_decimals", ExchangeRejected),
        ("error_170209_region", ExchangeRejected),
        ("error_170213_order_does_not_exist", OutcomeUnknown),
        ("error_170371_price_too_low", ExchangeRejected),
        ("error_170372_price_too_high", ExchangeRejected),
        ("error_170810_too_many_orders", ExchangeRejected),
    ],
)
def test_stored_refusals_of_an_order(name: str, on_place: type[BotboxError]) -> None:
    stored = case(name)
    body = stored["body"]

    error = translated(refused(body["retCode"], body["retMsg"], stored.get("headers")), PLACE)

    assert type(error) is on_place
    assert str(body["retCode"]) in error.message


def test_stored_ip_ban() -> None:
    stored = case("http_403_ip_rate_limit")

    error = translated(failed(stored["status"]), PLACE)

    assert isinstance(error, ExchangeUnavailable)
    assert error.retry_after_s == 600
    assert "10 minutes" in error.hint


EXPECTED: dict[Class, tuple[type[BotboxError], ...]] = {
    Class.RETRY: (ExchangeUnavailable, ExchangeUnavailable, ExchangeUnavailable, ExchangeUnavailable),
    Class.UNKNOWN: (OutcomeUnknown, OutcomeUnknown, OutcomeUnknown, ExchangeUnavailable),
    Class.DUPLICATE: (DuplicateOrder, OutcomeUnknown, OutcomeUnknown, ExchangeRejected),
    Class.REFUSED: (ExchangeRejected, ExchangeRejected, ExchangeRejected, ExchangeRejected),
    Class.FATAL: (ConfigError, ConfigError, ConfigError, ConfigError),
    Class.WAIT: (ExchangeUnavailable, ExchangeUnavailable, ExchangeUnavailable, ExchangeUnavailable),
    Class.GONE: (OutcomeUnknown, OrderGone, OutcomeUnknown, ExchangeRejected),
}
"""By class: what an order, a cancel, a repayment and a read get."""


@pytest.mark.parametrize("code", codes.CODES)
def test_each_code_is_taken_for_what_its_class_says(code: int) -> None:
    entry = codes.CODES[code]

    errors = [translated(refused(code), request) for request in (PLACE, CANCEL, REPAY, READ)]

    assert tuple(map(type, errors)) == EXPECTED[entry.kind]
    assert all(entry.words in error.message for error in errors)


REFERENCE = {
    Class.RETRY: "-1 10002",
    Class.WAIT: "429 10006 110079 110118 170005 170222 170144 170191 170212 170159 170206 170217",
    Class.UNKNOWN: "10000 10016 170001 170149 170150 170210 170234 170007 170146 170147 170032 170035 170310 170311 "
    "170312 170313 40004",
    Class.REFUSED: "10001 10017 110003 110004 110007 110012 110045 110017 110020 110094 110108 110109 170031 170227 "
    "170033 170034 170036 170037 170207 170344 170105 170115 170116 170117 170130 170201 170121 170124 170135 170381 "
    "170382 170341 170131 170132 170133 170134 170136 170137 170140 170145 170148 170151 170157 170192 170193 170194 "
    "170371 170372 170197 170198 170228 170229 170202 170203 170204 170209 170218 170810 182021 10032",
    Class.FATAL: "10003 10004 10005 10007 10008 10009 10024 10027 10029 10010 10028 110123 110125 110124 110132 170224 "
    "170241 33004 -2015",
    Class.DUPLICATE: "10014 110072 170141",
    Class.GONE: "110001 110008 110010 170139 170142 170190 170143 170213",
}


def test_table_has_every_code_of_the_reference_in_its_class() -> None:
    by_class = {kind: {int(code) for code in text.split()} for kind, text in REFERENCE.items()}

    assert by_class == {
        kind: {code for code, entry in codes.CODES.items() if entry.kind is kind} for kind in Class
    }


@pytest.mark.parametrize("code", [0, 42, 999999, "170131x", None])
def test_code_outside_the_table_is_no_refusal_of_a_write(code: Any) -> None:
    assert type(translated(refused(code), PLACE)) is OutcomeUnknown
    assert type(translated(refused(code), CANCEL)) is OutcomeUnknown
    assert type(translated(refused(code), READ)) is ExchangeRejected


def test_code_sent_as_text_is_understood() -> None:
    assert type(translated(refused("170131"), PLACE)) is ExchangeRejected


def test_rejection_says_the_code_in_words() -> None:
    error = translated(refused(170131, "Insufficient balance."), PLACE)

    assert error.message == (
        "Bybit rejected the order: the balance is insufficient (Bybit 170131: Insufficient balance.)"
    )
    assert isinstance(error, ExchangeRejected)
    assert error.ret_code == 170131


def test_unknown_outcome_says_what_settles_it() -> None:
    error = translated(refused(170146), PLACE)

    assert error.message == (
        "whether the order reached the exchange is not known: placing the order timed out (Bybit 170146)"
    )
    assert "`botbox monitor --once`" in error.hint


def test_clock_error_says_the_skew() -> None:
    text = case("error_10002_timestamp")["body"]["retMsg"]

    error = translated(refused(10002, text), READ)

    assert error.message.endswith("(Bybit 10002): it was 99.4 s ahead")
    assert error.code == "clock"


def test_clock_error_without_stamps_is_told_without_the_skew() -> None:
    assert translated(refused(10002, "invalid"), PLACE).message.endswith("(Bybit 10002)")


# -- rate limits


def limited(offset: timedelta) -> ExchangeUnavailable:
    reset_ms = str(int((NOW + offset).timestamp() * 1000))
    error = translated(refused(10006, headers={"X-Bapi-Limit-Reset-Timestamp": reset_ms}), PLACE)
    assert isinstance(error, ExchangeUnavailable)
    return error


def test_rate_limit_says_when_to_come_back() -> None:
    error = limited(timedelta(seconds=1.5))

    assert error.retry_after_s == 1.5
    assert "1.5 s" in error.message


def test_reset_stamp_of_the_past_means_now() -> None:
    assert limited(timedelta(seconds=-30)).retry_after_s == 0


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1e12", "17637388310000000"])
def test_reset_stamp_that_makes_no_sense_is_ignored(stamp: str) -> None:
    error = translated(refused(10006, headers={"X-Bapi-Limit-Reset-Timestamp": stamp}), READ)

    assert isinstance(error, ExchangeUnavailable)
    assert error.retry_after_s is None


# -- HTTP


@pytest.mark.parametrize(
    ("status", "on_write", "on_read"),
    [
        (400, ExchangeRejected, ExchangeRejected),
        (401, ConfigError, ConfigError),
        (403, ExchangeUnavailable, ExchangeUnavailable),
        (404, ExchangeRejected, ExchangeRejected),
        (408, OutcomeUnknown, ExchangeUnavailable),
        (409, OutcomeUnknown, ExchangeUnavailable),
        (418, OutcomeUnknown, ExchangeUnavailable),
        (429, ExchangeUnavailable, ExchangeUnavailable),
        (301, OutcomeUnknown, ExchangeUnavailable),
        (500, OutcomeUnknown, ExchangeUnavailable),
        (502, OutcomeUnknown, ExchangeUnavailable),
        (503, OutcomeUnknown, ExchangeUnavailable),
        (504, OutcomeUnknown, ExchangeUnavailable),
    ],
)
def test_http_status(status: int, on_write: type[BotboxError], on_read: type[BotboxError]) -> None:
    assert type(translated(failed(status), PLACE)) is on_write
    assert type(translated(failed(status), CANCEL)) is on_write
    assert type(translated(failed(status), READ)) is on_read


def test_pybits_lost_code_is_its_dummy_retry_code() -> None:
    error = translated(failed(400, "Bad Request. Retries exceeded maximum."), PLACE)

    assert isinstance(error, ExchangeUnavailable)
    assert error.code == "clock"


# -- the network


def never_connected() -> list[Exception]:
    pool: Any = None
    verify = ssl.SSLCertVerificationError(1, "certificate verify failed")
    return [
        requests.ConnectTimeout(MaxRetryError(pool, "/", None)),
        requests.ConnectionError(MaxRetryError(pool, "/", NewConnectionError(pool, "refused"))),
        requests.ConnectionError(MaxRetryError(pool, "/", NameResolutionError("host", pool, OSError()))),  # type: ignore[arg-type]
        requests.exceptions.ProxyError(MaxRetryError(pool, "/", OSError("no proxy"))),
        requests.exceptions.SSLError(MaxRetryError(pool, "/", WrappedSSLError(verify))),
    ]


@pytest.mark.parametrize("number", range(5))
def test_request_that_never_left_was_certainly_not_placed(number: int) -> None:
    error = translated(never_connected()[number], PLACE)

    assert type(error) is ExchangeUnavailable
    assert "nothing was placed" in error.hint


@pytest.mark.parametrize(
    "error",
    [
        requests.ReadTimeout("slow"),
        requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))),
        requests.ConnectionError("who knows"),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.exceptions.ContentDecodingError("gzip"),
        requests.exceptions.SSLError("bad record"),
        requests.exceptions.SSLError(MaxRetryError(None, "/", WrappedSSLError(ssl.SSLEOFError(8, "EOF")))),  # type: ignore[arg-type]
        requests.exceptions.TooManyRedirects("redirected"),
        OSError("anything"),
        ValueError("sleep length must be non-negative"),
        KeyError("retMsg"),
        TypeError("argument of type 'NoneType' is not iterable"),
        AttributeError("'list' object has no attribute 'get'"),
        RecursionError("maximum recursion depth exceeded"),
    ],
)
def test_request_that_may_have_arrived_has_an_unknown_outcome(error: Exception) -> None:
    assert type(translated(error, PLACE)) is OutcomeUnknown
    assert type(translated(error, CANCEL)) is OutcomeUnknown
    assert type(translated(error, READ)) is ExchangeUnavailable


def test_missing_keys_are_a_setting_to_mend() -> None:
    error = translated(PermissionError("Authenticated endpoints require keys."), READ)

    assert isinstance(error, ConfigError)
    assert "BYBIT_API_KEY" in error.hint


# -- secrets


@pytest.mark.parametrize("request_kind", list(Request))
@pytest.mark.parametrize("code", [10001, 10004, 10006, 170131, 777777])
def test_no_message_repeats_a_secret(code: int, request_kind: Request) -> None:
    echo = f"error sign! origin_string[1682321990138{KEY}5000category=linear] {SECRET} {KEY}"
    original = refused(code, echo)

    error = translated(original, request_kind)

    shown = f"{error} {error.message} {error.hint} {error!r} {original} {original!r} {vars(original)}"
    assert KEY not in shown
    assert SECRET not in shown


def test_signed_text_is_taken_out_even_if_the_key_is_not_known() -> None:
    assert "ABC" not in codes.scrub("error sign! origin_string[1682321990138ABC5000a=1]", ())


def test_foreign_text_is_one_bounded_line() -> None:
    assert codes.scrub("<html>\n\n  sorry\t" + "x" * 500, ()) == "<html> sorry " + "x" * 187
