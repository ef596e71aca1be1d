"""Live updates: what any process does is told to every page."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count, islice
from typing import Any

import httpx
import pytest

from botbox_cli.bootstrap import SystemClock
from botbox_cli.config import Settings
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.services.web_login import another_token
from botbox_cli.web import connection
from botbox_cli.web.routes import events
from tests.support.cli import botbox
from tests.support.waiting import until
from tests.support.web import Served, Visitor, a_server
from tests.web.conftest import FOUND
from tests.web.test_security import NOW


def states(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Yield the states as they come."""
    for line in answer.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_state_comes_at_once_and_after_what_another_process_did(person: Visitor) -> None:
    with person.http.stream("GET", "/api/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = states(answer)
        first = next(told)
        botbox("reject", FOUND, "--reason", "from a terminal")
        second = next(told)
        botbox("halt")
        third = next(told)

    assert first["log"] < second["log"] < third["log"]
    assert [s["halted"] for s in (first, second, third)] == [False, False, True]


def test_pass_of_a_job_is_told_too(person: Visitor) -> None:
    with person.http.stream("GET", "/api/events") as answer:
        told = states(answer)
        first = next(told)
        botbox("forward", "1m")
        botbox("monitor", "--once")
        second = next(told)
        while second["jobs"]["monitor"] == first["jobs"]["monitor"]:
            second = next(told)

    assert second["log"] == first["log"]


def test_quiet_stream_has_a_heartbeat_and_ends_with_the_session(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.1)
    clock = ManualClock(NOW)
    with (
        a_server(settings, wall=clock) as served,
        served.person() as person,
        person.http.stream("GET", "/api/events") as answer,
    ):
        lines = answer.iter_lines()
        while next(lines) != ": still here":
            pass
        clock.sleep(25 * 3600)
        rest = list(lines)

    assert set(rest) <= {"", ": still here"}


def test_stream_on_which_something_happens_all_the_time_ends_with_the_session(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 1.5)
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    looks = count(1)
    monkeypatch.setattr(events.Lookout, "_look", lambda _: {"log": next(looks)})
    clock = ManualClock(NOW)
    with (
        a_server(settings, wall=clock) as served,
        served.person() as person,
        person.http.stream("GET", "/api/events") as answer,
    ):
        told = states(answer)
        next(told)
        clock.sleep(25 * 3600)

        assert len(list(islice(told, 10_000))) < 10_000


def test_stream_of_a_former_token_ends(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.1)
    with served.script() as script, script.stream("GET", "/api/events") as answer:
        lines = answer.iter_lines()
        while next(lines) != ": still here":
            pass
        another_token(served.web, SystemClock())

        assert len(list(islice(lines, 1000))) < 1000


def test_number_of_listeners_is_bounded(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LISTENERS_MAX", 1)
    with served.person() as person, person.http.stream("GET", "/api/events") as first:
        told = states(first)  # Held on to: dropping it would end the stream.
        next(told)

        with served.person() as other:
            refused = other.get("/api/events")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many")


def test_server_ends_although_pages_listen(settings: Settings) -> None:
    with httpx.Client(timeout=30, trust_env=False) as http:
        with a_server(settings) as served:
            headers = {"Authorization": f"Bearer {served.token}"}
            stream = http.stream("GET", f"{served.url}/api/events", headers=headers)
            told = states(stream.__enter__())
            next(told)

        assert list(told) == []


def test_listeners_of_one_login_are_bounded_and_others_still_get_in(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LISTENERS_OF_ONE", 2)
    with ExitStack() as stack:
        greedy = stack.enter_context(served.person())
        held = [states(stack.enter_context(greedy.http.stream("GET", "/api/events"))) for _ in range(2)]
        assert all(next(told) for told in held)

        refused = greedy.get("/api/events")
        other = stack.enter_context(served.person())
        heard = states(stack.enter_context(other.http.stream("GET", "/api/events")))

        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many")
        assert next(heard)["halted"] is False


def test_listeners_with_the_token_are_bounded_too(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LISTENERS_OF_ONE", 1)
    with served.script() as script, script.stream("GET", "/api/events") as first:
        told = states(first)
        next(told)

        assert script.get("/api/events").status_code == 429


def test_client_that_hangs_up_at_once_gives_its_place_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LISTENERS_OF_ONE", 3)
    host = f"127.0.0.1:{served.place.port}"
    asked = f"GET /api/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {served.token}\r\n\r\n"
    for _ in range(40):
        with socket.create_connection((served.place.host, served.place.port), timeout=30) as hasty:
            hasty.sendall(asked.encode())

    with served.script() as script:
        until(lambda: _listens(script))


def _listens(script: httpx.Client) -> bool:
    with script.stream("GET", "/api/events") as answer:
        return answer.status_code == 200


def test_listener_that_reads_no_more_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its system still answers, or not even that: what is sent stays unread, and its place goes to others."""
    monkeypatch.setattr(connection, "VANISHED_S", 1)
    monkeypatch.setattr(events, "LISTENERS_OF_ONE", 1)
    monkeypatch.setattr(events, "LOOK_S", 0.001)
    looks = count(1)
    monkeypatch.setattr(events.Lookout, "_look", lambda _: {"log": next(looks), "filler": "x" * 65536})
    host = f"127.0.0.1:{served.place.port}"
    asked = f"GET /api/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {served.token}\r\n\r\n"
    with socket.socket() as asleep, served.script() as script:
        asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asleep.connect((served.place.host, served.place.port))
        asleep.sendall(asked.encode())
        assert asleep.recv(9) == b"HTTP/1.1 "
        assert not _listens(script)

        until(lambda: _listens(script))
