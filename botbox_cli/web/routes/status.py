"""What the system is doing, and what its trades add up to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request, Response

from botbox_cli import __version__, bootstrap
from botbox_cli.documents import Document, iso, statistics_document, time_or_null
from botbox_cli.domain.number import ZERO, plain
from botbox_cli.domain.statistics import Result, statistics_of
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.trades import TradeView, list_trades
from botbox_cli.web.answer import answer, raw, rendered
from botbox_cli.web.office import Office, office_of, visit_of
from botbox_cli.web.routes.health import Found, health_of, jobs_of
from botbox_cli.web.shapes import Stats, Status

router = APIRouter(tags=["status"])
POINTS_MAX = 2000
"""A curve has no more points than a screen shows: between, the last of each stretch."""


@router.get("/api/status", response_model=Status)
async def status(request: Request) -> Response:
    """Mode and account, the brake, the last passes, and whether exchange and database can be reached."""
    office = office_of(request)
    return answer(await office.read(_status, office, await health_of(office)))


def _status(office: Office, health: Found) -> Document:
    settings, account = office.settings, office.desk.account
    with office.desk.store.read(account) as books:
        halt = books.halt()
    return {
        "version": __version__,
        "mode": str(settings.mode),
        "market": str(office.wiring.venue),
        "account": account.user_id,
        "armed": not office.is_live or settings.arm_live is not None,
        "database": bootstrap.database_name(settings),
        "now": iso(office.desk.clock.now()),
        "halt": None if halt is None else {"since": iso(halt.since), "reason": halt.reason},
        "health": health.document,
        "exchange_error": health.exchange_error,
        "jobs": {name: _job(run) for name, run in jobs_of(office).items()},
        "symbols": list(settings.symbols),
        "timeframes": list(settings.timeframes),
    }


def _job(run: Any) -> Document | None:
    if run is None:
        return None
    return {
        "started_at": iso(run.started_at),
        "finished_at": time_or_null(run.finished_at),
        "ok": run.ok,
        "detail": run.detail,
    }


@router.get("/api/stats", response_model=Stats)
async def stats(request: Request) -> Response:
    """Statistics of closed trades, and the curve of their summed P&L."""
    office, stamp = office_of(request), visit_of(request).stamp
    body = office.remembered.get(stamp, "stats")
    if body is None:
        body = await office.work(office.remembered.made, stamp, "stats", lambda: _stats(office))
    return raw(body)


def _stats(office: Office) -> bytes:
    """Return the statistics; computed anew when a trade has ended or the log has grown."""
    desk = office.desk
    with desk.store.read(desk.account) as books:
        head = books.log_head()
    if office.stats is None or office.stats[0] != head:
        views = [
            v for v in list_trades(desk.store, desk.account, [TradeStatus.CLOSED]) if v.pnl.pnl is not None
        ]
        views.sort(key=_exit_time)
        office.stats = (head, rendered(_stats_document(office, views)))
    body: bytes = office.stats[1]
    return body


def _stats_document(office: Office, views: list[TradeView]) -> Document:
    figures = statistics_of([Result(_pnl(v), v.pnl.r_multiple, v.pnl.fees) for v in views])
    return {
        "mode": str(office.settings.mode),
        **statistics_document(figures),
        "curve": _curve(views),
    }


def _curve(views: list[TradeView]) -> list[Document]:
    total, points = ZERO, []
    step = max(1, -(-len(views) // POINTS_MAX))
    for number, view in enumerate(views, start=1):
        total += _pnl(view)
        if number % step == 0 or number == len(views):
            points.append({"time": int(_exit_time(view).timestamp()), "pnl": plain(total)})
    return points


def _pnl(view: TradeView) -> Decimal:
    assert view.pnl.pnl is not None, "only trades with a result are here"
    return view.pnl.pnl


def _exit_time(view: TradeView) -> datetime:
    assert view.trade.exit_time is not None, "a closed trade has an exit time"
    return view.trade.exit_time
