"""One-time links over HTTP: no login, nothing decided by looking, one decision by pressing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from botbox_cli import bootstrap
from botbox_cli.config import Settings
from botbox_cli.services.links import make_links
from tests.support.cli import botbox
from tests.support.web import Served, Visitor
from tests.web.conftest import BY_HAND, FOUND

Links = Callable[[int], dict[str, str]]


@pytest.fixture
def links(settings: Settings) -> Links:
    """What makes the links of a setup, as a message carries them."""

    def make(setup_id: int) -> dict[str, str]:
        with bootstrap.wired(settings) as wiring:
            desk = wiring.desk()
            with desk.store.read(desk.account) as books:
                setup = books.setup(setup_id)
            return make_links(desk, setup)

    return make


def status_of(setup_id: int) -> str:
    status: str = botbox("show", setup_id, "--json").document["setup"]["status"]
    return status


def test_looking_at_a_link_decides_nothing(visitor: Visitor, links: Links) -> None:
    token = links(FOUND)["approve"]
    for _ in range(3):
        page, offer = visitor.get(f"/link/{token}"), visitor.get(f"/api/links/{token}")

    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert (offer.json()["action"], offer.json()["setup"]["id"]) == ("approve", FOUND)
    assert status_of(FOUND) == "ACTIVE"


def test_a_link_approves_without_a_login_and_once(visitor: Visitor, links: Links) -> None:
    token = links(FOUND)["approve"]
    visitor.load_page()

    done = visitor.post(f"/api/links/{token}")
    again = visitor.post(f"/api/links/{token}")

    assert (done.status_code, done.json()["tradeId"]) == (200, 1)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "used_link")
    assert len(botbox("trades", "--json").document["trades"]) == 1


def test_a_link_rejects(visitor: Visitor, links: Links) -> None:
    visitor.load_page()
    assert visitor.post(f"/api/links/{links(BY_HAND)['reject']}").status_code == 200

    shown = botbox("show", BY_HAND, "--json").document["setup"]
    assert (shown["status"], shown["reason"]) == ("REJECTED", "by a link")


def test_the_log_says_that_it_was_a_link(visitor: Visitor, links: Links) -> None:
    visitor.load_page()
    visitor.post(f"/api/links/{links(FOUND)['approve']}")

    assert "by a link" in botbox("explain", FOUND, "--json").out


def test_a_link_needs_the_page_that_asks(visitor: Visitor, links: Links) -> None:
    token = links(FOUND)["approve"]

    assert visitor.post(f"/api/links/{token}").status_code == 403, "no proof"
    visitor.load_page()
    assert visitor.post(f"/api/links/{token}", origin="https://evil.example").status_code == 403
    assert status_of(FOUND) == "ACTIVE"


def test_a_link_opens_nothing_else(visitor: Visitor, links: Links) -> None:
    visitor.get(f"/link/{links(FOUND)['approve']}")

    assert visitor.get("/api/trades").status_code == 401
    assert visitor.get("/api/setups/pending").status_code == 401


@pytest.mark.parametrize("token", ["x", "a.b", "e30.e30", "." * 9, "A" * 300])
def test_a_made_up_link_is_refused(visitor: Visitor, token: str) -> None:
    visitor.load_page()
    for answer in (visitor.get(f"/api/links/{token}"), visitor.post(f"/api/links/{token}")):
        assert answer.status_code in (400, 404), answer.text


def test_a_link_of_yesterday_is_refused_with_the_reason(visitor: Visitor, links: Links) -> None:
    token = links(FOUND)["approve"]
    botbox("forward", "25h")
    visitor.load_page()

    answer = visitor.post(f"/api/links/{token}")

    assert answer.status_code == 409
    assert "expired" in answer.json()["error"]["message"]
    assert botbox("trades", "--json").document["trades"] == []


def test_link_page_and_terminal_at_once_are_one_order(served: Served, links: Links) -> None:
    token = links(FOUND)["approve"]

    def by_link() -> int:
        with served.visitor() as visitor:
            visitor.load_page()
            return visitor.post(f"/api/links/{token}").status_code

    def by_page() -> int:
        with served.person() as person:
            return person.post(f"/api/setups/{FOUND}/approve").status_code

    def by_terminal() -> int:
        return botbox("approve", FOUND, "--execute", "--json").code

    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(act) for act in (by_link, by_page, by_link, by_terminal, by_page)]
        codes = [each.result() for each in running]

    assert sum(code in (0, 200) for code in codes) == 1, codes
    (trade,) = botbox("trades", "--json").document["trades"]
    assert [o["role"] for o in trade["orders"]] == ["entry", "stop"]
