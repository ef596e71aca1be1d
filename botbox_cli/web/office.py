"""What the endpoints work with: one account's desk, the doorkeeper, threads, and what is remembered."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from starlette.requests import Request

from botbox_cli import bootstrap
from botbox_cli.bootstrap import Wiring
from botbox_cli.documents import iso
from botbox_cli.domain.account import Mode
from botbox_cli.errors import UsageError
from botbox_cli.ports import Clock, WebStore
from botbox_cli.services.desk import Desk
from botbox_cli.services.web_login import Doorkeeper
from botbox_cli.web.place import Place

T = TypeVar("T")

READERS = 6
"""Threads for what only reads the database."""
WORKERS = 8
"""Threads for what asks the exchange or takes long. They stay: each has its own connection to the exchange."""
REMEMBERED = 256
TURNS = 16


class Remembered:
    """Values that hold while the database has not changed. Bounded: the oldest goes first."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._stamp = ""
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._turns = [threading.Lock() for _ in range(TURNS)]

    def made(self, stamp: str, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was remembered at this stamp, or make it: one thread does while the others wait for it."""
        found = self.get(stamp, key)
        if found is None:
            with self._turns[hash(key) % TURNS]:
                found = self.get(stamp, key)
                if found is None:
                    found = make()
                    self.put(stamp, key, found)
        return cast(T, found)

    def get(self, stamp: str, key: Hashable) -> Any:
        """Return what was remembered at this stamp, or None."""
        with self._lock:
            return self._values.get(key) if stamp == self._stamp else None

    def put(self, stamp: str, key: Hashable, value: Any) -> None:
        """Remember what was read after `stamp` was taken."""
        with self._lock:
            if stamp != self._stamp:
                self._values.clear()
                self._stamp = stamp
            self._values[key] = value
            while len(self._values) > self._limit:
                self._values.popitem(last=False)


class Lately:
    """A value that may be some seconds old. It is fetched once, however many wait for it, and they hold no thread."""

    def __init__(self, seconds: float, fetch: Callable[[], Awaitable[Any]]) -> None:
        self._seconds, self._fetch = seconds, fetch
        self._fetching: asyncio.Task[Any] | None = None
        self._made_at = float("-inf")
        self._value: Any = None

    async def get(self) -> Any:
        """Return the value, or raise what fetching it raises."""
        if time.monotonic() - self._made_at <= self._seconds:
            return self._value
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._anew())
            self._fetching.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._fetching)

    async def _anew(self) -> Any:
        try:
            self._value = await self._fetch()
            self._made_at = time.monotonic()
            return self._value
        finally:
            self._fetching = None


@dataclass(frozen=True, slots=True)
class Visit:
    """Who sends this request: the client's address, the secret of its cookie ("" with a bearer token), and a stamp.

    `digest` is the session's, "" with a bearer token and for who has not logged in.
    """

    client: str
    secret: str
    digest: str
    stamp: str
    agent: str = ""


class Office:
    """One per process; everything in it may be used by several threads at once."""

    def __init__(self, wiring: Wiring, web: WebStore, place: Place, wall: Clock) -> None:
        self.wiring, self.web, self.place, self.wall = wiring, web, place, wall
        self.settings = wiring.settings
        self.desk = wiring.desk()
        self.door = Doorkeeper(web, wall)
        self.remembered = Remembered()
        self.shown: OrderedDict[tuple[str, int], dict[str, Any]] = OrderedDict()
        self.closing = asyncio.Event()
        # Made by the endpoints that need them, on their first request.
        self.prices: Lately | None = None
        self.health: Lately | None = None
        self.exchange_state: Lately | None = None
        self.stats: tuple[Any, bytes] | None = None
        self.lookout: Any = None
        self.money: Any = None
        self._readers = ThreadPoolExecutor(READERS, "read")
        self._workers = ThreadPoolExecutor(WORKERS, "work")

    def close(self) -> None:
        """Wait for what is under way: an entry that was begun gets its stop."""
        self._readers.shutdown()
        self._workers.shutdown()

    # -- threads

    async def read(self, work: Callable[..., T], *args: Any) -> T:
        """Run what only reads the database in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *args)

    async def work(self, work: Callable[..., T], *args: Any) -> T:
        """Run what asks the exchange, or takes long, in a thread; it goes on to its end even if the client has gone."""
        running = asyncio.get_running_loop().run_in_executor(self._workers, work, *args)
        return await asyncio.shield(running)

    # -- money

    @property
    def is_live(self) -> bool:
        return self.settings.mode is Mode.LIVE

    def money_desk(self, confirmation: str | None, wanted: str) -> Desk:
        """Return a desk of its own for what moves money: two requests at once keep each other off a trade by it.

        Raises:
            ConfigError: In live mode, without BOTBOX_ARM_LIVE.
            UsageError: In live mode, if the person has not typed `wanted`.
        """
        bootstrap.refuse_unarmed(self.settings)
        if self.is_live and (confirmation or "").strip().upper() != wanted.upper():
            raise UsageError(
                f"this moves real money and needs a confirmation: {wanted!r} typed out; nothing was sent",
                f'send it as "confirm": "{wanted}"',
                code="no_answer",
            )
        return replace(self.desk, holder=replace(self.desk.holder, token=secrets.token_hex(8)))

    def decider(self, visit: Visit) -> dict[str, Any]:
        """Return who decides, for the log."""
        how = f"session {visit.digest[:8]}" if visit.digest else "token"
        by = f"web {visit.client} ({how}) on {socket.gethostname()}"
        return {"by": by, "agent": visit.agent} if visit.agent else {"by": by}

    # -- what a card said, so that a decision is stored with it

    def note_shown(self, visit: Visit, setup_id: int, facts: dict[str, Any]) -> None:
        """Remember what this person was shown of a setup, and when. (Programs are not told apart.)"""
        if not visit.digest:
            return
        self.shown[visit.digest, setup_id] = {**facts, "shown_at": iso(self.desk.clock.now())}
        while len(self.shown) > REMEMBERED:
            self.shown.popitem(last=False)

    def evidence(self, visit: Visit, setup_id: int) -> dict[str, Any]:
        """Return who decides and what they were shown last, for the log."""
        return {**self.decider(visit), **self.shown.get((visit.digest, setup_id), {})}


def office_of(request: Request) -> Office:
    """Return the office of the application that got this request."""
    return cast(Office, request.app.state.office)


def visit_of(request: Request) -> Visit:
    """Return who sends this request, as the guard found out."""
    return cast(Visit, request.scope["botbox.visit"])
