"""A new installation on recorded candles, with the replay clock standing at its beginning."""

from pathlib import Path

import pytest

from tests.support.cli import botbox


@pytest.fixture
def installation(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of somebody who has run `botbox init` for a replay of one pair."""
    monkeypatch.setenv("BOTBOX_MARKET", "replay")
    monkeypatch.setenv("BOTBOX_SYMBOLS", "BTCUSDT,ETHUSDT")
    monkeypatch.setenv("BOTBOX_TIMEFRAMES", "60,240")
    assert botbox("init").code == 0
    return private_home


@pytest.fixture
def recorded(installation: Path) -> Path:
    """Return the same, with a month of candles."""
    assert botbox("record", "--once", "--since", "30d").code == 0
    return installation
