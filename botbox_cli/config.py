"""The settings: one frozen object from the environment and the env file (contract, "Settings").

Precedence: environment > env file > default; a flag names the env file. Each bad value is a `ConfigError` that names
the setting, the value and where it came from. Secrets are `SecretStr` and never part of a message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dotenv.parser import parse_stream
from pydantic import Field, ValidationError, model_validator

from botbox_cli import setting_types as types
from botbox_cli.domain.account import Mode
from botbox_cli.domain.number import ONE, ZERO
from botbox_cli.errors import ConfigError
from botbox_cli.hosts import MODE_HOSTS, MODE_STREAMS, REGION_HOSTS, REGION_STREAMS
from botbox_cli.setting_types import BASE_URL, TRUE, Market, is_loopback
from botbox_cli.settings_base import BaseSettings, SettingsConfigDict

ENV_FILE_NAME = ".dev.vars"
APP_NAME = "botbox"
KEY_NAMES = ("BYBIT_API_KEY", "BYBIT_API_SECRET")
SECRET_NAMES = (*KEY_NAMES, "DATABASE_URL", "BOTBOX_NOTIFY")
"""Settings whose values are never shown."""

DEFAULT_SYMBOLS = (
    "BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ADAUSDT", "AVAXUSDT", "DOGEUSDT", "DOTUSDT", "LINKUSDT",
)  # fmt: skip
DEFAULT_TIMEFRAMES = ("60", "240", "D", "W")

_PASSWORD = re.compile(r"//[^/@]*?:([^/@]+)@")


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

    mode: types.Mode = _named("BOTBOX_MODE", Mode.PAPER)
    testnet: types.Flag = _named("BYBIT_TESTNET", False)
    market: types.WhichMarket = _named("BOTBOX_MARKET", Market.LIVE)
    arm_live: types.UserId | None = _named("BOTBOX_ARM_LIVE", None)
    api_key: types.Secret | None = _named("BYBIT_API_KEY", None)
    api_secret: types.Secret | None = _named("BYBIT_API_SECRET", None)
    region: types.Region | None = _named("BYBIT_REGION", None)
    endpoint: types.Rest | None = _named("BYBIT_ENDPOINT", None)
    ws_endpoint: types.Stream | None = _named("BYBIT_WS_ENDPOINT", None)
    database: types.Database | None = _named("DATABASE_URL", None)
    symbols: types.Symbols = _named("BOTBOX_SYMBOLS", DEFAULT_SYMBOLS)
    timeframes: types.Timeframes = _named("BOTBOX_TIMEFRAMES", DEFAULT_TIMEFRAMES)
    account_balance: types.Money = _named("BOTBOX_ACCOUNT_BALANCE", Decimal(10000))
    risk_percent: types.Percent = _named("BOTBOX_RISK_PER_TRADE_PERCENT", ONE)
    max_position_percent: types.Percent = _named("BOTBOX_MAX_POSITION_SIZE_PERCENT", Decimal(10))
    max_open_positions: types.Positions = _named("BOTBOX_MAX_OPEN_POSITIONS", 8)
    max_entry_drift_r: types.Drift = _named("BOTBOX_MAX_ENTRY_DRIFT_R", Decimal("0.5"))
    max_slippage_percent: types.Slippage = _named("BOTBOX_MAX_SLIPPAGE_PERCENT", Decimal("0.5"))
    shorts: types.Shorts = _named("BOTBOX_SHORTS", "off")
    tp1_fraction: types.Fraction = _named("BOTBOX_TP1_FRACTION", ONE)
    on_stop_failure: types.OnStopFailure = _named("BOTBOX_ON_STOP_FAILURE", "alert")
    max_day_loss_percent: types.Brake = _named("BOTBOX_MAX_DAY_LOSS_PERCENT", ZERO)
    max_loss_streak: types.Streak = _named("BOTBOX_MAX_LOSS_STREAK", 0)
    max_open_risk_percent: types.Brake = _named("BOTBOX_MAX_OPEN_RISK_PERCENT", ZERO)
    notify: types.Channels | None = _named("BOTBOX_NOTIFY", None)
    quiet_hours: types.Hours | None = _named("BOTBOX_QUIET_HOURS", None)
    silence_minutes: types.Streak = _named("BOTBOX_NOTIFY_SILENCE_MINUTES", 30)
    public_url: types.PublicUrl | None = _named("BOTBOX_PUBLIC_URL", None)
    candle_retention: types.Retention = _named("BOTBOX_CANDLE_RETENTION", "all")
    log_file: types.LogFile | None = _named("BOTBOX_LOG_FILE", None)
    log_format: types.LogFormat = _named("BOTBOX_LOG_FORMAT", "json")
    log_max_mb: types.LogMax = _named("BOTBOX_LOG_MAX_MB", 10)
    log_keep: types.LogKeep = _named("BOTBOX_LOG_KEEP", 5)

    @model_validator(mode="before")
    @classmethod
    def _testnet_when_mode_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        testnet = str(values.get("BYBIT_TESTNET", "")).strip().lower()
        return (
            values if "BOTBOX_MODE" in values or testnet not in TRUE else values | {"BOTBOX_MODE": "testnet"}
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
        endpoint = BASE_URL.fullmatch(self.endpoint or "")
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
        url = types.database_url(text)
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
        match = BASE_URL.fullmatch(url or "")
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
