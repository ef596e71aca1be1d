"""The fault points exist for the crash tests only: nowhere else do they do anything, and near real money never."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from botbox_cli import config
from botbox_cli.bootstrap import migrate, wired
from botbox_cli.config import Settings
from botbox_cli.errors import ConfigError
from botbox_cli.faultpoint import faultpoint_of

KEYS = {"BYBIT_API_KEY": "key", "BYBIT_API_SECRET": "secret"}
REFUSED = "BOTBOX_FAULTPOINT is refused where a request can reach Bybit"


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return config.load(None)


@pytest.mark.parametrize(
    "where",
    [
        {"BOTBOX_MODE": "live", "BOTBOX_ARM_LIVE": "1"},
        {"BOTBOX_MODE": "live", "BOTBOX_ARM_LIVE": "1", "BYBIT_ENDPOINT": "http://127.0.0.1:1"},
        {"BOTBOX_MODE": "demo"},
        {"BOTBOX_MODE": "testnet"},
    ],
    ids=["live", "live on loopback", "demo", "testnet"],
)
def test_refused_where_a_request_can_reach_bybit(
    where: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_FAULTPOINT", "")

    with pytest.raises(ConfigError, match=REFUSED), wired(settings(monkeypatch, **where, **KEYS)):
        pass


def test_refused_words_name_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("kill", "kill=", "stop=3", "kill=3 now"):
        with pytest.raises(ConfigError, match="means nothing"):
            faultpoint_of(text, settings(monkeypatch))


def test_without_the_variable_nothing_is_imported_or_wrapped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "botbox_cli.faultpoint", None)
    plain = settings(monkeypatch, DATABASE_URL=f"sqlite:///{tmp_path / 'b.sqlite'}", BOTBOX_MARKET="replay")
    migrate(plain)

    with wired(plain) as wiring:
        assert "writing" not in vars(wiring.desk().store.database)  # type: ignore[attr-defined]


def test_steps_lie_around_each_commit_and_each_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    steps = tmp_path / "steps"
    monkeypatch.setenv("BOTBOX_FAULTPOINT", f"steps={steps}")
    paper = settings(monkeypatch, DATABASE_URL=f"sqlite:///{tmp_path / 'b.sqlite'}", BOTBOX_MARKET="replay")
    migrate(paper)

    with wired(paper) as wiring:
        wiring.account()
        wiring.exchange.server_time()

    assert steps.read_text().splitlines() == [
        "1 before commit, in bootstrap.account",
        "2 after commit, in bootstrap.account",
        "3 before get_server_time, elsewhere",
        "4 after get_server_time, elsewhere",
    ]
