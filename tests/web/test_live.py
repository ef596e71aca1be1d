"""Real money in the browser: armed, typed out, and in a colour that can't be missed. The exchange is a sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from botbox_cli import config
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.server import Sandbox
from botbox_cli.exchange.paper.store import MemoryBooks
from tests.support.chromium import SHOTS
from tests.support.cli import botbox
from tests.support.web import a_server

LEVELS = ("--entry", "60000", "--stop", "58000", "--tp1", "63000")
APPROVE = "/api/setups/1/approve"


@pytest.fixture
def bank(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A live account on loopback, armed, with one setup waiting."""
    exchange = PaperExchange(MemoryBooks(), ScriptedMarket({"BTCUSDT": "60000"}), WallClock())
    with Sandbox(exchange) as host:
        who = exchange.identity
        monkeypatch.setenv("BOTBOX_MODE", "live")
        monkeypatch.setenv("BOTBOX_ARM_LIVE", who.user_id)
        monkeypatch.setenv("BYBIT_API_KEY", who.api_key)
        monkeypatch.setenv("BYBIT_API_SECRET", who.api_secret)
        monkeypatch.setenv("BYBIT_ENDPOINT", host.url)
        assert botbox("init").code == 0
        assert botbox("propose", "BTCUSDT", *LEVELS).code == 0
        yield host


def orders(bank: Sandbox) -> list[dict[str, Any]]:
    return bank.exchange.look()[0]


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("body", [{}, {"confirm": ""}, {"confirm": "yes"}, {"confirm": "ETHUSDT"}])
def test_without_the_symbol_typed_out_nothing_is_sent(body: dict[str, str], bank: Sandbox) -> None:
    with a_server(config.load(None)) as served, served.person() as person, served.script() as script:
        assert error_of(person.post(APPROVE, body)) == (400, "no_answer")
        assert error_of(script.post(APPROVE, json=body)) == (400, "no_answer")

    assert orders(bank) == []
    assert botbox("show", 1, "--json").document["setup"]["status"] == "ACTIVE"


def test_typed_out_it_trades_and_closes(bank: Sandbox) -> None:
    with a_server(config.load(None)) as served, served.person() as person:
        assert person.post(APPROVE, {"confirm": "btcusdt"}).json()["success"] is True
        assert error_of(person.post("/api/trades/1/close")) == (400, "no_answer")
        assert person.post("/api/trades/1/close", {"confirm": "BTCUSDT"}).json()["success"] is True


def test_unarmed_it_shows_and_moves_nothing(bank: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOTBOX_ARM_LIVE")
    with a_server(config.load(None)) as served, served.person() as person:
        assert person.get("/api/status").json()["armed"] is False
        assert len(person.get("/api/setups/pending").json()["setups"]) == 1
        assert error_of(person.post(APPROVE, {"confirm": "BTCUSDT"})) == (403, "not_armed")
        assert error_of(person.post("/api/trades/1/close")) == (404, "not_found")

    assert orders(bank) == []


def test_armed_for_another_account_moves_nothing(bank: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTBOX_ARM_LIVE", "4711")
    with a_server(config.load(None)) as served, served.person() as person:
        assert error_of(person.post(APPROVE, {"confirm": "BTCUSDT"})) == (403, "not_armed")

    assert orders(bank) == []


def test_no_answer_shows_the_key(bank: Sandbox) -> None:
    who = bank.exchange.identity
    with a_server(config.load(None)) as served, served.person() as person:
        person.post(APPROVE, {"confirm": "BTCUSDT"})
        paths = (
            "/",
            "/api/status",
            "/api/health",
            "/api/trades",
            "/api/trades/1",
            "/api/setups/1",
            "/metrics",
        )
        texts = [person.get(path).text for path in paths]

    assert not [t for t in texts if who.api_secret in t or who.api_key in t]


def test_page_is_red_and_asks_for_the_symbol(bank: Sandbox, browser: Any) -> None:
    with a_server(config.load(None)) as served, closing(browser.new_context()) as context:
        page = context.new_page()
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(served.url)
        page.get_by_label("Login token").fill(served.token)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_selector("html[data-drawn]")
        page.get_by_text("bound by").wait_for()
        assert page.locator("#mode").inner_text().upper() == "LIVE: REAL MONEY"
        back = page.evaluate("getComputedStyle(document.querySelector('.top')).backgroundColor")
        assert back == "rgb(193, 18, 31)"

        page.get_by_role("button", name="Approve and trade").click()
        go = page.get_by_role("button", name="Approve with real money")
        assert go.is_disabled()
        page.get_by_label("Type BTCUSDT to confirm").fill("BTCUSD")
        assert go.is_disabled()
        page.get_by_label("Type BTCUSDT to confirm").fill("BTCUSDT")
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / "phone-12-live.png")
        go.click()
        page.locator("#open [data-trade='1']").wait_for()

    assert [o["side"] for o in orders(bank)] == ["Buy", "Sell"]
