"""The HTTP API says and does what the contract and the commands say and do."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from botbox_cli import bootstrap, config
from botbox_cli.config import Settings
from botbox_cli.web.office import WORKERS, Office
from botbox_cli.web.routes import health
from tests.support.cli import botbox
from tests.support.web import Served, Visitor, a_server
from tests.web.conftest import BY_HAND, FOUND


def camel(value: Any) -> Any:
    """Return a document of the command line as HTTP names its fields."""
    if isinstance(value, list):
        return [camel(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        (head + "".join(part.capitalize() for part in rest)): camel(inner)
        for name, inner in value.items()
        for head, *rest in [name.split("_")]
    }


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def facts_of(event: str) -> dict[str, Any]:
    """Return what the decision log holds beside the one event of this name."""
    with closing(bootstrap.open_store(config.load(None))) as store, store.read(store.accounts()[0]) as books:
        [entry] = books.log_of(event=event)
    assert entry.data is not None
    return entry.data


def test_pending_setups_are_those_of_the_command(person: Visitor) -> None:
    answer = person.get("/api/setups/pending")

    assert answer.json() == camel(botbox("setups", "--json").document)
    assert {s["type"] for s in answer.json()["setups"][-1]["signals"]} == {
        "PRICE_AT_LOWER_BB",
        "RSI_OVERSOLD",
        "VOLUME_CONFIRMATION",
        "RANGING_MARKET",
    }


def test_approving_executes_and_stores_who_it_was(person: Visitor) -> None:
    person.get(f"/api/setups/{FOUND}")

    answer = person.post(f"/api/setups/{FOUND}/approve", {"note": "looks good"})

    document = answer.json()
    assert answer.status_code == 200
    assert document == {
        "schema": 1,
        "success": True,
        "setupId": FOUND,
        "tradeId": 1,
        "orderIds": document["orderIds"],
        "error": None,
    }
    shown = botbox("show", FOUND, "--json").document["setup"]
    assert (shown["status"], shown["note"]) == ("TRIGGERED", "looks good")
    trade = botbox("trade", 1, "--json").document["trade"]
    assert trade["status"] == "OPEN"
    assert document["orderIds"] == [o["exchange_order_id"] for o in trade["orders"]]
    approved = facts_of("approved")
    assert approved["by"].startswith("web 127.0.0.1 (session ")
    assert "statistics" in approved
    assert approved["sizing"]["qty"]


def test_approval_of_one_that_is_traded_is_refused_with_the_reason(person: Visitor) -> None:
    person.post(f"/api/setups/{FOUND}/approve")

    again = person.post(f"/api/setups/{FOUND}/approve")

    assert again.status_code == 409
    assert again.json()["error"]["message"] == f"setup {FOUND} is TRIGGERED, not APPROVED"


def test_rejection_keeps_the_reason(person: Visitor) -> None:
    assert error_of(person.post(f"/api/setups/{FOUND}/reject", {"reason": " "})) == (400, "usage")

    answer = person.post(f"/api/setups/{FOUND}/reject", {"reason": "news tonight"})

    assert answer.json() == {"schema": 1, "success": True, "setupId": FOUND}
    shown = botbox("show", FOUND, "--json").document["setup"]
    assert (shown["status"], shown["reason"]) == ("REJECTED", "news tonight")


def test_a_script_may_reject_without_a_body(served: Served) -> None:
    with served.script() as http:
        answer = http.post(f"/api/setups/{BY_HAND}/reject")

    assert answer.json() == {"schema": 1, "success": True, "setupId": BY_HAND}
    assert botbox("show", BY_HAND, "--json").document["setup"]["reason"] == "rejected over HTTP"


def test_tab_from_yesterday_is_told_that_the_setup_has_expired(person: Visitor) -> None:
    botbox("forward", "30h")

    answer = person.post(f"/api/setups/{FOUND}/approve")

    assert error_of(answer)[0] == 409
    assert "expired" in answer.json()["error"]["message"]
    assert person.get("/api/trades").json()["trades"] == []


def test_trades_are_those_of_the_command_newest_first(person: Visitor) -> None:
    for setup in (FOUND, BY_HAND):
        assert person.post(f"/api/setups/{setup}/approve").json()["success"]
    botbox("close", 1, "--reason", "enough")

    for status in ("open", "closed", "all"):
        document = person.get(f"/api/trades?status={status}").json()
        assert document["trades"] == camel(botbox("trades", "--status", status, "--json").document["trades"])
        assert document["nextOffset"] is None
    assert [t["id"] for t in document["trades"]] == [2, 1]
    assert all(isinstance(t["pnl"], str) for t in document["trades"][1:])


def test_trades_come_in_pages(person: Visitor) -> None:
    for setup in (FOUND, BY_HAND):
        person.post(f"/api/setups/{setup}/approve")

    first = person.get("/api/trades?limit=1").json()
    second = person.get(f"/api/trades?limit=1&offset={first['nextOffset']}").json()

    assert [t["id"] for t in first["trades"] + second["trades"]] == [2, 1]
    assert second["nextOffset"] is None


def test_page_of_trades_is_never_stale(person: Visitor) -> None:
    """Whoever wrote: another process's commit shows in the next request."""
    assert person.get("/api/trades").json()["trades"] == []
    botbox("approve", FOUND, "--execute")
    assert [t["status"] for t in person.get("/api/trades").json()["trades"]] == ["OPEN"]
    botbox("close", 1)
    assert [t["status"] for t in person.get("/api/trades").json()["trades"]] == ["CLOSED"]


def test_candles_are_those_of_the_command(person: Visitor) -> None:
    answer = person.get("/api/candles/ETHUSDT/60?limit=50").json()

    wanted = botbox("candles", "ETHUSDT", "--limit", 50, "--json").document["candles"]
    assert len(answer) == 50
    assert [c["time"] for c in answer] == sorted(c["time"] for c in answer)
    assert set(answer[0]) == {
        *("time", "open", "high", "low", "close", "volume"),
        *("bbUpper", "bbMiddle", "bbLower", "rsi", "atr"),
    }
    assert [(c["close"], c["volume"], c["bbUpper"], c["rsi"]) for c in answer] == [
        (c["close"], c["volume"], c["bb_upper"], c["rsi"]) for c in wanted
    ]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/api/candles/NOSUCH/60", (404, "not_found")),
        ("/api/candles/ETHUSDT/61", (404, "not_found")),
        ("/api/candles/ETHUSDT/60?limit=0", (400, "usage")),
        ("/api/setups/77", (404, "not_found")),
        ("/api/setups/0", (400, "usage")),
        ("/api/setups/99999999999999999999", (400, "usage")),
        ("/api/trades/77", (404, "not_found")),
        ("/api/trades?status=lost", (400, "usage")),
        ("/api/nothing", (404, "not_found")),
    ],
)
def test_what_is_not_there_is_refused_with_the_error_document(
    path: str, wanted: tuple[int, str], person: Visitor
) -> None:
    answer = person.get(path)

    assert error_of(answer) == wanted
    assert set(answer.json()["error"]) == {"code", "message", "hint", "retryable"}


def test_card_has_sizing_and_statistics(person: Visitor) -> None:
    document = person.get(f"/api/setups/{FOUND}").json()

    assert document["against"] == []
    assert Decimal(document["sizing"]["qty"]) > 0
    assert document["statistics"]["allSymbols"]["n"] >= 0


def test_closing_a_trade_sells_it(person: Visitor) -> None:
    person.post(f"/api/setups/{FOUND}/approve")

    answer = person.post("/api/trades/1/close", {"reason": "enough"})

    assert answer.json() == {"schema": 1, "success": True, "tradeId": 1, "error": None}
    assert person.get("/api/trades?status=closed").json()["trades"][0]["closeReason"] == "Closed by hand"
    assert error_of(person.post("/api/trades/1/close")) == (409, "conflict")


def test_brake_holds_entries_back_until_it_is_released(person: Visitor) -> None:
    assert person.post("/api/halt", {"reason": "away"}).json()["halted"] is True
    refused = person.post(f"/api/setups/{FOUND}/approve")
    assert refused.status_code == 409
    assert "away" in refused.json()["error"]["message"]
    assert person.get("/api/status").json()["halt"]["reason"] == "away"

    assert person.post("/api/resume").json() == {"schema": 1, "halted": False, "wasHalted": True}
    assert person.post(f"/api/setups/{FOUND}/approve").json()["success"] is True


def test_stats_and_curve_are_of_closed_trades(person: Visitor) -> None:
    assert person.get("/api/stats").json()["curve"] == []
    person.post(f"/api/setups/{FOUND}/approve")
    person.post("/api/trades/1/close")

    stats = person.get("/api/stats").json()

    [wanted] = botbox("stats", "--json").document["stats"]
    assert stats["pnl"] == wanted["pnl"] == stats["curve"][-1]["pnl"]
    assert stats["trades"] == 1


def test_prices_are_of_open_trades_and_waiting_setups(person: Visitor) -> None:
    assert set(person.get("/api/prices").json()["prices"]) == {"BTCUSDT", "ETHUSDT"}


def test_standing_of_a_trade_sold_in_part_counts_what_is_realised_and_what_is_left(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_TP1_FRACTION", "0.5")
    with a_server(config.load(None)) as served, served.person() as person:
        sell_half(person)

        prices = person.get("/api/prices").json()
        [trade] = person.get("/api/trades?status=open").json()["trades"]

    held, bid = Decimal(trade["held"]), Decimal(prices["prices"]["ETHUSDT"]["bid"])
    open_gain = held * (bid - Decimal(trade["entryPrice"]))
    wanted = Decimal(trade["grossPnl"]) + open_gain - Decimal(trade["fees"])
    assert 0 < held < Decimal(trade["quantity"]) * Decimal("0.6")
    assert abs(Decimal(prices["trades"]["1"]["pnl"]) - wanted) < Decimal("1e-9")


def sell_half(person: Visitor) -> None:
    """Let the trade of the setup that was found reach its first target."""
    person.post(f"/api/setups/{FOUND}/approve")
    while person.get("/api/trades/1").json()["trade"]["exitPrice"] is None:
        botbox("forward", "30m")
        botbox("monitor", "--once")


def test_script_with_the_token_needs_no_page(served: Served) -> None:
    with served.script() as script:
        answer = script.post(f"/api/setups/{FOUND}/approve")

        assert answer.json()["success"] is True
    assert facts_of("approved")["by"].startswith("web 127.0.0.1 (token) on ")


def test_health_needs_no_login_and_tells_only_ok_and_ages(served: Served) -> None:
    with served.visitor() as visitor:
        answer = visitor.get("/api/health")

    document = answer.json()
    assert answer.status_code == 200
    assert (document.pop("schema"), document.pop("ok")) == (1, True)
    assert set(document) == {"database", "exchange", "record", "scan", "monitor"}
    assert all(set(check) == {"ok", "ageSeconds"} for check in document.values())


def test_health_is_bad_when_open_trades_are_not_looked_after(person: Visitor) -> None:
    person.post(f"/api/setups/{FOUND}/approve")
    botbox("forward", "20m")

    answer = person.get("/api/health")

    assert answer.status_code == 503
    assert answer.json()["monitor"]["ok"] is False


def test_health_checks_that_wait_for_the_exchange_hold_up_nothing_else(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody needs a login to ask for the health: it must not take the threads that enter and leave trades."""
    gives_up, asked = threading.Event(), []

    def hangs(office: Office) -> tuple[str | None, datetime]:
        asked.append(office)
        gives_up.wait(60)
        return "no answer", office.wall.now()

    monkeypatch.setattr(health, "_reach", hangs)
    with served.script() as script, ThreadPoolExecutor(2 * WORKERS) as threads:
        try:
            url = f"{served.url}/api/health"
            waiting = [
                threads.submit(httpx.get, url, timeout=60, trust_env=False) for _ in range(2 * WORKERS)
            ]
            while not asked:
                time.sleep(0.01)

            assert script.get("/metrics").status_code == 200
            assert not any(each.done() for each in waiting)
        finally:
            gives_up.set()

    assert {each.result().status_code for each in waiting} == {503}
