"""`botbox explain`: from the candles to the profit, each step with its figures."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import botbox
from tests.support.session import SYMBOLS, detect, trade_to_the_end


@pytest.fixture
def told(installation: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The explanation of a setup that was traded to its target."""
    monkeypatch.setenv("BOTBOX_SYMBOLS", SYMBOLS)
    setup_id = detect()
    trade_to_the_end(setup_id)
    ran = botbox("explain", setup_id, "--json")
    assert ran.code == 0
    return ran.document


def database() -> Path:
    (path,) = Path.home().rglob("botbox.sqlite")
    return path


def test_what_was_seen_is_told_with_its_limits(told: dict[str, Any]) -> None:
    basis = told["basis"]

    assert [(s["type"], s["limit"]) for s in basis["signals"]] == [
        ("PRICE_AT_LOWER_BB", "≤ 1760.5443"),
        ("RSI_OVERSOLD", "< 35"),
        ("VOLUME_CONFIRMATION", "> 1.1"),
        ("RANGING_MARKET", "≤ 1.3 (below 0.7: calm)"),
    ]
    assert basis["regime"]["reading"] == "RANGING"
    assert basis["indicators"]["rsi"] == pytest.approx(34.0114, abs=1e-4)
    assert basis["is_same"] is True
    assert len(basis["hashes"]["candles"]["sha256"]) == 64


def test_changed_candle_is_noticed(told: dict[str, Any]) -> None:
    at_ms = 1_745_838_000_000
    with closing(sqlite3.connect(database())) as books:
        changed = books.execute("UPDATE candles SET low = low - 1 WHERE open_ms = ?", (at_ms,)).rowcount
        books.commit()
    assert changed

    assert botbox("explain", told["setup"]["id"], "--json").document["basis"]["is_same"] is False
    assert "CHANGED" in botbox("explain", told["setup"]["id"]).out


def test_candles_that_were_thrown_away_are_gone_not_changed(told: dict[str, Any]) -> None:
    with closing(sqlite3.connect(database())) as books:
        books.execute("DELETE FROM candles WHERE open_ms <= 1745838000000")
        books.commit()

    ran = botbox("explain", told["setup"]["id"], "--json")

    assert ran.code == 0
    assert (ran.document["basis"]["is_same"], ran.document["basis"]["is_gone"]) == (False, True)
    assert "GONE: some of these candles are not stored" in botbox("explain", told["setup"]["id"]).out
    assert botbox("stats", "--shadow").code == 0


def test_who_decided_when_and_why_is_told(told: dict[str, Any]) -> None:
    detected, approved = told["decisions"]

    assert detected["event"] == "detected"
    assert (approved["event"], approved["detail"]) == ("approved", "good band")
    assert "@" in approved["by"]
    assert told["shown"]["statistics"]["all_symbols"]["n"] > 30


def test_arithmetic_leads_to_the_quantity(told: dict[str, Any]) -> None:
    (story,) = told["trades"]

    assert story["arithmetic"] == [
        "equity 10000 USDT, free 10000 USDT",
        "risk wanted = 10000 × 1 % = 100 USDT",
        "distance to the stop = |1761.97 - 1733.82| = 28.15 USDT",
        "by risk: 100 ÷ 28.15 = 3.5523978686 ETH",
        "by position size: 10000 × 10 % ÷ 1761.97 = 0.567546553 ETH",
        "by free balance: 10000 ÷ (1761.97 × (1 + 0.5 %)) = 5.6472293831 ETH",
        "least: by position size, floored to the lot 0.00001 = 0.56754 ETH",
        "value = 0.56754 × 1761.97 = 999.9884538 USDT",
        "risk = 0.56754 × 28.15 = 15.976251 USDT = 0.15976251 % of equity",
    ]
    assert story["plan"]["quote"] == {"bid": "1761.96", "ask": "1761.97", "last": "1761.96"}


def test_each_request_has_its_answer(told: dict[str, Any]) -> None:
    log = told["trades"][0]["log"]
    sent = [e["data"] for e in log if e["event"] == "sent"]
    answered = [e["data"] for e in log if e["event"] == "answered"]

    assert [d["order_link_id"] for d in sent] == [d["order_link_id"] for d in answered]
    entry, stop, exit_ = (d["request"] for d in sent)
    assert (entry["side"], entry["qty"], entry["slippageTolerance"]) == ("Buy", "0.56754", "0.5")
    assert (stop["orderFilter"], stop["triggerPrice"]) == ("tpslOrder", "1733.82")
    assert exit_["side"] == "Sell"
    assert all(d["exchange_order_id"] and d["order_status"] == "WORKING" for d in answered)


def test_result_and_slippage_come_from_the_fills(told: dict[str, Any]) -> None:
    (story,) = told["trades"]
    entry, exit_ = story["slippage"]

    assert (entry["role"], entry["planned"]) == ("entry", "1761.97")
    assert (exit_["role"], exit_["planned"]) == ("exit", "1792.62")
    for slip, fill in zip((entry, exit_), story["fills"], strict=True):
        worse = Decimal(fill["price"]) - Decimal(slip["planned"])
        assert Decimal(slip["slippage"]) == (worse if slip["role"] == "entry" else -worse)
    assert story["trade"]["close_reason"] == "Take profit hit"
    assert Decimal(story["trade"]["r_multiple"]) > Decimal("0.9")


def test_person_reads_it_in_parts(told: dict[str, Any]) -> None:
    out = botbox("explain", told["setup"]["id"], width=120).out

    parts = ("Candles used", "Signals against their limits", "Decided", "Shown at the decision", "Size")
    later = ("Requests and answers", "Fills", "Slippage against the plan", "Result", "What else happened")
    places = [out.index(f"\n{part}") for part in (*parts, *later)]
    assert places == sorted(places)


def test_page_needs_nothing_else(told: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "told.html"

    assert botbox("explain", told["setup"]["id"], "--html", page).err == f"written: {page}\n"

    text = page.read_text()
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in text
    assert "distance to the stop = |1761.97 - 1733.82|" in text
    assert '"marks":[{' in text
    assert "src=" not in text.split("</style>")[0]


def test_trade_is_explained_by_its_own_number(told: dict[str, Any]) -> None:
    assert botbox("explain", "--trade", 1, "--json").document == told


def test_number_of_a_trade_only_says_how_to_ask(told: dict[str, Any]) -> None:
    with closing(sqlite3.connect(database())) as books:
        books.execute("PRAGMA foreign_keys = OFF")
        books.execute("UPDATE trades SET id = 77")
        books.commit()

    ran = botbox("explain", 77)

    assert ran.code == 4
    assert ran.err == "error: no setup 77\nhint: there is a trade 77: `botbox explain --trade 77`\n"


@pytest.mark.parametrize("arguments", [("explain", 99), ("explain", "--trade", 99), ("explain", "--", -1)])
def test_unknown_number_is_refused(recorded: Path, arguments: tuple[object, ...]) -> None:
    assert botbox(*arguments).code == 4


def test_setup_by_hand_that_was_rejected_is_explained(recorded: Path) -> None:
    levels = ("--entry", "90000", "--stop", "85000", "--tp1", "99000")
    number = botbox("propose", "BTCUSDT", *levels, "--note", "support", "--json").document["setup"]["id"]
    botbox("reject", number, "--reason", "news tonight")

    document = botbox("explain", number, "--json").document

    assert document["basis"] is None
    assert document["trades"] == []
    assert [(d["event"], d["detail"]) for d in document["decisions"]] == [
        ("proposed", "support"),
        ("rejected", "news tonight"),
    ]
    assert "rejected by " in botbox("explain", number).out


def test_page_that_cannot_be_written_is_refused(told: dict[str, Any]) -> None:
    ran = botbox("explain", told["setup"]["id"], "--html", "/nowhere/page.html")

    assert ran.code == 2
    assert ran.err.startswith("error: --html /nowhere/page.html can't be written")
