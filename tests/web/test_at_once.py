"""An approval by page, terminal and phone at once is one order, on both databases: real requests, real processes."""

from __future__ import annotations

import json
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import httpx
import pytest

from botbox_cli import config
from botbox_cli.config import Settings
from botbox_cli.exchange.paper.faults import FaultyExchange
from botbox_cli.exchange.paper.protocol import Reply, Request
from tests.crash.situations import MONITOR, propose
from tests.support.forkserver import Forkserver, a_forkserver
from tests.support.stage import HttpHost, HttpStage, Stage, quick_folder
from tests.support.waiting import until
from tests.support.web import LIMIT_S, Served, Visitor, a_server

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
PAGES = 4
SCRIPTS = 2
TERMINALS = 3


@pytest.fixture(scope="module")
def forkserver() -> Iterator[Forkserver]:
    with a_forkserver() as server:
        yield server


@pytest.fixture(scope="module")
def host() -> Iterator[HttpHost]:
    host = HttpHost()
    yield host
    host.close()


@pytest.fixture(params=BOTH)
def stage(request: pytest.FixtureRequest, forkserver: Forkserver, host: HttpHost) -> Iterator[HttpStage]:
    """An account in testnet mode whose exchange is a sandbox on loopback, on the wall's clock."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    numbers = count()
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        stage = HttpStage(forkserver, Path(folder) / str(next(numbers)), host, url=url, wall=True)
        stage.build()
        with stage:
            yield stage


def settings_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    return config.load(None)


@pytest.fixture
def served(stage: HttpStage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with a_server(settings_of(stage, monkeypatch)) as served:
        yield served


def settled(stage: Stage) -> list[str]:
    """Settle and judge."""
    last = [stage.run(*MONITOR), stage.run(*MONITOR)][-1]
    return [*([str(last)] if last.code else []), *stage.faults()]


def at_once(works: list[Callable[[], object]]) -> None:
    """Do everything at the same moment, and wait."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        barrier.wait()
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_approval_by_pages_scripts_and_terminals_at_once_is_one_order(
    stage: HttpStage, served: Served
) -> None:
    propose(stage)
    answers: list[httpx.Response] = []
    with ExitStack() as stack:
        people: list[Visitor] = [stack.enter_context(served.person()) for _ in range(PAGES)]
        scripts = [stack.enter_context(served.script()) for _ in range(SCRIPTS)]
        commands = [stage.start("approve", "1", "--execute", "--json") for _ in range(TERMINALS)]

        at_once(
            [
                *[lambda p=p: answers.append(p.post("/api/setups/1/approve")) for p in people],  # type: ignore[misc]
                *[lambda s=s: answers.append(s.post("/api/setups/1/approve")) for s in scripts],  # type: ignore[misc]
            ]
        )
        ended = [command.wait() for command in commands]

    won = [a for a in answers if a.status_code == 200]
    others = [a for a in answers if a.status_code != 200]
    assert len(won) + sum(e.code == 0 for e in ended) == 1, (answers, ended)
    assert {a.status_code for a in others} <= {409}
    assert all(a.json()["error"]["message"] for a in others)
    assert {e.code for e in ended} <= {0, 4}
    case = stage.case()
    assert len(case.truth.of_trade(case.installation, 1, "entry")) == len(case.trades) == 1
    assert settled(stage) == []


def test_while_a_terminal_is_entering_the_page_is_told_to_wait(stage: HttpStage, served: Served) -> None:
    propose(stage)
    holder = stage.start("approve", "1", "--execute", "--json", fault="freeze='before place_order'")
    assert holder.wait_until_frozen()

    with served.person() as person:
        answer = person.post("/api/setups/1/approve")
    holder.thaw()

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "busy")
    assert holder.wait().code == 0
    assert settled(stage) == []


def test_closing_by_page_and_terminal_at_once_sells_once(stage: HttpStage, served: Served) -> None:
    propose(stage)
    stage.must("approve", "1", "--execute")
    answers: list[httpx.Response] = []
    with ExitStack() as stack:
        people = [stack.enter_context(served.person()) for _ in range(3)]
        command = stage.start("close", "1", "--json")

        at_once([lambda p=p: answers.append(p.post("/api/trades/1/close")) for p in people])  # type: ignore[misc]

        assert command.wait().code in (0, 4)
    assert {a.status_code for a in answers} <= {200, 409}
    case = stage.case()
    assert len(case.truth.of_trade(case.installation, 1, "exit")) == 1
    assert settled(stage) == []


def test_exchange_that_is_away_is_said_and_nothing_was_placed(stage: HttpStage, served: Served) -> None:
    propose(stage)
    exchange = stage.host.sandbox
    with served.person() as person:
        assert person.get("/api/health").json()["exchange"]["ok"] is True
        faulty, exchange.faulty = exchange.faulty, _Away()  # type: ignore[assignment]
        try:
            answer = person.post("/api/setups/1/approve")
        finally:
            exchange.faulty = faulty

        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "unavailable"
        assert person.get("/api/setups/pending").json()["setups"][0]["status"] == "ACTIVE"
        assert person.post("/api/setups/1/approve").json()["success"] is True
    assert settled(stage) == []


def test_entry_under_way_at_the_end_of_the_server_is_answered(
    stage: HttpStage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("botbox_cli.web.server.GOODBYE_S", 0.05)
    propose(stage)
    held = _Held(stage.host.sandbox.faulty)
    monkeypatch.setattr(stage.host.sandbox, "faulty", held)
    answers: list[httpx.Response] = []
    with ExitStack() as people:
        with a_server(settings_of(stage, monkeypatch)) as served:
            person = people.enter_context(served.person())
            asking = threading.Thread(target=lambda: answers.append(person.post("/api/setups/1/approve")))
            asking.start()
            assert held.is_met.wait(LIMIT_S)
            threading.Timer(0.5, held.is_free.set).start()
        asking.join()

    assert [(a.status_code, a.json()["success"]) for a in answers] == [(200, True)]
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    assert stage.faults() == []


def test_second_ctrl_c_does_not_break_off_the_answer_to_an_order(
    stage: HttpStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    propose(stage)
    held = _Held(stage.host.sandbox.faulty)
    token = stage.must("serve", "--new-token", "--json").document["web_token"]
    process = stage.start("serve", "--port", "0", "--json")
    out = process.output.with_suffix(".out")
    until(lambda: out.exists() and out.read_text().endswith("\n"))
    monkeypatch.setattr(stage.host.sandbox, "faulty", held)
    answers: list[httpx.Response] = []

    def ask() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        url = json.loads(out.read_text())["url"] + "/api/setups/1/approve"
        answers.append(httpx.post(url, headers=headers, json={}, timeout=LIMIT_S, trust_env=False))

    asking = threading.Thread(target=ask)
    asking.start()
    assert held.is_met.wait(LIMIT_S)
    os.kill(process.pid, signal.SIGINT)
    threading.Timer(0.5, os.kill, (process.pid, signal.SIGINT)).start()
    threading.Timer(1.0, held.is_free.set).start()
    asking.join()
    ended = process.wait()

    assert [(a.status_code, a.json()["success"]) for a in answers] == [(200, True)]
    assert (ended.code, ended.err) == (0, "the server has stopped\n")
    assert stage.faults() == []


@pytest.mark.parametrize("stage", BOTH[1:], indirect=True)
def test_database_that_is_gone_for_a_while_is_said_and_comes_back(stage: HttpStage, served: Served) -> None:
    propose(stage)
    with served.person() as person, person.http.stream("GET", "/api/events") as events:
        told = (line for line in events.iter_lines() if line.startswith("data: "))
        assert "problem" not in next(told)
        with _gone(stage.database_url):
            assert "storage_unreachable" in next(told)
            health = person.get("/api/health")
            refused = person.post("/api/setups/1/approve")
            page = person.get("/")
        while "problem" in next(told):
            pass

        assert (health.status_code, health.json()["database"]["ok"]) == (503, False)
        assert (refused.status_code, refused.json()["error"]["retryable"]) == (503, True)
        assert page.status_code == 200
        assert person.post("/api/setups/1/approve").json()["success"] is True
    assert settled(stage) == []


@contextmanager
def _gone(url: str) -> Iterator[None]:
    """Let a database of the PostgreSQL server take no connections, and end those that it has."""
    import psycopg

    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')  # type: ignore[call-overload]
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')  # type: ignore[call-overload]


class _Held:
    """An exchange that keeps the answer to an entry back until it is let free."""

    def __init__(self, exchange: FaultyExchange) -> None:
        self._exchange = exchange
        self.is_met, self.is_free = threading.Event(), threading.Event()

    def handle(self, request: Request) -> Reply:
        reply = self._exchange.handle(request)
        if "-entry" in str(request.params.get("orderLinkId")) and request.path == "/v5/order/create":
            self.is_met.set()
            assert self.is_free.wait(LIMIT_S)
        return reply


class _Away:
    """An exchange whose server answers nothing but an error."""

    def handle(self, request: object) -> object:
        return Reply(503, {}, "<html>away</html>")
