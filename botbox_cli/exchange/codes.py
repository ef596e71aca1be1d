"""What the exchange's refusals and the network's failures mean: one table, one translation to botbox's errors.

The table is section "Error codes" of Bybit's v5 documentation as far as a spot trader can meet it, with plain words
for each code; the classes say what may be concluded from it. What is not in the table is never taken for a refusal of a
request that changes something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from botbox_cli.domain.candle import to_ms
from botbox_cli.errors import (
    FILLED,
    NOT_FILLED,
    BotboxError,
    ConfigError,
    DuplicateOrder,
    ExchangeRejected,
    ExchangeUnavailable,
    OrderGone,
    OutcomeUnknown,
)


class Request(Enum):
    """What kind of request failed, in words for the message."""

    READ = "answer"
    PLACE = "order"
    CANCEL = "cancel"
    REPAY = "repayment"


class Class(Enum):
    """What a code says of the request that got it."""

    RETRY = "R"
    """Not executed; a read may be repeated at once."""
    UNKNOWN = "U"
    """Executed or not: only a look-up can tell."""
    DUPLICATE = "I"
    """An order with this link id is there already."""
    REFUSED = "P"
    """Not executed, for good."""
    FATAL = "F"
    """Not executed, nor will anything else be: a person has to change something."""
    WAIT = "W"
    """Not executed; later it may be."""
    GONE = "G"
    """There is no such order on the book (any more, or yet)."""


class Code(NamedTuple):
    kind: Class
    words: str


R, U, I, P, F, W, G = Class  # noqa: E741  # The reference's own letters keep the table readable.

CODES: Mapping[int, Code] = {
    -1: Code(R, "the request has expired on its way"),
    429: Code(W, "the trading service is under high load"),
    10000: Code(U, "the server timed out"),
    10001: Code(P, "a parameter is wrong"),
    10002: Code(R, "the clock differs too much from the exchange's"),
    10003: Code(F, "the API key is not valid here (made for another environment?)"),
    10004: Code(F, "the signature is wrong: the API secret does not belong to the key"),
    10005: Code(F, "the API key lacks a permission"),
    10006: Code(W, "too many requests for this account"),
    10007: Code(F, "the authentication failed"),
    10008: Code(F, "the account is banned"),
    10009: Code(F, "the address is in a region the exchange does not serve"),
    10010: Code(F, "the API key is bound to another IP address"),
    10014: Code(I, "the request is a duplicate"),
    10016: Code(U, "the server failed"),
    10017: Code(P, "there is no such service here"),
    10024: Code(F, "the account is restricted by compliance rules"),
    10027: Code(F, "trading is banned for this account"),
    10028: Code(F, "the account is not a unified trading account"),
    10029: Code(F, "the symbol is not on the API key's whitelist"),
    10032: Code(P, "demo trading does not offer this"),
    33004: Code(F, "the API key has expired"),
    -2015: Code(F, "the API key has expired"),
    40004: Code(U, "the order was modified meanwhile"),
    110001: Code(G, "there is no such order"),
    110003: Code(P, "the price is out of range"),
    110004: Code(P, "the wallet balance is too small"),
    110007: Code(P, "the available balance is too small"),
    110008: Code(G, "the order is filled or cancelled already"),
    110010: Code(G, "the order is cancelled already"),
    110012: Code(P, "the available balance is too small"),
    110017: Code(P, "the quantity would be cut to zero"),
    110020: Code(P, "there are more than 500 open orders"),
    110045: Code(P, "the wallet balance is too small"),
    110072: Code(I, "the order link id is known already"),
    110079: Code(W, "the order is being processed"),
    110094: Code(P, "the order's value is below the minimum"),
    110108: Code(P, "the slippage bound is too small"),
    110109: Code(P, "the slippage bound is too large"),
    110118: Code(W, "there is no market price: liquidity is too low"),
    110123: Code(F, "trading terms have to be agreed to on the website first"),
    110124: Code(F, "the account is in a cooling-off period"),
    110125: Code(F, "trading terms have to be agreed to on the website first"),
    110132: Code(F, "the product is not offered in your region"),
    170001: Code(U, "the server failed"),
    170005: Code(W, "too many new orders"),
    170007: Code(U, "the server timed out behind the scenes"),
    170031: Code(P, "the feature is suspended"),
    170032: Code(U, "the exchange's own network failed"),
    170033: Code(P, "the margin account's balance is too small"),
    170034: Code(P, "margin trading is not available for this"),
    170035: Code(U, "the order is still being submitted"),
    170036: Code(P, "margin trading is not available for this"),
    170037: Code(P, "margin trading is not available for this"),
    170105: Code(P, "a parameter is missing"),
    170115: Code(P, "the time in force is not valid"),
    170116: Code(P, "the order type is not valid"),
    170117: Code(P, "the side is not valid"),
    170121: Code(P, "the symbol does not exist"),
    170124: Code(P, "the order's amount is too large"),
    170130: Code(P, "a parameter is not valid"),
    170131: Code(P, "the balance is insufficient"),
    170132: Code(P, "the price is too high"),
    170133: Code(P, "the price is too low"),
    170134: Code(P, "the price has too many decimals"),
    170135: Code(P, "the quantity is above the maximum"),
    170136: Code(P, "the quantity is below the minimum"),
    170137: Code(P, "the quantity has too many decimals"),
    170139: Code(G, "the order is filled already"),
    # Bybit's own text, "exceeded lower limit", says the opposite of what it means.
    170140: Code(P, "the order's value is below the minimum"),
    170141: Code(I, "the order link id is known already"),
    170142: Code(G, "the order is cancelled already"),
    170143: Code(G, "the order is not on the book"),
    170144: Code(W, "the order is locked"),
    170145: Code(P, "this kind of order can't be cancelled"),
    170146: Code(U, "placing the order timed out"),
    170147: Code(U, "cancelling the order timed out"),
    170148: Code(P, "the amount has too many decimals"),
    170149: Code(U, "placing the order failed"),
    170150: Code(U, "cancelling the order failed"),
    170151: Code(P, "the pair is not open for trading"),
    170157: Code(P, "the pair is not open for trading by API"),
    170159: Code(W, "the pair has just been listed and takes no market orders yet"),
    170190: Code(G, "the order is finished already"),
    170191: Code(W, "the order can't be cancelled at this moment"),
    170192: Code(P, "the price is outside the allowed band"),
    170193: Code(P, "the buying price is above the allowed band"),
    170194: Code(P, "the selling price is below the allowed band"),
    170197: Code(P, "the order would move the price too far"),
    170198: Code(P, "the order would move the price too far"),
    170201: Code(P, "a parameter is not valid"),
    170202: Code(P, "the trigger price is missing"),
    170203: Code(P, "the trigger price is too high"),
    170204: Code(P, "the trigger price is too low"),
    170206: Code(W, "the pair has just been listed and takes no such orders yet"),
    170207: Code(P, "margin trading is not available for this"),
    170209: Code(P, "the pair is not offered in your region"),
    170210: Code(U, "the order was turned away"),
    170212: Code(W, "the order is being cancelled"),
    170213: Code(G, "there is no such order"),
    170217: Code(W, "the pair has just been listed and takes maker orders only"),
    170218: Code(P, "the maker order would take"),
    170222: Code(W, "too many requests"),
    170224: Code(F, "the innovation zone's terms have to be agreed to on the website first"),
    170227: Code(P, "the feature is not supported"),
    170228: Code(P, "the order is too large for the market"),
    170229: Code(P, "the order is too large for the market"),
    170234: Code(U, "the system failed"),
    170241: Code(F, "a risk disclosure has to be agreed to on the website first"),
    170310: Code(U, "changing the order failed"),
    170311: Code(U, "changing the order failed"),
    170312: Code(U, "changing the order failed"),
    170313: Code(U, "changing the order failed"),
    170341: Code(P, "the quantity is above the maximum"),
    170344: Code(P, "margin trading is not available for this symbol"),
    170371: Code(P, "the price is below the allowed band"),
    170372: Code(P, "the price is above the allowed band"),
    170381: Code(P, "the quantity is above the maximum"),
    170382: Code(P, "the quantity is above the maximum"),
    170810: Code(P, "there are more than 500 open orders"),
    182021: Code(P, "isolated margin mode takes no spot margin orders"),
}

NO_SUCH_ORDER = frozenset(code for code, entry in CODES.items() if entry.kind is G)
WITHOUT_FILL = frozenset({110001, 110010, 170142, 170213})
"""Of these, the answers of an order that is cancelled or not known; to the others it may be filled."""
ALL_FILLED = 170139
NO_SUCH_SYMBOL = frozenset({10001, 170121})
"""Answers to a market read that names a symbol which is not traded."""
NOT_OFFERED = frozenset({10017, 10032, 404})
"""Answers of a service that is missing, as several are on demo."""

CLOCK_CODES = frozenset({-1, 10002})
BAN_S = 600.0
"""How long Bybit's ban of an IP address lasts, by its documentation."""

_SETTLE_HINT = "nothing is sent again blindly; `botbox monitor --once` finds out what became of it"
_LOOK_HINT = "`botbox monitor --once` looks the order up"
_KEY_HINT = "check BYBIT_API_KEY, BYBIT_API_SECRET and BOTBOX_MODE, then run `botbox doctor`"
_CLOCK_HINT = "set this machine's clock by NTP, then run `botbox doctor`"
_WAIT_HINT = "nothing was placed; try again later"
_STAMPS = re.compile(r"req_timestamp\[(\d{13})\].*server_timestamp\[(\d{13})\]")
_MESSAGE_MAX = 200


def translate(
    error: Exception, request: Request, *, now: datetime, secrets: Sequence[str] = ()
) -> BotboxError:
    """Return botbox's error for what pybit, requests or a direct session raised.

    Nothing of the original text is taken over except Bybit's own message, and that without `secrets`: Bybit's answer
    to a wrong signature repeats the API key. The original is scrubbed in place, since it stays the `__cause__`.

    Args:
        error: Any of `failures()`.
        request: What was asked for; only a read may be concluded to have changed nothing.
        now: This machine's clock, against which the exchange's reset stamps count.
        secrets: Texts that may appear nowhere.
    """
    from pybit.exceptions import FailedRequestError, InvalidRequestError

    _scrub_in_place(error, secrets)
    if isinstance(error, InvalidRequestError):
        return _of_code(_code_of(error), str(error.message), request, _reset_s(error.resp_headers, now))
    if isinstance(error, FailedRequestError):
        return _of_status(_code_of(error), str(error.message), request, _reset_s(error.resp_headers, now))
    if isinstance(error, PermissionError):  # pybit's way to say that no keys were given.
        return ConfigError("no API key is set for a request that needs one", _KEY_HINT)
    if isinstance(error, OSError):
        return _of_network(error, request)
    return _doubtful(request, "an answer that can't be read")


def failures() -> tuple[type[Exception], ...]:
    """Return what a session raises when a request fails, pybit's slips over malformed answers included.

    `OSError` holds all of requests' exceptions. The last row is what pybit does with bodies such as `[]`, `null` or an
    error without a text, and with a reset stamp of the past.
    """
    from pybit.exceptions import FailedRequestError, InvalidRequestError

    return (
        FailedRequestError, InvalidRequestError, OSError,
        ValueError, KeyError, TypeError, AttributeError, RecursionError,
    )  # fmt: skip


def scrub(text: str, secrets: Sequence[str]) -> str:
    """Return `text` on one line, of bounded length, without `secrets` and without Bybit's echo of a signed text."""
    if "origin_string[" in text:
        text = re.sub(r"origin_string\[[^\]]*\]?", "origin_string[…]", text)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    return " ".join(text.split())[:_MESSAGE_MAX]


def malformed(what: str, request: Request) -> BotboxError:
    """Return the error for a successful answer that does not say what it should; `what` is a few words."""
    return _doubtful(request, f"an answer that makes no sense ({what})")


def _of_code(code: int, text: str, request: Request, reset_s: float | None) -> BotboxError:
    entry = CODES.get(code)
    if entry is None:
        return _of_unlisted_code(code, text, request)
    said = f"{entry.words} (Bybit {code})"
    if code in CLOCK_CODES:
        return ExchangeUnavailable(
            f"Bybit refused the {request.value}: {said}{_skew(text)}", _CLOCK_HINT, code="clock"
        )
    if entry.kind is U:
        return _doubtful(request, said)
    if entry.kind is F:
        return ConfigError(f"Bybit refuses: {said}", _KEY_HINT, code="permission" if code == 10005 else None)
    if entry.kind is W:
        return ExchangeUnavailable(
            f"Bybit did not take the {request.value}: {said}{_back_in(reset_s)}",
            _WAIT_HINT,
            retry_after_s=reset_s,
        )
    if request is Request.PLACE and entry.kind is I:
        return DuplicateOrder(f"an earlier send has arrived: {said}", _LOOK_HINT, ret_code=code)
    if request is Request.CANCEL and entry.kind is G:
        kind = NOT_FILLED if code in WITHOUT_FILL else FILLED if code == ALL_FILLED else None
        return OrderGone(f"nothing to cancel: {said}", _LOOK_HINT, ret_code=code, code=kind)
    if request is not Request.READ and entry.kind in (I, G):
        # A duplicate cancel, or an order that is gone while it is placed: no answer to what was asked.
        return _doubtful(request, said)
    return _rejected(f"{entry.words} (Bybit {code}: {text})", request, code)


def _of_unlisted_code(code: int, text: str, request: Request) -> BotboxError:
    said = f"code {code}: {text}"
    if request is Request.READ:
        return _rejected(said, request, code)
    return _doubtful(request, f"{said}, which botbox does not know")


def _of_status(status: int, text: str, request: Request, reset_s: float | None) -> BotboxError:
    """Return the error for an HTTP status, or for one of the two that pybit makes up (400 and 409)."""
    if status == 400 and "Retries exceeded" in text:
        # pybit gave up on its dummy retry code, -1, which is a real code too.
        return _of_code(-1, "", request, None)
    if status == 401:
        return ConfigError("Bybit did not accept the API key (HTTP 401)", _KEY_HINT)
    if status == 403:
        return ExchangeUnavailable(
            "Bybit has banned this IP address for a while, or does not serve its country (HTTP 403)",
            "nothing was placed; send nothing for 10 minutes, then run `botbox doctor`",
            retry_after_s=BAN_S,
            code="banned",
        )
    if status == 429:
        return ExchangeUnavailable(
            f"Bybit protects itself from too many requests (HTTP 429){_back_in(reset_s)}",
            _WAIT_HINT,
            retry_after_s=reset_s,
        )
    if status in (400, 404, 405):
        return _rejected(f"there is no such service here (HTTP {status})", request, status)
    # 409 is pybit's word for a body that is no JSON.
    return _doubtful(request, "an answer that is no JSON" if status == 409 else f"HTTP {status}")


def _of_network(error: OSError, request: Request) -> BotboxError:
    what = type(error).__name__
    if _never_connected(error):
        return ExchangeUnavailable(
            f"no connection to the exchange ({what})",
            "nothing was placed; check the network, then run `botbox doctor`",
        )
    return _doubtful(request, f"no answer ({what})")


def _never_connected(error: BaseException) -> bool:
    """Tell whether not one byte of the request can have been sent: no address, no connection, no trusted peer."""
    import ssl

    import requests
    from urllib3.exceptions import NewConnectionError

    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    if isinstance(reason, NewConnectionError):
        return True
    inner = reason.args[0] if isinstance(reason, Exception) and reason.args else None
    return isinstance(inner, ssl.SSLCertVerificationError)


def _doubtful(request: Request, why: str) -> BotboxError:
    """Return the error for an answer that says nothing: a read has changed nothing, a write may have."""
    if request is Request.READ:
        return ExchangeUnavailable(f"the exchange can't be read: {why}", _WAIT_HINT)
    return OutcomeUnknown(
        f"whether the {request.value} reached the exchange is not known: {why}", _SETTLE_HINT
    )


def _rejected(said: str, request: Request, code: int) -> ExchangeRejected:
    what = "question" if request is Request.READ else request.value
    return ExchangeRejected(f"Bybit rejected the {what}: {said}", ret_code=code)


def _code_of(error: Any) -> int:
    try:
        return int(error.status_code)
    except (TypeError, ValueError):
        return 0


def _reset_s(headers: Mapping[str, str] | None, now: datetime) -> float | None:
    """Return the seconds until the limit is lifted; 0 if it is already (or the clocks differ), None if not said."""
    stamp = (headers or {}).get("X-Bapi-Limit-Reset-Timestamp", "")
    return max(0.0, (int(stamp) - to_ms(now)) / 1000) if re.fullmatch(r"\d{13}", stamp) else None


def _back_in(seconds: float | None) -> str:
    return f"; it asks to come back in {seconds:.1f} s" if seconds else ""


def _skew(text: str) -> str:
    """Return by how much the request's stamp differed from the server's clock, when the message says it."""
    stamps = _STAMPS.search(text)
    if stamps is None:
        return ""
    ahead_s = (int(stamps[1]) - int(stamps[2])) / 1000
    return f": it was {abs(ahead_s):.1f} s {'ahead' if ahead_s > 0 else 'behind'}"


def _scrub_in_place(error: Exception, secrets: Sequence[str]) -> None:
    """Take the secrets out of an exception that will be the cause of ours, for whoever prints both."""
    error.args = tuple(scrub(arg, secrets) if isinstance(arg, str) else arg for arg in error.args)
    for name in ("message", "request"):
        text = getattr(error, name, None)
        if isinstance(text, str):
            setattr(error, name, scrub(text, secrets))
