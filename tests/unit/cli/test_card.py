"""The card on recorded candles: what `show` says of setups like one, and what a decision keeps of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import botbox


@pytest.fixture
def detected(installation: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A setup that a scan found: ETHUSDT long on 2025-04-28 at 16:00."""
    monkeypatch.setenv("BOTBOX_SYMBOLS", "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT")
    assert botbox("forward", "16h").code == 0
    assert botbox("record", "--once", "--since", "70d").code == 0
    (setup,) = botbox("scan", "--json").document["detected"]
    return int(setup["id"])


def rsi_of(setup_id: int) -> float:
    signals = botbox("show", setup_id, "--json").document["setup"]["signals"]
    return next(float(s["value"]) for s in signals if s["type"].startswith("RSI"))


def logged(event: str) -> dict[str, Any]:
    (entry,) = [e for e in botbox("audit", "export", "--json").document["entries"] if e["event"] == event]
    return dict(entry["data"] or {})


def test_statistics_have_rates_with_intervals_only_where_there_are_enough(detected: int) -> None:
    statistics = botbox("show", detected, "--json").document["statistics"]

    assert (statistics["rule"], statistics["kind"]) == ("bb-mean-reversion@1", "LOWER_BB_BOUNCE")
    assert statistics["until"] == "2025-04-28T16:00:00Z"
    here, everywhere = statistics["symbol"], statistics["all_symbols"]
    assert 0 < here["n"] < 30 <= everywhere["n"]
    assert here["hit_rate"] is here["expectancy_r"] is here["median_hours"] is None
    low, high = everywhere["hit_rate_interval"]
    assert 0 < low < everywhere["hit_rate"] < high < 1
    low, high = everywhere["expectancy_r_interval"]
    assert low < everywhere["expectancy_r"] < high
    assert everywhere["symbols"] == 4
    assert everywhere["worst_run"] > 0


def test_statistics_stay_what_they_were_when_the_setup_was_detected(detected: int) -> None:
    """What ended since was not known then."""
    before = botbox("show", detected, "--json").document["statistics"]
    botbox("forward", "20h")
    botbox("record", "--once")

    assert botbox("show", detected, "--json").document["statistics"] == before


def test_changes_since_the_candle_are_shown(detected: int) -> None:
    assert botbox("show", detected, "--json").document["changes"]["candles"] == 0
    botbox("forward", "2h")
    botbox("record", "--once")

    changes = botbox("show", detected, "--json").document["changes"]

    assert changes["candles"] == 2
    assert changes["rsi"]["then"] == pytest.approx(rsi_of(detected))
    assert changes["rsi"]["now"] != changes["rsi"]["then"]
    assert "since then" in botbox("show", detected).out


def test_person_reads_counts_and_rates(detected: int) -> None:
    out = botbox("show", detected, width=100).out

    assert "ended, too few for a rate (30)" in out
    assert "% hit (" in out
    assert " R each (" in out


def test_setup_by_hand_has_no_statistics(installation: Path) -> None:
    botbox("record", "--once", "--since", "30d")
    levels = ("--entry", "90000", "--stop", "85000", "--tp1", "99000")
    number = botbox("propose", "BTCUSDT", *levels, "--json").document["setup"]["id"]

    document = botbox("show", number, "--json").document

    assert document["statistics"] is document["changes"] is None


def test_approval_keeps_what_was_shown_and_who_saw_it(detected: int) -> None:
    shown = botbox("show", detected, "--json").document

    ran = botbox("approve", detected, "--note", "wide band")

    assert ran.code == 0
    assert "ended" in ran.err
    kept = logged("approved")
    assert kept["statistics"] == shown["statistics"]
    assert (kept["quote"], kept["sizing"], kept["changes"]) == (
        shown["quote"],
        shown["sizing"],
        shown["changes"],
    )
    assert "@" in kept["by"]


def test_trade_keeps_what_was_shown_and_sized(detected: int) -> None:
    shown = botbox("show", detected, "--json").document

    botbox("approve", detected, "--execute")

    assert logged("approved")["statistics"] == shown["statistics"]
    assert logged("planned")["sizing"] == shown["sizing"]
    assert logged("planned")["quote"] == shown["quote"]


def test_rule_that_is_gone_leaves_the_card_without_statistics(
    detected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    (path,) = Path.home().rglob("botbox.sqlite")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE setups SET rule = 'gone@1'")
    database.close()

    assert botbox("show", detected, "--json").document["statistics"] is None
    assert "like it\tnot known: no such rule: 'gone@1'" in botbox("show", detected).out
