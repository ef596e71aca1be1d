"""`botbox serve` in this process, and somebody who talks to it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from botbox_cli import bootstrap
from botbox_cli.config import Settings
from botbox_cli.ports import Clock, WebStore
from botbox_cli.services.web_login import another_token
from botbox_cli.web.place import Place
from botbox_cli.web.server import bound, ready

LIMIT_S = 60.0


@dataclass(frozen=True)
class Served:
    """A server that is running, and the token that opens it."""

    place: Place
    token: str
    web: WebStore

    @property
    def url(self) -> str:
        return self.place.url

    @contextmanager
    def visitor(self) -> Iterator[Visitor]:
        """Somebody who has not logged in."""
        with httpx.Client(base_url=self.url, timeout=LIMIT_S, trust_env=False) as http:
            yield Visitor(self, http)

    @contextmanager
    def person(self) -> Iterator[Visitor]:
        """Somebody who has logged in."""
        with self.visitor() as visitor:
            assert visitor.log_in(self.token).status_code == 200
            yield visitor

    @contextmanager
    def script(self) -> Iterator[httpx.Client]:
        """A program with the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=LIMIT_S, trust_env=False) as http:
            yield http


@dataclass
class Visitor:
    """A browser's requests: its cookies, its origin, and the proof that the page got."""

    served: Served
    http: httpx.Client
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, json: Any = None, **headers: str) -> httpx.Response:
        """Send as the page does; a header given as "" is left out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        wanted = {"origin": self.served.url, "x-csrf-token": self.csrf} | self.headers | named
        return self.http.post(
            path,
            json={} if json is None else json,
            headers={name: value for name, value in wanted.items() if value},
        )

    def load_page(self) -> None:
        """Do what the page does first: ask for the proof."""
        self.csrf = self.get("/api/session").json()["csrf"]

    def log_in(self, token: str) -> httpx.Response:
        """Log in; the page then has a proof of the new session."""
        self.load_page()
        answer = self.post("/api/session", {"token": token})
        self.csrf = answer.json().get("csrf", self.csrf)
        return answer


@contextmanager
def a_server(
    settings: Settings, *, wall: Clock | None = None, place: Place | None = None
) -> Iterator[Served]:
    """Serve what the settings name, on a free port."""
    wall = wall or bootstrap.SystemClock()
    with (
        bootstrap.wired(settings, moves_money=bootstrap.is_armed(settings)) as wiring,
        bootstrap.web_store(settings) as web,
    ):
        token = another_token(web, wall)
        listener, found = bound(place or Place(port=0))
        with listener, ready(wiring, web, found, wall) as server:
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                while not server.started and thread.is_alive():
                    time.sleep(0.01)
                yield Served(found, token, web)
            finally:
                server.handle_exit(signal.SIGINT, None)
                thread.join()
