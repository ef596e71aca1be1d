"""Settings: where they come from, what is refused and with which words, and that secrets stay inside."""

from decimal import Decimal
from pathlib import Path

import pytest

from botbox_cli import config
from botbox_cli.config import Settings
from botbox_cli.domain.account import Mode
from botbox_cli.errors import ConfigError
from botbox_cli.setting_types import Market

SECRET = "marked-secret-7f3a"


def refusal(path: Path | None = None) -> ConfigError:
    """Return the first thing that is wrong with the settings of this process."""
    settings, problems = config.check(path)
    assert settings is None
    return problems[0]


def env_file(path: Path, *lines: str, mode: int = 0o600) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(mode)
    return path


# -- where settings come from


def test_defaults_are_those_of_the_contract() -> None:
    settings = config.load(None)

    assert (settings.mode, settings.market, settings.shorts, settings.on_stop_failure) == (
        Mode.PAPER,
        Market.LIVE,
        "off",
        "alert",
    )
    assert settings.timeframes == ("60", "240", "D", "W")
    assert len(settings.symbols) == 10
    assert settings.account_balance == 10000
    assert (settings.risk_percent, settings.max_position_percent, settings.max_open_positions) == (1, 10, 8)
    assert (settings.max_entry_drift_r, settings.max_slippage_percent) == (Decimal("0.5"), Decimal("0.5"))
    assert settings.tp1_fraction == 1
    assert (settings.max_day_loss_percent, settings.max_loss_streak, settings.max_open_risk_percent) == (
        0,
        0,
        0,
    )


def test_default_database_lies_in_the_data_directory(private_home: Path) -> None:
    assert config.load(None).database_url == f"sqlite:///{private_home}/.local/share/botbox/botbox.sqlite"


def test_environment_beats_env_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = env_file(tmp_path / "vars", "BOTBOX_SHORTS=margin", "BOTBOX_MAX_OPEN_POSITIONS=3")
    monkeypatch.setenv("BOTBOX_MAX_OPEN_POSITIONS", "5")

    settings = config.load(path)

    assert (settings.max_open_positions, settings.shorts, settings.tp1_fraction) == (5, "margin", 1)


def test_an_empty_value_counts_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_MODE", "")

    assert config.load(env_file(tmp_path / "vars", "BOTBOX_MODE=demo")).mode is Mode.DEMO


@pytest.mark.parametrize("winner", ["flag", "variable", "here", "home"])
def test_env_file_is_found_in_the_contracts_order(
    winner: str, private_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {
        "flag": tmp_path / "flag",
        "variable": tmp_path / "variable",
        "here": private_home / ".dev.vars",
        "home": private_home / ".config/botbox/.dev.vars",
    }
    for place in list(places)[list(places).index(winner) :]:
        places[place].parent.mkdir(parents=True, exist_ok=True)
        env_file(places[place])
        if place == "variable":
            monkeypatch.setenv("BOTBOX_ENV_FILE", str(places[place]))

    found = config.find_env_file(places["flag"] if winner == "flag" else None)

    assert found is not None
    assert found.resolve() == places[winner]


def test_no_env_file_is_fine() -> None:
    assert config.find_env_file(None) is None


def test_an_env_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no env file .*/nowhere") as raised:
        config.find_env_file(tmp_path / "nowhere")

    assert raised.value.hint == f"make it: `botbox init --env-file {tmp_path}/nowhere`"


def test_testnet_is_the_mode_when_only_bybit_testnet_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYBIT_TESTNET", "true")
    assert config.load(None).mode is Mode.TESTNET

    monkeypatch.setenv("BOTBOX_MODE", "paper")
    assert config.load(None).mode is Mode.PAPER


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config.load(None).mode = Mode.LIVE  # type: ignore[misc]


# -- bad values


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("BOTBOX_MODE", "real", "one of paper, demo, testnet, live"),
        ("BOTBOX_MARKET", "stub", "one of live, replay"),
        ("BYBIT_TESTNET", "perhaps", "one of true, 1, yes, on, false, 0, no, off"),
        ("BOTBOX_ARM_LIVE", "me", "the account's user id, digits only, as `botbox doctor` shows it"),
        ("BYBIT_REGION", "mars", "one of com, nl, tr, kz, ae, eu, id, ge, jp"),
        ("BOTBOX_SYMBOLS", "BTC/USDT", "symbols such as BTCUSDT,ETHUSDT"),
        ("BOTBOX_SYMBOLS", ",", "symbols such as BTCUSDT,ETHUSDT"),
        (
            "BOTBOX_TIMEFRAMES",
            "60,7",
            "Bybit's interval codes, of 1, 3, 5, 15, 30, 60, 120, 240, 360, 720, D, W",
        ),
        ("BOTBOX_ACCOUNT_BALANCE", "0", "a number above 0 up to 1000000000000"),
        ("BOTBOX_RISK_PER_TRADE_PERCENT", "1,5", "a number above 0 up to 100"),
        ("BOTBOX_RISK_PER_TRADE_PERCENT", "NaN", "a number above 0 up to 100"),
        ("BOTBOX_RISK_PER_TRADE_PERCENT", "-1", "a number above 0 up to 100"),
        ("BOTBOX_RISK_PER_TRADE_PERCENT", "1e400", "a number above 0 up to 100"),
        ("BOTBOX_MAX_POSITION_SIZE_PERCENT", "101", "a number above 0 up to 100"),
        ("BOTBOX_MAX_OPEN_POSITIONS", "0", "a whole number from 1"),
        ("BOTBOX_MAX_OPEN_POSITIONS", "2.5", "a whole number from 1"),
        ("BOTBOX_MAX_ENTRY_DRIFT_R", "-0.1", "a number from 0 up to 10"),
        ("BOTBOX_MAX_SLIPPAGE_PERCENT", "0", "a number from 0.01 up to 10"),
        (
            "BOTBOX_MAX_SLIPPAGE_PERCENT",
            "0.555",
            "a number with at most two decimals, which is what Bybit takes",
        ),
        ("BOTBOX_SHORTS", "yes", "one of off, margin"),
        ("BOTBOX_TP1_FRACTION", "1.1", "a number above 0 up to 1"),
        ("BOTBOX_ON_STOP_FAILURE", "panic", "one of alert, close"),
        ("BOTBOX_MAX_DAY_LOSS_PERCENT", "200", "a number from 0 up to 100"),
        ("BOTBOX_MAX_LOSS_STREAK", "-1", "a whole number from 0"),
        ("BOTBOX_MAX_OPEN_RISK_PERCENT", "x", "a number from 0 up to 100"),
    ],
)
def test_a_bad_value_is_named_with_what_is_expected(
    name: str, value: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    error = refusal()

    assert error.message == f"{name}={value} is not valid: it must be {wanted}"
    assert error.hint == f"correct {name} in the environment"
    assert error.exit_code == 3


def test_the_hint_names_the_file_that_holds_the_bad_value(tmp_path: Path) -> None:
    path = env_file(tmp_path / "vars", "BOTBOX_SHORTS=maybe")

    assert refusal(path).hint == f"correct BOTBOX_SHORTS in {path}"


def test_every_bad_value_is_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_SHORTS", "x")
    monkeypatch.setenv("BOTBOX_TP1_FRACTION", "x")

    assert [problem.message.split("=")[0] for problem in config.check(None)[1]] == [
        "BOTBOX_SHORTS",
        "BOTBOX_TP1_FRACTION",
    ]


def test_lists_are_upper_case_and_without_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_SYMBOLS", " btcusdt, ETHUSDT,,BTCUSDT ")
    monkeypatch.setenv("BOTBOX_TIMEFRAMES", "d,60")

    settings = config.load(None)

    assert (settings.symbols, settings.timeframes) == (("BTCUSDT", "ETHUSDT"), ("D", "60"))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["", "BOTBOX_MODE=paper", "", "BOTBOX_MODE live"], id="no equals sign"),
        pytest.param(["# comment", "", "BOTBOX_MODE=paper", "BYBIT_API_SECRET"], id="no value"),
        pytest.param(["", "# one", "# two", f'BYBIT_API_SECRET="{SECRET}'], id="open quote"),
    ],
)
def test_a_broken_line_is_named_by_its_number_and_not_shown(lines: list[str], tmp_path: Path) -> None:
    path = env_file(tmp_path / "vars", *lines)

    error = refusal(path)

    assert error.message == f"{path}, line 4: not of the form NAME=value"
    assert error.exit_code == 3
    assert SECRET not in error.message + error.hint


def test_an_env_file_that_cannot_be_read_is_a_setting_error(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")

    assert refusal(folder).message == f"the env file {folder} can't be read: Is a directory"
    assert refusal(binary).message == f"the env file {binary} can't be read: it is not UTF-8 text"


# -- endpoints

LOOPBACK = [
    "http://127.0.0.1:8800",
    "http://127.0.0.1:8800/",
    "https://127.1.2.3",
    "http://localhost:1",
    "http://[::1]:8800",
    "HTTP://LOCALHOST:8800",
]


@pytest.mark.parametrize("url", LOOPBACK)
@pytest.mark.parametrize("mode", list(Mode))
def test_loopback_is_an_endpoint_in_every_mode(url: str, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_MODE", mode)
    monkeypatch.setenv("BYBIT_ENDPOINT", url)

    assert config.load(None).rest_url == url.lower().rstrip("/")


@pytest.mark.parametrize(
    ("mode", "url"),
    [
        ("live", "https://api.bybit.com"),
        ("live", "https://api.bytick.com"),
        ("live", "https://api.bybit.eu:443"),
        ("live", "https://api.bybitgeorgia.ge"),
        ("live", "https://api.manepa.jp"),
        ("paper", "https://api.bybit.nl"),
        ("demo", "https://api-demo.bybit.com"),
        ("testnet", "https://api-testnet.bybit.com"),
    ],
)
def test_a_bybit_host_is_an_endpoint_of_its_own_world(
    mode: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_MODE", mode)
    monkeypatch.setenv("BYBIT_ENDPOINT", url)

    assert config.load(None).rest_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.bybit.com",
        "https://api.bybit.com:8443",
        "https://api.bybit.com.evil.io",
        "https://evil.io",
        "https://api.bybit.com.",
        "https://bybit.com",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://10.0.0.1:8800",
        "http://0.0.0.0:8800",
        "http://[::2]:8800",
    ],
)
def test_any_other_host_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYBIT_ENDPOINT", url)

    assert refusal().message == f"BYBIT_ENDPOINT={url} is neither loopback nor a Bybit host over TLS"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@evil.com",
        "http://127.0.0.1:8800@evil.com",
        "http://127.0.0.1\\@evil.com",
        "http://evil.com#127.0.0.1",
        "http://127.0.0.1:8800/v5",
        "http://127.0.0.1:8800?x=1",
        "http://2130706433 ",
        "http://127.0.0.1:99999",
        "http://127。0。0。1",
        "ftp://127.0.0.1",
        "127.0.0.1:8800",
        "ws://127.0.0.1:8800",
        "http://127.0.0.1:8800\thttp://evil.com",
    ],
)
def test_a_text_that_two_readers_could_read_differently_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYBIT_ENDPOINT", url)

    assert refusal().code in ("setting", "endpoint")


@pytest.mark.parametrize(
    ("mode", "name", "url"),
    [
        ("testnet", "BYBIT_ENDPOINT", "https://api.bybit.com"),
        ("demo", "BYBIT_ENDPOINT", "https://api.bybit.com"),
        ("live", "BYBIT_ENDPOINT", "https://api-testnet.bybit.com"),
        ("paper", "BYBIT_ENDPOINT", "https://api-testnet.bybit.com"),
        ("testnet", "BYBIT_WS_ENDPOINT", "wss://stream.bybit.com"),
    ],
)
def test_a_host_of_another_world_than_the_mode_is_refused(
    mode: str, name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of the real account must not be used where nobody is asked."""
    monkeypatch.setenv("BOTBOX_MODE", mode)
    monkeypatch.setenv(name, url)

    assert refusal().message == f"{name}={url} belongs to another world than BOTBOX_MODE={mode}"


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("ws://127.0.0.1:8800", True),
        ("wss://stream.bybit.com", True),
        ("ws://stream.bybit.com", False),
        ("wss://stream.bybit.com.evil.io", False),
        ("http://127.0.0.1:8800", False),
    ],
)
def test_the_web_socket_base_follows_the_same_rule(
    url: str, is_good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYBIT_WS_ENDPOINT", url)

    assert (config.check(None)[0] is not None) is is_good


@pytest.mark.parametrize(
    ("mode", "region", "host"),
    [
        ("paper", "", "https://api.bybit.com"),
        ("live", "eu", "https://api.bybit.eu"),
        ("live", "ge", "https://api.bybitgeorgia.ge"),
        ("testnet", "", "https://api-testnet.bybit.com"),
        ("demo", "", "https://api-demo.bybit.com"),
    ],
)
def test_mode_and_region_choose_the_host(
    mode: str, region: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_MODE", mode)
    monkeypatch.setenv("BYBIT_REGION", region)

    assert config.load(None).rest_url == host


# -- the database


@pytest.mark.parametrize(
    "url", ["sqlite:////tmp/x.db", "sqlite:///x.db", "postgresql://u:p@h/d", "postgres://u:p@h:5432/d"]
)
def test_sqlite_files_and_postgresql_are_databases(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    assert config.load(None).database_url == url


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "sqlite:///x?mode=ro", "/tmp/x.db"]
)
def test_other_databases_are_refused_without_showing_the_url(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    error = refusal()

    assert error.message == (
        "DATABASE_URL is not valid: it must be sqlite:///path/to/file, postgresql://… or postgres://…"
    )


# -- secrets


@pytest.fixture
def with_secrets(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("BYBIT_API_KEY", SECRET + "-key")
    monkeypatch.setenv("BYBIT_API_SECRET", SECRET)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{SECRET}@127.0.0.1/d")
    return config.load(None)


def test_secrets_are_not_in_the_settings_repr_or_dump(with_secrets: Settings) -> None:
    assert (
        SECRET
        not in f"{with_secrets!r} {with_secrets} {with_secrets.model_dump()} {with_secrets.model_dump_json()}"
    )


def test_secrets_can_be_listed_to_be_blotted_out(with_secrets: Settings) -> None:
    assert with_secrets.secrets == (SECRET + "-key", SECRET)


def test_a_password_is_listed_as_written_and_as_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:p%40ssword@127.0.0.1/d")

    assert config.load(None).secrets == ("p%40ssword", "p@ssword")


@pytest.mark.parametrize("name", ["BYBIT_API_KEY", "BYBIT_API_SECRET"])
def test_a_bad_secret_is_refused_without_showing_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, f"{SECRET} with a blank")

    error = refusal()

    assert error.message == f"{name} is not valid: it must be printable characters without blanks"
    assert SECRET not in repr(error)
    assert error.__cause__ is None


@pytest.mark.parametrize("missing", ["BYBIT_API_KEY", "BYBIT_API_SECRET"])
def test_a_missing_key_names_its_setting(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_MODE", "demo")
    for name in {"BYBIT_API_KEY", "BYBIT_API_SECRET"} - {missing}:
        monkeypatch.setenv(name, "something")

    with pytest.raises(ConfigError, match=f"{missing} is not set, and BOTBOX_MODE=demo needs it"):
        config.load(None).keys()


@pytest.mark.parametrize(
    ("line", "mode", "is_exposed"),
    [
        (f"BYBIT_API_SECRET={SECRET}", 0o644, True),
        (f"BYBIT_API_KEY={SECRET}", 0o640, True),
        (f"DATABASE_URL=postgresql://me:{SECRET}@h/d", 0o604, True),
        (f"BYBIT_API_SECRET={SECRET}", 0o600, False),
        ("BYBIT_API_SECRET=", 0o644, False),
        ("BOTBOX_MODE=paper", 0o644, False),
        ("DATABASE_URL=postgresql://me@h/d", 0o644, False),
    ],
)
def test_a_file_with_a_secret_that_others_may_read_is_warned_about(
    line: str, mode: int, is_exposed: bool, tmp_path: Path
) -> None:
    path = env_file(tmp_path / "vars", line, mode=mode)

    warning = config.exposed(path)

    assert (warning is not None) is is_exposed
    assert warning is None or warning == (
        f"{path} holds a secret and is open to others (mode {mode:04o}): run `chmod 600 {path}`"
    )


def test_the_example_lists_every_setting() -> None:
    example = (Path(__file__).parents[2] / ".dev.vars.example").read_text(encoding="utf-8")
    named = {line.lstrip("# ").split("=")[0] for line in example.splitlines() if "=" in line}

    assert named >= set(config.NAMES)


def test_the_example_is_valid_and_holds_the_defaults(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / ".dev.vars.example"

    assert config.load(example).model_dump() == config.load(None).model_dump()


@pytest.mark.parametrize(
    ("environment", "public", "private"),
    [
        ({}, "wss://stream.bybit.com", "wss://stream.bybit.com"),
        ({"BOTBOX_MODE": "live"}, "wss://stream.bybit.com", "wss://stream.bybit.com"),
        ({"BOTBOX_MODE": "live", "BYBIT_REGION": "kz"}, "wss://stream.bybit.kz", "wss://stream.bybit.kz"),
        ({"BOTBOX_MODE": "live", "BYBIT_REGION": "nl"}, "wss://stream.bybit.com", "wss://stream.bybit.com"),
        ({"BOTBOX_MODE": "demo"}, "wss://stream.bybit.com", "wss://stream-demo.bybit.com"),
        ({"BOTBOX_MODE": "testnet"}, "wss://stream-testnet.bybit.com", "wss://stream-testnet.bybit.com"),
        ({"BYBIT_ENDPOINT": "https://api.bytick.com"}, "wss://stream.bybit.com", "wss://stream.bybit.com"),
        ({"BYBIT_ENDPOINT": "http://127.0.0.1:88"}, "ws://127.0.0.1:88", "ws://127.0.0.1:88"),
        ({"BYBIT_WS_ENDPOINT": "ws://[::1]:88"}, "ws://[::1]:88", "ws://[::1]:88"),
        (
            {"BOTBOX_MODE": "demo", "BYBIT_WS_ENDPOINT": "wss://stream-demo.bybit.com"},
            "wss://stream.bybit.com",
            "wss://stream-demo.bybit.com",
        ),
    ],
)
def test_sockets_are_those_of_the_world_of_the_mode(
    environment: dict[str, str], public: str, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert config.load(None).stream_urls == (public, private)
