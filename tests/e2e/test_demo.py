"""`botbox demo`, as somebody runs it who has just installed the program."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from botbox_cli.cli.app import app
from tests.support.terminal import BOTBOX
from tests.support.tree import tree_of


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command with nothing but a home, a folder for temporary files and the given settings."""
    for folder in ("work", "tmp"):
        (home / folder).mkdir(exist_ok=True)
    given = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home / "tmp"), "TZ": "UTC"}
    return subprocess.run(
        [BOTBOX, "demo", *arguments],
        env=given | environment,
        cwd=home / "work",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("person")


@pytest.fixture(scope="module")
def played(home: Path) -> subprocess.CompletedProcess[str]:
    return run(home)


@pytest.fixture(scope="module")
def document(home: Path) -> dict[str, Any]:
    """The document of a demo that was run amid settings which mean real money, or are wrong."""
    done = run(
        home,
        "--json",
        BOTBOX_MODE="live",
        BYBIT_API_KEY="key",
        BYBIT_API_SECRET="secret",
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
        BOTBOX_RISK_PER_TRADE_PERCENT="no number",
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_tells_the_whole_job_from_record_to_profit(played: subprocess.CompletedProcess[str]) -> None:
    assert (played.returncode, played.stderr) == (0, "")
    typed = [
        line.removeprefix("$ botbox ") for line in played.stdout.splitlines() if line.startswith("$ botbox ")
    ]
    words = [command.split()[0] for command in typed]
    assert words[:3] == ["init", "record", "scan"]
    assert words[-4:] == ["monitor", "trade", "trades", "stats"]
    assert {"setups", "show", "approve"} < set(words)
    assert "protected: the stop rests on the exchange" in played.stdout
    assert played.stdout.rstrip().endswith("botbox scan")


def test_trades_a_long_until_it_is_closed_and_flat(document: dict[str, Any]) -> None:
    (trade,) = document["trades"]

    assert (trade["status"], trade["direction"]) == ("CLOSED", "long")
    assert trade["close_reason"] in ("Take profit hit", "Stop loss hit")
    roles = {order["role"]: order for order in trade["orders"]}
    assert roles["entry"]["status"] == "FILLED"
    assert roles["stop"]["trigger_price"] == trade["stop_loss"]
    assert trade["pnl"] not in (None, "0")


def test_shows_a_short_and_says_why_it_is_not_traded(document: dict[str, Any]) -> None:
    short = next(setup for setup in document["setups"] if setup["direction"] == "short")

    step = next(s for s in document["steps"] if s["command"] == f"botbox approve {short['id']} --execute")

    assert step["outcome"].startswith("refused: ")
    assert "is a short" in step["outcome"]


def test_leaves_nothing_behind(home: Path, played: subprocess.CompletedProcess[str]) -> None:
    assert played.returncode == 0
    assert tree_of(home) == {"work", "tmp"}


def test_settings_of_the_person_have_no_effect(
    played: subprocess.CompletedProcess[str], document: dict[str, Any]
) -> None:
    approved = next(s for s in reversed(document["steps"]) if s["command"].startswith("botbox approve"))

    assert {trade["mode"] for trade in document["trades"]} == {"paper"}
    assert approved["outcome"] in played.stdout


def test_from_another_day_on_does_what_the_candles_say_without_a_network(
    capsys: pytest.CaptureFixture[str], document: dict[str, Any]
) -> None:
    """In this process every connection beyond the machine is an error."""
    with pytest.raises(SystemExit) as ended:
        app(["demo", "--start", "2025-09-15T12:00", "--json"])

    other = json.loads(capsys.readouterr().out)
    assert (ended.value.code, other["start"]) == (0, "2025-09-15T12:00:00Z")
    reasons = [trade["close_reason"] for trade in (*other["trades"], *document["trades"])]
    assert reasons == ["Stop loss hit", "Take profit hit"]


def test_refuses_a_start_that_is_not_recorded(home: Path) -> None:
    done = run(home, "--start", "2024-06-01")

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines() == [
        "error: no candles before 2024-06-01 00:00 UTC are recorded",
        "hint: the recording is of the year 2025",
    ]


def test_refuses_a_start_that_is_no_time(home: Path) -> None:
    done = run(home, "--start", "soon", "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["message"] == "--start 'soon' is no time"
