"""A page that shows the OpenAPI document, on loopback only and behind the login, with nothing from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from botbox_cli.web.answer import Refused
from botbox_cli.web.office import office_of
from botbox_cli.web.routes.page import served

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> Response:
    if not office_of(request).place.is_loopback:
        raise Refused(404, "there is no such page", code="not_found")
    return served(request, "docs.html")
