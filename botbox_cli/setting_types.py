"""The types of settings: what each takes as text, and what comes of it. A ValueError says what is expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from botbox_cli.domain.account import Mode as AccountMode
from botbox_cli.domain.candle import INTERVALS
from botbox_cli.domain.hours import quiet_hours
from botbox_cli.domain.number import HUNDRED, ONE, ZERO, decimal_of, plain
from botbox_cli.hosts import REGION_HOSTS
from botbox_cli.settings_base import NoDecode

# Deliberately narrower than what URL parsers take: no user info, path, query or odd spelling of an address, so that
# this check and the HTTP client can't read two hosts in one text.
BASE_URL = re.compile(r"(https?|wss?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?/?", re.IGNORECASE)
_PUBLIC_URL = re.compile(
    r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?(?:/[\w./-]*)?", re.IGNORECASE
)
_SYMBOL = re.compile(r"[A-Z0-9]{4,24}")


class Market(StrEnum):
    """Where paper prices come from."""

    LIVE = "live"
    REPLAY = "replay"


def _number(low: Decimal, high: Decimal, *, above_low: bool = False) -> Callable[[object], Decimal]:
    wanted = f"a number {'above' if above_low else 'from'} {plain(low)} up to {plain(high)}"

    def parse(value: object) -> Decimal:
        try:
            number = decimal_of(str(value).strip())
        except ValueError:
            raise ValueError(wanted) from None
        if not low <= number <= high or (above_low and number == low):
            raise ValueError(wanted)
        return number

    return parse


def _slippage(value: object) -> Decimal:
    number = _number(Decimal("0.01"), Decimal(10))(value)
    if number != round(number, 2):
        raise ValueError("a number with at most two decimals, which is what Bybit takes")
    return number


def _count(low: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        text = str(value).strip()
        if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) < low:
            raise ValueError(f"a whole number from {low}")
        return int(text)

    return parse


def _one_of(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        word = str(value).strip().lower()
        if word not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return word

    return parse


TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def _flag(value: object) -> bool:
    return _one_of(*TRUE, *FALSE)(value) in TRUE


def _items(value: object) -> list[str]:
    """Split at commas, drop empty and repeated items."""
    parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
    return list(dict.fromkeys(p for p in (part.strip().upper() for part in parts) if p))


def _symbols(value: object) -> tuple[str, ...]:
    items = _items(value)
    if not items or not all(_SYMBOL.fullmatch(item) for item in items):
        raise ValueError("symbols such as BTCUSDT,ETHUSDT")
    return tuple(items)


def _timeframes(value: object) -> tuple[str, ...]:
    items = _items(value)
    if not items or not all(item in INTERVALS for item in items):
        raise ValueError(f"Bybit's interval codes, of {', '.join(INTERVALS)}")
    return tuple(items)


def _base_url(*schemes: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        text = str(value).strip()
        match = BASE_URL.fullmatch(text)
        if match is None or match[1].lower() not in schemes or int(match[3] or 1) not in range(1, 65536):
            raise ValueError(f"a base such as {schemes[0]}://127.0.0.1:8800")
        return text.rstrip("/").lower()

    return parse


def database_url(value: object) -> str:
    text = str(value.get_secret_value() if isinstance(value, SecretStr) else value).strip()
    if text.startswith(("postgresql://", "postgres://")):
        return text
    if not re.fullmatch(r"sqlite:///.+", text) or ":memory:" in text or "?" in text:
        raise ValueError("sqlite:///path/to/file, postgresql://… or postgres://…")
    return text


def _channels(value: object) -> tuple[SecretStr, ...]:
    urls = value.replace(",", " ").split() if isinstance(value, str) else []
    if not urls or not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[!-~]+", url, re.IGNORECASE) for url in urls):
        raise ValueError("Apprise URLs such as ntfy://topic or mailto://…, separated by blanks or commas")
    return tuple(SecretStr(url) for url in dict.fromkeys(urls))


def _hours(value: object) -> str:
    text = " ".join(str(value).split())
    try:
        quiet_hours(text)
    except ValueError:
        raise ValueError("a span such as 22:00-07:00, or with a zone: 22:00-07:00 Europe/Berlin") from None
    return text


def _public_url(value: object) -> str:
    text = str(value).strip()
    match = _PUBLIC_URL.fullmatch(text)
    if match is None or (match[1].lower() == "http" and not is_loopback(match[2])):
        raise ValueError("where `botbox serve` is reached from outside: https://desk.example")
    return text.rstrip("/")


_AGE = re.compile(r"([1-9][0-9]{0,4})([dwy])")
_DAYS = {"d": 1, "w": 7, "y": 365}


def _retention(value: object) -> str:
    """Return ages by interval, such as `1=90d,60=2y`, one age for all, or `all`: in lower case, without blanks."""
    text = "".join(str(value).split())
    wanted = ValueError("all, an age such as 2y, 26w or 90d, or ages by interval such as 1=90d,60=2y")
    if text.lower() == "all":
        return "all"
    for part in text.split(","):
        interval, _, age = part.rpartition("=")
        if not _AGE.fullmatch(age.lower()) or (interval and interval.upper() not in INTERVALS):
            raise wanted
        if not interval and "," in text:
            raise wanted
    return text


def retention_days(text: str, interval: str) -> int | None:
    """Return for how many days candles of an interval are kept (None: for ever), of a BOTBOX_CANDLE_RETENTION."""
    for part in text.split(","):
        name, _, age = part.rpartition("=")
        if age != "all" and name.upper() in ("", interval):
            match = _AGE.fullmatch(age.lower())
            assert match is not None
            return int(match[1]) * _DAYS[match[2]]
    return None


def _log_file(value: object) -> Path:
    path = Path(str(value).strip()).expanduser()
    if not path.name or path.is_dir():
        raise ValueError("a file's path")
    return path


def _user_id(value: object) -> str:
    text = str(value).strip()
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise ValueError("the account's user id, digits only, as `botbox doctor` shows it")
    return text


def _key(value: object) -> str:
    text = str(value.get_secret_value() if isinstance(value, SecretStr) else value).strip()
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("printable characters without blanks")
    return text


Mode = Annotated[AccountMode, BeforeValidator(_one_of(*AccountMode))]
WhichMarket = Annotated[Market, BeforeValidator(_one_of(*Market))]
Flag = Annotated[bool, BeforeValidator(_flag)]
UserId = Annotated[str, BeforeValidator(_user_id)]
Secret = Annotated[SecretStr, BeforeValidator(_key)]
Region = Annotated[str, BeforeValidator(_one_of(*REGION_HOSTS))]
Rest = Annotated[str, BeforeValidator(_base_url("http", "https"))]
Stream = Annotated[str, BeforeValidator(_base_url("ws", "wss"))]
Database = Annotated[SecretStr, BeforeValidator(database_url)]
Channels = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_channels)]
Hours = Annotated[str, BeforeValidator(_hours)]
PublicUrl = Annotated[str, BeforeValidator(_public_url)]
Symbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_symbols)]
Timeframes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_timeframes)]
Money = Annotated[Decimal, BeforeValidator(_number(ZERO, Decimal(10) ** 12, above_low=True))]
Percent = Annotated[Decimal, BeforeValidator(_number(ZERO, HUNDRED, above_low=True))]
Brake = Annotated[Decimal, BeforeValidator(_number(ZERO, HUNDRED))]
Drift = Annotated[Decimal, BeforeValidator(_number(ZERO, Decimal(10)))]
Slippage = Annotated[Decimal, BeforeValidator(_slippage)]
Fraction = Annotated[Decimal, BeforeValidator(_number(ZERO, ONE, above_low=True))]
Positions = Annotated[int, BeforeValidator(_count(1))]
Streak = Annotated[int, BeforeValidator(_count(0))]
Retention = Annotated[str, BeforeValidator(_retention)]
LogFile = Annotated[Path, BeforeValidator(_log_file)]
LogFormat = Annotated[str, BeforeValidator(_one_of("json", "text"))]
LogMax = Annotated[int, BeforeValidator(_count(1))]
LogKeep = Annotated[int, BeforeValidator(_count(0))]
Shorts = Annotated[str, BeforeValidator(_one_of("off", "margin"))]
OnStopFailure = Annotated[str, BeforeValidator(_one_of("alert", "close"))]


def is_loopback(host: str) -> bool:
    """Tell whether `host` (as written in a URL) is this machine: localhost, 127.0.0.0/8 or [::1]."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
