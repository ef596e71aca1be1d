"""An installation on recorded candles, with candles, a setup that was found and one by hand; and a server on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botbox_cli import config
from botbox_cli.config import Settings
from tests.support.chromium import a_browser, missing_for_chromium
from tests.support.cli import botbox
from tests.support.web import Served, Visitor, a_server

REPLAY = {
    "BOTBOX_MARKET": "replay",
    "BOTBOX_SYMBOLS": "BTCUSDT,ETHUSDT",
    "BOTBOX_TIMEFRAMES": "60,240",
}
FOUND, BY_HAND = 1, 2
"""The ids of the setups: a long in ETHUSDT that the rule found, and one in BTCUSDT."""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database and the exchange's file, 16 hours into the replay."""
    folder = tmp_path_factory.mktemp("installation")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**REPLAY, "HOME": str(folder)}.items():
            patch.setenv(name, value)
        patch.setenv("DATABASE_URL", f"sqlite:///{folder / 'botbox.sqlite'}")
        patch.chdir(folder)
        for argv in ("init", "record --once --since 30d", "forward 16h", "run --once"):
            assert botbox(*argv.split()).code == 0
        price = botbox("candles", "BTCUSDT", "--limit", "1", "--json").document["candles"][0]["close"]
        levels = {
            name: f"{float(price) * f:.1f}" for name, f in (("entry", 1), ("stop", 0.97), ("tp1", 1.05))
        }
        words = [word for name, value in levels.items() for word in (f"--{name}", value)]
        assert botbox("propose", "BTCUSDT", *words, "--note", "my own idea").code == 0
    return folder


@pytest.fixture
def installation(template: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which the commands of this test work on."""
    folder = private_home / "desk"
    shutil.copytree(template, folder)
    for name, value in REPLAY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{folder / 'botbox.sqlite'}")
    return folder


@pytest.fixture
def settings(installation: Path) -> Settings:
    return config.load(None)


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    with a_server(settings) as served:
        yield served


@pytest.fixture
def visitor(served: Served) -> Iterator[Visitor]:
    with served.visitor() as visitor:
        yield visitor


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless browser. No longer than one module: while it lives, nothing else in this process may use asyncio."""
    if reason := missing_for_chromium():
        (pytest.fail if "REQUIRE_CHROMIUM" in os.environ else pytest.skip)(reason)
    with a_browser() as browser:
        yield browser


@pytest.fixture
def person(served: Served) -> Iterator[Visitor]:
    with served.person() as person:
        yield person
