"""Live updates: one look a second at the database, however many pages are open, told to all by server-sent events.

The database is what all processes and machines share, so what any of them does shows here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from botbox_cli.documents import iso
from botbox_cli.errors import BotboxError
from botbox_cli.services.web_login import NotLoggedIn
from botbox_cli.web.answer import Refused
from botbox_cli.web.office import Office, Visit, office_of, visit_of
from botbox_cli.web.routes.health import jobs_of

router = APIRouter(tags=["events"])
LOOK_S = 1.0
HEARTBEAT_S = 15.0
LISTENERS_MAX = 256
LISTENERS_OF_ONE = 16
"""Of one session, or of one client that has the token."""
RETRY_MS = 2000

State = dict[str, Any]


class Lookout:
    """Looks while somebody listens, and tells each listener the newest state; a slow one skips some."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._listeners: dict[asyncio.Event, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._stamp = ""
        self.state: State = {}

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def join(self, who: str) -> asyncio.Event:
        """Return an event that is set with every new state. Raises Refused."""
        if list(self._listeners.values()).count(who) >= LISTENERS_OF_ONE:
            message = f"{LISTENERS_OF_ONE} pages of this login are listening already"
            raise Refused(429, message, "close some", code="too_many")
        if len(self._listeners) >= LISTENERS_MAX:
            raise Refused(503, f"{LISTENERS_MAX} pages are listening already", "close some", code="too_many")
        bell = asyncio.Event()
        self._listeners[bell] = who
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_out())
        return bell

    def leave(self, bell: asyncio.Event) -> None:
        """Stop listening; with the last one the looking ends."""
        self._listeners.pop(bell, None)

    async def _look_out(self) -> None:
        while self._listeners and not self._office.closing.is_set():
            try:
                state = await self._office.read(self._look)
            except BotboxError as e:
                state = {**self.state, "problem": e.code}
            if state != self.state:
                self.state = state
                for bell in self._listeners:
                    bell.set()
            await asyncio.sleep(LOOK_S)

    def _look(self) -> State:
        """Return what a page would want to know of; read only when anybody has committed anything."""
        stamp = self._office.web.stamp()
        if stamp == self._stamp and "problem" not in self.state:
            return self.state
        desk = self._office.desk
        with desk.store.read(desk.account) as books:
            head, halt = books.log_head(), books.halt()
        jobs = {name: None if run is None else _mark(run) for name, run in jobs_of(self._office).items()}
        self._stamp = stamp
        return {"log": head.count, "halted": halt is not None, "jobs": jobs}


def _mark(run: Any) -> str:
    return iso(run.finished_at or run.started_at)


class _Stream(StreamingResponse):
    """Words for one listener, who gives the place back also when gone before the first of them."""

    def __init__(self, words: AsyncIterator[str], lookout: Lookout, bell: asyncio.Event) -> None:
        super().__init__(words, media_type="text/event-stream")
        self._lookout, self._bell = lookout, bell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._lookout.leave(self._bell)


@router.get(
    "/api/events",
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}},
)
async def events(request: Request) -> StreamingResponse:
    """Server-sent events: `state` whenever something has happened, with the length of the log, the brake and the last
    passes; a comment every 15 s while nothing has. The stream ends with the session."""
    office, visit = office_of(request), visit_of(request)
    if office.lookout is None:
        office.lookout = Lookout(office)
    token_digest = await office.read(office.web.token_digest)
    lookout: Lookout = office.lookout
    bell = lookout.join(visit.digest or f"token of {visit.client}")
    return _Stream(_stream(office, visit, bell, token_digest), lookout, bell)


async def _stream(
    office: Office, visit: Visit, bell: asyncio.Event, token_digest: str | None
) -> AsyncIterator[str]:
    lookout: Lookout = office.lookout
    yield f"retry: {RETRY_MS}\n\n"
    told: State | None = None
    asked_at = time.monotonic()
    while not office.closing.is_set():
        bell.clear()  # first: what rings while the state is on its way is not lost
        if lookout.state and lookout.state != told:
            told = lookout.state
            yield f"event: state\ndata: {json.dumps(told, separators=(',', ':'))}\n\n"
        rang = await _rang(office, bell)
        if not rang or time.monotonic() - asked_at > HEARTBEAT_S:
            asked_at = time.monotonic()
            if not await office.read(_is_welcome, office, visit, token_digest):
                return
        if not rang:
            yield ": still here\n\n"


async def _rang(office: Office, bell: asyncio.Event) -> bool:
    """Wait for news; False when it is time for a heartbeat, or the server ends."""
    waiting = [asyncio.create_task(bell.wait()), asyncio.create_task(office.closing.wait())]
    try:
        done, _ = await asyncio.wait(waiting, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
        return waiting[0] in done
    finally:
        for task in waiting:
            task.cancel()


def _is_welcome(office: Office, visit: Visit, token_digest: str | None) -> bool:
    """Tell whether the session, or the token, is still good. A database that can't be asked ends nothing."""
    try:
        if visit.secret:
            office.door.session(visit.secret)
        return office.web.token_digest() == token_digest
    except NotLoggedIn:
        return False
    except BotboxError:
        return True
