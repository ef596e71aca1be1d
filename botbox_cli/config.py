"""The settings: one frozen object from the environment and the env file (contract, "Settings").

Precedence: environment > env file > default; a flag names the env file. Each bad value is a `ConfigError` that names
the setting, the value and where it came from. Secrets are `SecretStr` and never part of a message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from dotenv.parser import parse_stream
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from botbox_cli.domain.account import Mode
from botbox_cli.domain.candle import INTERVALS
from botbox_cli.domain.hours import quiet_hours
from botbox_cli.domain.number import HUNDRED, ONE, ZERO, decimal_of, plain
from botbox_cli.errors import ConfigError

ENV_FILE_NAME = ".dev.vars"
APP_NAME = "botbox"
KEY_NAMES = ("BYBIT_API_KEY", "BYBIT_API_SECRET")
SECRET_NAMES = (*KEY_NAMES, "DATABASE_URL", "BOTBOX_NOTIFY")
"""Settings whose values are never shown."""

DEFAULT_SYMBOLS = (
    "BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ADAUSDT", "AVAXUSDT", "DOGEUSDT", "DOTUSDT", "LINKUSDT",
)  # fmt: skip
DEFAULT_TIMEFRAMES = ("60", "240", "D", "W")

REGION_HOSTS = {
    "com": "api.bybit.com",
    "nl": "api.bybit.nl",
    "tr": "api.bybit.tr",
    "kz": "api.bybit.kz",
    "ae": "api.bybit.ae",
    "eu": "api.bybit.eu",
    "id": "api.bybit.id",
    "ge": "api.bybitgeorgia.ge",
    "jp": "api.manepa.jp",
}
MAINNET_HOSTS = {*REGION_HOSTS.values(), "api.bytick.com"}
MODE_HOSTS = {
    Mode.PAPER: MAINNET_HOSTS,
    Mode.LIVE: MAINNET_HOSTS,
    Mode.DEMO: {"api-demo.bybit.com"},
    Mode.TESTNET: {"api-testnet.bybit.com"},
}
"""REST hosts by the world that a key belongs to; paper reads public prices only."""
REGION_STREAMS = {
    "com": "stream.bybit.com",
    "tr": "stream.bybit.tr",
    "kz": "stream.bybit.kz",
    "id": "stream.bybit.id",
    "ge": "stream.bybitgeorgia.ge",
    "jp": "stream.manepa.jp",
}
"""WebSocket hosts; regions without one of their own (nl, ae, eu) have the first."""
MAINNET_STREAMS = set(REGION_STREAMS.values())
MODE_STREAMS = {
    Mode.PAPER: MAINNET_STREAMS,
    Mode.LIVE: MAINNET_STREAMS,
    Mode.DEMO: {"stream-demo.bybit.com"},
    Mode.TESTNET: {"stream-testnet.bybit.com"},
}

# Deliberately narrower than what URL parsers take: no user info, path, query or odd spelling of an address, so that
# this check and the HTTP client can't read two hosts in one text.
_BASE_URL = re.compile(r"(https?|wss?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?/?", re.IGNORECASE)
_PUBLIC_URL = re.compile(
    r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?(?:/[\w./-]*)?", re.IGNORECASE
)
_PASSWORD = re.compile(r"//[^/@]*?:([^/@]+)@")
_SYMBOL = re.compile(r"[A-Z0-9]{4,24}")


class Market(StrEnum):
    """Where paper prices come from."""

    LIVE = "live"
    REPLAY = "replay"


# -- parsers: text in, value out; ValueError says what is expected


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


_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def _flag(value: object) -> bool:
    return _one_of(*_TRUE, *_FALSE)(value) in _TRUE


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
        match = _BASE_URL.fullmatch(text)
        if match is None or match[1].lower() not in schemes or int(match[3] or 1) not in range(1, 65536):
            raise ValueError(f"a base such as {schemes[0]}://127.0.0.1:8800")
        return text.rstrip("/").lower()

    return parse


def _database_url(value: object) -> str:
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


_Mode = Annotated[Mode, BeforeValidator(_one_of(*Mode))]
_Market = Annotated[Market, BeforeValidator(_one_of(*Market))]
_Flag = Annotated[bool, BeforeValidator(_flag)]
_UserId = Annotated[str, BeforeValidator(_user_id)]
_Secret = Annotated[SecretStr, BeforeValidator(_key)]
_Region = Annotated[str, BeforeValidator(_one_of(*REGION_HOSTS))]
_Rest = Annotated[str, BeforeValidator(_base_url("http", "https"))]
_Stream = Annotated[str, BeforeValidator(_base_url("ws", "wss"))]
_Database = Annotated[SecretStr, BeforeValidator(_database_url)]
_Channels = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_channels)]
_Hours = Annotated[str, BeforeValidator(_hours)]
_PublicUrl = Annotated[str, BeforeValidator(_public_url)]
_Symbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_symbols)]
_Timeframes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_timeframes)]
_Money = Annotated[Decimal, BeforeValidator(_number(ZERO, Decimal(10) ** 12, above_low=True))]
_Percent = Annotated[Decimal, BeforeValidator(_number(ZERO, HUNDRED, above_low=True))]
_Brake = Annotated[Decimal, BeforeValidator(_number(ZERO, HUNDRED))]
_Drift = Annotated[Decimal, BeforeValidator(_number(ZERO, Decimal(10)))]
_Slippage = Annotated[Decimal, BeforeValidator(_slippage)]
_Fraction = Annotated[Decimal, BeforeValidator(_number(ZERO, ONE, above_low=True))]
_Positions = Annotated[int, BeforeValidator(_count(1))]
_Streak = Annotated[int, BeforeValidator(_count(0))]
_Retention = Annotated[str, BeforeValidator(_retention)]
_LogFile = Annotated[Path, BeforeValidator(_log_file)]
_LogFormat = Annotated[str, BeforeValidator(_one_of("json", "text"))]
_LogMax = Annotated[int, BeforeValidator(_count(1))]
_LogKeep = Annotated[int, BeforeValidator(_count(0))]
_Shorts = Annotated[str, BeforeValidator(_one_of("off", "margin"))]
_OnStopFailure = Annotated[str, BeforeValidator(_one_of("alert", "close"))]


def _named(name: str, default: object) -> Any:
    return Field(default, validation_alias=name)


class Settings(BaseSettings):
    """Every setting of the contract. Percents as they are written: 1 is 1 %."""

    model_config = SettingsConfigDict(
        frozen=True,
        case_sensitive=True,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        validate_default=False,
    )

    mode: _Mode = _named("BOTBOX_MODE", Mode.PAPER)
    testnet: _Flag = _named("BYBIT_TESTNET", False)
    market: _Market = _named("BOTBOX_MARKET", Market.LIVE)
    arm_live: _UserId | None = _named("BOTBOX_ARM_LIVE", None)
    api_key: _Secret | None = _named("BYBIT_API_KEY", None)
    api_secret: _Secret | None = _named("BYBIT_API_SECRET", None)
    region: _Region | None = _named("BYBIT_REGION", None)
    endpoint: _Rest | None = _named("BYBIT_ENDPOINT", None)
    ws_endpoint: _Stream | None = _named("BYBIT_WS_ENDPOINT", None)
    database: _Database | None = _named("DATABASE_URL", None)
    symbols: _Symbols = _named("BOTBOX_SYMBOLS", DEFAULT_SYMBOLS)
    timeframes: _Timeframes = _named("BOTBOX_TIMEFRAMES", DEFAULT_TIMEFRAMES)
    account_balance: _Money = _named("BOTBOX_ACCOUNT_BALANCE", Decimal(10000))
    risk_percent: _Percent = _named("BOTBOX_RISK_PER_TRADE_PERCENT", ONE)
    max_position_percent: _Percent = _named("BOTBOX_MAX_POSITION_SIZE_PERCENT", Decimal(10))
    max_open_positions: _Positions = _named("BOTBOX_MAX_OPEN_POSITIONS", 8)
    max_entry_drift_r: _Drift = _named("BOTBOX_MAX_ENTRY_DRIFT_R", Decimal("0.5"))
    max_slippage_percent: _Slippage = _named("BOTBOX_MAX_SLIPPAGE_PERCENT", Decimal("0.5"))
    shorts: _Shorts = _named("BOTBOX_SHORTS", "off")
    tp1_fraction: _Fraction = _named("BOTBOX_TP1_FRACTION", ONE)
    on_stop_failure: _OnStopFailure = _named("BOTBOX_ON_STOP_FAILURE", "alert")
    max_day_loss_percent: _Brake = _named("BOTBOX_MAX_DAY_LOSS_PERCENT", ZERO)
    max_loss_streak: _Streak = _named("BOTBOX_MAX_LOSS_STREAK", 0)
    max_open_risk_percent: _Brake = _named("BOTBOX_MAX_OPEN_RISK_PERCENT", ZERO)
    notify: _Channels | None = _named("BOTBOX_NOTIFY", None)
    quiet_hours: _Hours | None = _named("BOTBOX_QUIET_HOURS", None)
    silence_minutes: _Streak = _named("BOTBOX_NOTIFY_SILENCE_MINUTES", 30)
    public_url: _PublicUrl | None = _named("BOTBOX_PUBLIC_URL", None)
    candle_retention: _Retention = _named("BOTBOX_CANDLE_RETENTION", "all")
    log_file: _LogFile | None = _named("BOTBOX_LOG_FILE", None)
    log_format: _LogFormat = _named("BOTBOX_LOG_FORMAT", "json")
    log_max_mb: _LogMax = _named("BOTBOX_LOG_MAX_MB", 10)
    log_keep: _LogKeep = _named("BOTBOX_LOG_KEEP", 5)

    @model_validator(mode="before")
    @classmethod
    def _testnet_when_mode_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        testnet = str(values.get("BYBIT_TESTNET", "")).strip().lower()
        return (
            values if "BOTBOX_MODE" in values or testnet not in _TRUE else values | {"BOTBOX_MODE": "testnet"}
        )

    @property
    def rest_url(self) -> str:
        """The base of every REST request; in paper mode that of the public prices."""
        if self.endpoint is not None:
            return self.endpoint
        if self.mode in (Mode.DEMO, Mode.TESTNET):
            return f"https://{next(iter(MODE_HOSTS[self.mode]))}"
        return f"https://{REGION_HOSTS[self.region or 'com']}"

    @property
    def stream_urls(self) -> tuple[str, str]:
        """The bases of the public and of the private socket.

        A REST host on loopback serves its sockets on the same port. Demo has no public prices of its own.
        """
        private = self.ws_endpoint or self._default_stream()
        demo = next(iter(MODE_STREAMS[Mode.DEMO]))
        return private.replace(demo, REGION_STREAMS["com"]), private

    def _default_stream(self) -> str:
        endpoint = _BASE_URL.fullmatch(self.endpoint or "")
        if endpoint is not None and is_loopback(endpoint[2]):
            return (self.endpoint or "").replace("http", "ws", 1)
        if self.mode in (Mode.DEMO, Mode.TESTNET):
            return f"wss://{next(iter(MODE_STREAMS[self.mode]))}"
        return f"wss://{REGION_STREAMS.get(self.region or 'com', REGION_STREAMS['com'])}"

    @property
    def database_url(self) -> str:
        """The database, by default a SQLite file in the user's data directory."""
        if self.database is not None:
            return self.database.get_secret_value()
        return f"sqlite:///{data_dir() / 'botbox.sqlite'}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be printed: the key, its secret, the database's password, and where messages go."""
        hidden = (self.api_key, self.api_secret, *(self.notify or ()))
        texts = [s.get_secret_value() for s in hidden if s is not None]
        password = _PASSWORD.search(self.database_url)
        if password is not None:
            texts += [password[1], unquote(password[1])]
        return tuple(dict.fromkeys(texts))

    def keys(self) -> tuple[str, str]:
        """Return the API key and its secret. Raises ConfigError when one is missing."""
        for name, secret in zip(KEY_NAMES, (self.api_key, self.api_secret), strict=True):
            if secret is None:
                raise ConfigError(
                    f"{name} is not set, and BOTBOX_MODE={self.mode} needs it",
                    f"put the {self.mode} account's API key into {ENV_FILE_NAME}, or trade on paper with "
                    "BOTBOX_MODE=paper, which needs no keys",
                    code="missing_key",
                )
        assert self.api_key is not None
        assert self.api_secret is not None
        return self.api_key.get_secret_value(), self.api_secret.get_secret_value()


NAMES = tuple(str(field.validation_alias) for field in Settings.model_fields.values())
"""The names of all settings, as people write them."""


def other_database(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a database's URL as DATABASE_URL would take it, and what of it must never be shown. Raises ConfigError."""
    try:
        url = _database_url(text)
    except ValueError as e:
        raise ConfigError(f"this is no database's URL: it must be {e}", "see docs/settings.md") from None
    password = _PASSWORD.search(url)
    return url, () if password is None else (password[1], unquote(password[1]))


def without_password(url: str) -> str:
    """Return a database's URL as it may be shown."""
    password = _PASSWORD.search(url)
    return url if password is None else url.replace(f":{password[1]}@", ":***@", 1)


def data_dir() -> Path:
    """Return the user's data directory of botbox."""
    import platformdirs

    return Path(platformdirs.user_data_dir(APP_NAME, appauthor=False))


def config_dir() -> Path:
    """Return the user's configuration directory of botbox."""
    import platformdirs

    return Path(platformdirs.user_config_dir(APP_NAME, appauthor=False))


def find_env_file(named: Path | None) -> Path | None:
    """Return the env file to read: the named one, $BOTBOX_ENV_FILE, ./.dev.vars or the one in the config directory.

    Raises:
        ConfigError: If the one that was named is not there.
    """
    wanted = named_env_file(named)
    if wanted is not None:
        if not _is_there(wanted):
            raise ConfigError(f"there is no env file {wanted}", f"make it: `botbox init --env-file {wanted}`")
        return wanted
    found = (path for path in (Path(ENV_FILE_NAME), config_dir() / ENV_FILE_NAME) if _is_there(path))
    return next(found, None)


def _is_there(path: Path) -> bool:
    """Tell whether a path leads anywhere; one through a folder that may not be searched does not."""
    try:
        return path.exists()
    except OSError:
        return False


def named_env_file(named: Path | None) -> Path | None:
    """Return the env file that `--env-file` or $BOTBOX_ENV_FILE names, or None."""
    if named is not None:
        return named
    text = os.environ.get("BOTBOX_ENV_FILE", "").strip()
    return Path(text).expanduser() if text else None


def read_env_file(path: Path) -> dict[str, str]:
    """Return the names and values in an env file.

    Raises:
        ConfigError: If it can't be read, or a line is not `NAME=value` (the line is named, its text is not shown).
    """
    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"the env file {path} can't be read: {reason}", "check the path and its mode"
        ) from None
    values: dict[str, str] = {}
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            # The parser counts from before the blank lines that it skipped.
            text = binding.original.string
            line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            raise ConfigError(
                f"{path}, line {line}: not of the form NAME=value",
                "mend that line: quotes must be closed, and a comment starts with #",
                code="env_file",
            )
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def exposed(path: Path | None) -> str | None:
    """Return a warning if the env file holds a secret and can be read by others, or None."""
    if path is None or os.name == "nt":
        return None
    mode = path.stat().st_mode & 0o777
    if not mode & 0o077:
        return None
    values = read_env_file(path)
    hidden = (*KEY_NAMES, "BOTBOX_NOTIFY")
    if not (any(values.get(name) for name in hidden) or _PASSWORD.search(values.get("DATABASE_URL", ""))):
        return None
    return f"{path} holds a secret and is open to others (mode {mode:04o}): run `chmod 600 {path}`"


def load(path: Path | None) -> Settings:
    """Return the settings of this process, `path` being its env file. Raises ConfigError for the first bad one."""
    settings, problems = check(path)
    if settings is None:
        raise problems[0]
    return settings


def check(path: Path | None) -> tuple[Settings | None, list[ConfigError]]:
    """Return the settings, or None and everything that is wrong with them. `path` is the env file found."""
    try:
        in_file = {} if path is None else read_env_file(path)
        settings = Settings(_env_file=path)  # type: ignore[call-arg]  # the plugin-less signature lacks it
    except ConfigError as e:
        return None, [e]
    except ValidationError as e:
        return None, [_problem(error["loc"], error.get("ctx", {}), in_file, path) for error in e.errors()]
    problem = _wrong_host(settings)
    return (None, [problem]) if problem else (settings, [])


def _problem(
    loc: Iterable[object], ctx: Mapping[str, Any], in_file: Mapping[str, str], path: Path | None
) -> ConfigError:
    name = str(next(iter(loc)))
    value = os.environ.get(name) or in_file.get(name, "")
    shown = "" if name in SECRET_NAMES else f"={_showable(value.strip(), in_file)!r}".replace("'", "")
    where = "the environment" if os.environ.get(name) else str(path)
    wanted = str(ctx.get("error", "another value"))
    return ConfigError(
        f"{name}{shown} is not valid: it must be {wanted}", f"correct {name} in {where}", code="setting"
    )


def _showable(value: str, in_file: Mapping[str, str]) -> str:
    """Return a value without what is secret in it: a password in a URL, or a key that was put in the wrong place."""
    value = re.sub(r"//.*@", "//***@", value)
    for name in KEY_NAMES:
        key = os.environ.get(name) or in_file.get(name, "")
        value = value.replace(key.strip() or "***", "***")
    return value


def _wrong_host(settings: Settings) -> ConfigError | None:
    """Return what is wrong with an endpoint, or None: loopback, or a Bybit host of the mode's world over TLS."""
    for name, url, scheme, hosts in (
        ("BYBIT_ENDPOINT", settings.endpoint, "https", MODE_HOSTS),
        ("BYBIT_WS_ENDPOINT", settings.ws_endpoint, "wss", MODE_STREAMS),
    ):
        match = _BASE_URL.fullmatch(url or "")
        if match is None or is_loopback(match[2]):
            continue
        if (
            match[2] not in set().union(*hosts.values())
            or match[1] != scheme
            or match[3] not in (None, "443")
        ):
            return ConfigError(
                f"{name}={url} is neither loopback nor a Bybit host over TLS",
                f"unset {name}, or give something like {scheme}://{next(iter(sorted(hosts[Mode.LIVE])))}",
                code="endpoint",
            )
        if match[2] not in hosts[settings.mode]:
            return ConfigError(
                f"{name}={url} belongs to another world than BOTBOX_MODE={settings.mode}",
                f"unset {name}, or set BOTBOX_MODE to the mode of that host",
                code="endpoint",
            )
    return None


def is_loopback(host: str) -> bool:
    """Tell whether `host` (as written in a URL) is this machine: localhost, 127.0.0.0/8 or [::1]."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
