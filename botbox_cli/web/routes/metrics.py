"""What Prometheus scrapes. It logs in as programs do, by `Authorization: Bearer TOKEN`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from botbox_cli.services.metrics import Money, gather
from botbox_cli.web.office import Office, office_of

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Setups, trades, P&L, risk, ages, errors and latency, in Prometheus' text format."""
    from botbox_cli.web.metrics import CONTENT_TYPE

    office = office_of(request)
    return Response(await office.work(_exposition, office), media_type=CONTENT_TYPE)


def _exposition(office: Office) -> bytes:
    from botbox_cli.web.metrics import exposition

    known: Money | None = office.money
    figures = gather(office.desk, office.settings.symbols, office.settings.timeframes, known)
    office.money = figures.money
    return exposition(figures)
