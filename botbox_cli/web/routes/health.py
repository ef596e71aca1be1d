"""Whether the system is well: for a container's health check, so without a login, and with nothing to learn from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response

from botbox_cli.documents import Document
from botbox_cli.domain.trade import LIVING_TRADES
from botbox_cli.errors import BotboxError
from botbox_cli.ports import JobRun
from botbox_cli.services.doctor import MONITOR_OVERDUE
from botbox_cli.web.answer import answer
from botbox_cli.web.office import Lately, Office, office_of
from botbox_cli.web.shapes import Health

router = APIRouter(tags=["health"])
PUBLIC = ("/api/health",)
EXCHANGE_HOLDS_S = 10.0
DATABASE_HOLDS_S = 1.0
JOBS = ("record", "scan", "monitor")


@dataclass(frozen=True, slots=True)
class Found:
    """What was found; the document says only ok and ages."""

    document: Document
    exchange_error: str | None


@router.get("/api/health", response_model=Health, responses={503: {"model": Health}})
async def health(request: Request) -> Response:
    """Database, exchange, and the last record, scan and monitor pass. 503 when something is not well.

    A pass is not well when open trades were not looked after for 15 minutes, or when it failed.
    """
    found = await health_of(office_of(request))
    return answer(found.document, 200 if found.document["ok"] else 503)


async def health_of(office: Office) -> Found:
    """Look at everything, at most once a second; at the exchange, every ten."""
    if office.health is None:
        office.health = Lately(DATABASE_HOLDS_S, lambda: _look(office))
    found: Found = await office.health.get()
    return found


def jobs_of(office: Office) -> dict[str, JobRun | None]:
    """Return the last pass of each job. Raises StorageError."""
    account = office.desk.account
    names = {
        "record": f"record:{office.wiring.venue}",
        "scan": f"scan:{account.id}",
        "monitor": f"monitor:{account.id}",
    }
    return {job: office.desk.store.last_job(name) for job, name in names.items()}


async def _look(office: Office) -> Found:
    if office.exchange_state is None:
        office.exchange_state = Lately(EXCHANGE_HOLDS_S, lambda: office.work(_reach, office))
    error, at = await office.exchange_state.get()
    passes = await office.read(_passes, office)
    document = {
        "database": {"ok": passes is not None, "age_seconds": 0.0},
        "exchange": {"ok": error is None, "age_seconds": round((office.wall.now() - at).total_seconds(), 1)},
        **(passes or {job: {"ok": True, "age_seconds": None} for job in JOBS}),
    }
    is_well = all(check["ok"] for check in document.values())
    return Found({"ok": is_well, **document}, error)


def _passes(office: Office) -> Document | None:
    """Return how the last passes are; None if the database can't be asked."""
    desk = office.desk
    now = desk.clock.now()
    try:
        jobs = jobs_of(office)
        with desk.store.read(desk.account) as books:
            has_open_trades = bool(books.trades(LIVING_TRADES, limit=1))
    except BotboxError:
        return None
    return {job: _pass(run, now, is_wanted=job == "monitor" and has_open_trades) for job, run in jobs.items()}


def _pass(run: JobRun | None, now: datetime, *, is_wanted: bool) -> Document:
    """A pass that has never run is well unless it is wanted; one that runs is as well as it is young."""
    if run is None:
        return {"ok": not is_wanted, "age_seconds": None}
    age = max(timedelta(0), now - run.started_at)
    is_well = run.ok or run.finished_at is None
    if is_wanted and age > MONITOR_OVERDUE:
        is_well = False
    return {"ok": is_well, "age_seconds": round(age.total_seconds(), 1)}


def _reach(office: Office) -> tuple[str | None, datetime]:
    """Return why the exchange can't be reached (None: it can), and when that was found out."""
    try:
        office.desk.exchange.server_time()
    except BotboxError as e:
        return e.message, office.wall.now()
    return None, office.wall.now()
