"""The page in a real browser: at a desk, on a phone, with the keyboard alone. Pictures: build/screenshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.chromium import SHOTS
from tests.support.cli import botbox
from tests.support.web import Served
from tests.web.conftest import BY_HAND, FOUND

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WIDTHS = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])

OpenPage = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, served: Served) -> Iterator[OpenPage]:
    """Return a function that opens the page in a new window. Whatever the browser complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_(size: dict[str, int], *, dark: bool = False, complains: bool = True) -> Any:
        context = browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", has_touch=size == PHONE
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        if complains:
            page.on("pageerror", lambda e: complaints.append(str(e)))
            page.on(
                "console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None
            )
        page.goto(served.url)
        return page

    yield open_
    for context in contexts:
        context.close()
    # A status of 4xx is logged as an error by the browser itself; the tests ask for some.
    assert [c for c in complaints if "Failed to load resource" not in c] == []


def log_in(page: Any, served: Served) -> None:
    page.get_by_label("Login token").fill(served.token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("html[data-drawn]")


def choose(page: Any, setup: int) -> None:
    page.locator(f"[data-setup='{setup}']").click()
    page.wait_for_selector(f"html[data-drawn='{setup}']")
    page.get_by_text("bound by").wait_for()


def picture(page: Any, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True, animations="disabled")


def name_of(size: dict[str, int]) -> str:
    return "phone" if size == PHONE else "desktop"


def fits(page: Any) -> bool:
    """Tell whether nothing sticks out at the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@WIDTHS
def test_approving_opens_a_trade_that_appears(
    size: dict[str, int], open_page: OpenPage, served: Served
) -> None:
    page = open_page(size)
    picture(page, f"{name_of(size)}-1-login")
    log_in(page, served)
    choose(page, FOUND)
    assert page.locator("#mode").inner_text().lower() == "paper"
    assert page.locator("#signals").get_by_text("RSI oversold").is_visible()
    picture(page, f"{name_of(size)}-2-setup")
    assert fits(page)

    page.get_by_role("button", name="Approve and trade").click()
    picture(page, f"{name_of(size)}-3-question")
    page.get_by_label("Note").fill("looks good")
    page.locator("dialog").get_by_role("button", name="Approve and trade").click()

    trade = page.locator("[data-trade='1']")
    trade.wait_for()
    assert "ETHUSDT" in trade.inner_text()
    page.locator("#open .way .mark").wait_for(state="attached")
    assert page.locator(f"[data-setup='{FOUND}']").count() == 0
    picture(page, f"{name_of(size)}-4-traded")
    assert fits(page)
    assert [t["status"] for t in botbox("trades", "--json").document["trades"]] == ["OPEN"]


def test_trade_sold_in_part_shows_what_is_left_and_the_whole_result(
    open_page: OpenPage, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTBOX_TP1_FRACTION", "0.5")
    with served.person() as person:
        botbox("approve", FOUND, "--execute")
        while person.get("/api/trades/1").json()["trade"]["exitPrice"] is None:
            botbox("forward", "30m")
            botbox("monitor", "--once")
        page = open_page(DESKTOP)
        log_in(page, served)
        page.locator("#open .way .mark").wait_for(state="attached")
        trade = person.get("/api/trades/1").json()["trade"]
        pnl = Decimal(person.get("/api/prices").json()["trades"]["1"]["pnl"])

    def cell(name: str) -> str:
        return str(page.locator(f"[data-trade='1'] [data-name='{name}']").inner_text())

    assert cell("Quantity") == f"{trade['held']} of {trade['quantity']}"
    assert cell("P&L now") == f"{'+' if pnl > 0 else '−'}{abs(pnl):.2f}"


@WIDTHS
def test_rejecting_asks_why(size: dict[str, int], open_page: OpenPage, served: Served) -> None:
    page = open_page(size)
    log_in(page, served)
    choose(page, BY_HAND)

    page.get_by_role("button", name="Reject", exact=True).click()
    reject = page.locator("dialog").get_by_role("button", name="Reject")
    assert reject.is_disabled()
    page.get_by_label("Why? It is kept.").fill("news tonight")
    picture(page, f"{name_of(size)}-5-reject")
    reject.click()

    page.locator(f"[data-setup='{BY_HAND}']").wait_for(state="detached")
    assert botbox("show", BY_HAND, "--json").document["setup"]["reason"] == "news tonight"


def test_keyboard_alone_is_enough(open_page: OpenPage, served: Served) -> None:
    page = open_page(DESKTOP)
    page.wait_for_selector("#token:focus")
    page.keyboard.type(served.token)
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-drawn]")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("j")
    page.wait_for_selector(f"[data-setup='{FOUND}'][aria-current='true']:focus")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    picture(page, "desktop-6-keyboard")
    page.keyboard.press("a")
    page.wait_for_selector("dialog[open]")
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    page.locator("[data-trade='1']").wait_for()
    page.wait_for_selector("dialog:not([open])", state="attached")
    page.wait_for_selector(f"html[data-drawn='{BY_HAND}']")

    page.keyboard.press("r")
    page.wait_for_selector("dialog[open] #field-0:focus")
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="detached")
    page.keyboard.press("h")
    page.wait_for_selector("dialog[open]")
    page.keyboard.type("tea")
    page.keyboard.press("Enter")
    page.get_by_text("halted since").wait_for()

    assert botbox("show", FOUND, "--json").document["setup"]["note"] == "by keyboard"
    assert botbox("show", BY_HAND, "--json").document["setup"]["status"] == "ACTIVE"


def test_every_control_is_reached_by_tab_and_has_a_name(open_page: OpenPage, served: Served) -> None:
    botbox("approve", FOUND, "--execute")
    page = open_page(DESKTOP)
    log_in(page, served)
    page.locator("[data-trade='1']").wait_for()

    names = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        names.add(
            page.evaluate(
                "(e => e.getAttribute('aria-label') || e.textContent.trim())(document.activeElement)"
            )
        )

    assert {"Halt entries", "Log out", "Keyboard help", "Approve and trade", "Reject"} <= names
    assert "Close trade 1, ETHUSDT" in names
    assert "" not in names


def test_what_another_process_does_shows_by_itself(open_page: OpenPage, served: Served) -> None:
    page = open_page(DESKTOP)
    log_in(page, served)
    page.locator("#link", has_text="connected").wait_for()

    botbox("approve", FOUND, "--execute")
    page.locator("#open [data-trade='1']").wait_for()
    botbox("close", 1, "--reason", "from a terminal")
    page.locator("#closed [data-trade='1']").wait_for()
    page.locator("#curve canvas").first.wait_for()

    picture(page, "desktop-7-closed")


def test_tab_from_yesterday_shows_why_it_is_refused(open_page: OpenPage, served: Served) -> None:
    page = open_page(DESKTOP)
    log_in(page, served)
    choose(page, FOUND)
    botbox("forward", "30h")

    page.get_by_role("button", name="Approve and trade").click()
    page.locator("dialog").get_by_role("button", name="Approve and trade").click()

    page.locator("dialog .problem", has_text="expired").wait_for()
    picture(page, "desktop-8-expired")
    assert botbox("trades", "--json").document["trades"] == []


def test_price_that_moved_is_taken_when_somebody_says_so(open_page: OpenPage, served: Served) -> None:
    last = Decimal(botbox("candles", "ETHUSDT", "--limit", "1", "--json").document["candles"][0]["close"])
    levels = [f"{last * Decimal(factor):.2f}" for factor in ("0.98", "0.96", "1.06")]
    words = [word for pair in zip(("--entry", "--stop", "--tp1"), levels, strict=True) for word in pair]
    moved = botbox("propose", "ETHUSDT", *words, "--json").document["setup"]["id"]
    page = open_page(DESKTOP)
    log_in(page, served)
    choose(page, moved)
    page.get_by_text("asks whether to take the present price").wait_for()

    page.get_by_role("button", name="Approve and trade").click()
    go = page.locator("dialog").get_by_role("button", name="Approve and trade")
    assert go.is_disabled()
    page.get_by_label("take the present price").fill("accept")
    go.click()

    page.locator("[data-trade='1']").wait_for()
    [trade] = botbox("trades", "--json").document["trades"]
    assert (trade["setup_id"], trade["status"]) == (moved, "OPEN")
    assert Decimal(trade["entry_price"]) > Decimal(levels[0])
    assert trade["entry_price"] in page.locator("[data-trade='1']").inner_text()


def test_two_pages_approving_at_once_are_one_order(open_page: OpenPage, served: Served) -> None:
    pages = [open_page(DESKTOP), open_page(PHONE)]
    for page in pages:
        log_in(page, served)
        choose(page, FOUND)
        page.get_by_role("button", name="Approve and trade").click()

    for page in pages:
        page.evaluate("document.querySelector('dialog form').requestSubmit()")

    answered = (
        "!document.querySelector('dialog').open || document.querySelector('dialog .problem:not([hidden])')"
    )
    for page in pages:
        page.locator("#open [data-trade='1']").wait_for()
        page.wait_for_function(answered)
    assert len(botbox("trades", "--json").document["trades"]) == 1
    told = [page.locator("dialog .problem").is_visible() for page in pages]
    assert sorted(told) == [False, True]


def test_wrong_token_is_said(open_page: OpenPage) -> None:
    page = open_page(PHONE)
    page.get_by_label("Login token").fill("wrong")
    page.get_by_role("button", name="Log in").click()

    page.get_by_text("this is not the login token").wait_for()
    picture(page, "phone-9-wrong")
    assert page.locator("#desk").is_hidden()


def test_logging_out_hides_everything(open_page: OpenPage, served: Served) -> None:
    page = open_page(DESKTOP)
    log_in(page, served)

    page.get_by_role("button", name="Log out").click()

    page.wait_for_selector("#token:focus")
    assert page.locator("#desk").is_hidden()


@WIDTHS
def test_page_is_dark_where_the_system_is(size: dict[str, int], open_page: OpenPage, served: Served) -> None:
    botbox("approve", BY_HAND, "--execute")
    page = open_page(size, dark=True)
    log_in(page, served)
    choose(page, FOUND)
    page.locator("#open .way .mark").wait_for(state="attached")

    picture(page, f"{name_of(size)}-10-dark")
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in back.removeprefix("rgb(").removesuffix(")").split(",")) < 60


def test_documentation_page_lists_the_api(open_page: OpenPage, served: Served) -> None:
    page = open_page(DESKTOP)
    log_in(page, served)
    page.goto(f"{served.url}/docs")

    page.get_by_text("POST /api/setups/{setup_id}/approve").wait_for()
    picture(page, "desktop-11-docs")
