"""Logging in and out, and the proof that a page must send with everything that changes something."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request, Response

from botbox_cli.services.web_login import SESSION_LIFE
from botbox_cli.web.answer import answer
from botbox_cli.web.office import Office, office_of, visit_of
from botbox_cli.web.shapes import Document, Login

router = APIRouter(tags=["session"])
PUBLIC = ("/api/session",)
NAMELESS_S = 3600


class Session(Document):
    """`csrf` goes into the header X-CSRF-Token of every POST."""

    logged_in: bool
    csrf: str


@router.get("/api/session", response_model=Session)
async def session(request: Request) -> Response:
    """Whether this browser is logged in. Who is not gets a nameless cookie, which a login needs."""
    office, visit = office_of(request), visit_of(request)
    secret = visit.secret or secrets.token_urlsafe(32)
    response = answer(await office.read(_state, office, secret, bool(visit.digest)))
    if not visit.digest and not request.headers.get("authorization"):
        _set_cookie(office, response, secret, NAMELESS_S)
    return response


@router.post("/api/session", response_model=Session)
async def log_in(request: Request, login: Login) -> Response:
    """Log in with the token that `botbox init` printed."""
    office, visit = office_of(request), visit_of(request)
    secret, _ = await office.read(office.door.log_in, login.token.strip(), visit.client)
    response = answer(await office.read(_state, office, secret, True))
    _set_cookie(office, response, secret, int(SESSION_LIFE.total_seconds()))
    return response


@router.post("/api/session/end", response_model=Session)
async def log_out(request: Request) -> Response:
    """Log out: the session is worth nothing from now on."""
    office, visit = office_of(request), visit_of(request)
    await office.read(office.door.log_out, visit.secret)
    secret = secrets.token_urlsafe(32)
    response = answer(await office.read(_state, office, secret, False))
    _set_cookie(office, response, secret, NAMELESS_S)
    return response


def _state(office: Office, secret: str, logged_in: bool) -> dict[str, Any]:
    return {"logged_in": logged_in, "csrf": office.door.proof(secret)}


def _set_cookie(office: Office, response: Response, secret: str, seconds: int) -> None:
    place = office.place
    response.set_cookie(
        place.cookie,
        secret,
        max_age=seconds,
        path="/",
        secure=place.is_secure,
        httponly=True,
        samesite="strict",
    )
