"""`botbox forward`: which clocks it moves, and what it says."""

import json
from pathlib import Path

import pytest

from botbox_cli.cli.app import app


@pytest.fixture(autouse=True)
def replay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'botbox.sqlite'}")
    monkeypatch.setenv("BOTBOX_MARKET", "replay")
    botbox("init")
    capsys.readouterr()


def botbox(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        app(arguments)
    return ended.value.code


def test_moves_the_clock_that_the_next_command_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert botbox("forward", "90m") == 0
    assert capsys.readouterr() == ("it is Monday, 2025-04-28 01:30 UTC in the replay\n", "")

    assert botbox("forward", "1d", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "before": "2025-04-28T01:30:00Z",
        "now": "2025-04-29T01:30:00Z",
        "recorded": True,
    }


def test_warns_beyond_the_end_of_the_recording(capsys: pytest.CaptureFixture[str]) -> None:
    assert botbox("forward", "52w") == 0

    assert "no candles are recorded for this time" in capsys.readouterr().err


@pytest.mark.parametrize("span", ["0h", "6", "-2h", "6 months", "400d", "1.5h", ""])
def test_refuses_what_is_no_span(span: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert botbox("forward", "--", span) == 2

    assert capsys.readouterr().err == (
        f"error: {span!r} is no span of time up to a year\nhint: write 15m, 6h, 2d or 1w\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [("BOTBOX_MARKET", "live", "paper with BOTBOX_MARKET=live"), ("BOTBOX_MODE", "testnet", "testnet")],
)
def test_refuses_real_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, what: str
) -> None:
    monkeypatch.setenv(name, value)

    assert botbox("forward", "6h") == 3

    assert capsys.readouterr().err.startswith(f"error: BOTBOX_MODE={what} goes by the real time")
