"""The application: routes, errors, and the guard around them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from botbox_cli import __version__
from botbox_cli.errors import BotboxError, UsageError
from botbox_cli.web.answer import Refused, refusal
from botbox_cli.web.guard import Guard
from botbox_cli.web.office import Office
from botbox_cli.web.routes import ROUTES
from botbox_cli.web.shapes import Problem

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        400: "The request is not understood",
        401: "Not logged in",
        403: "Forged, or not allowed by the settings",
        404: "No such thing",
        405: "No such method here",
        409: "Refused: limit, state, expiry",
        413: "Too large",
        421: "Another server's name",
        422: "Rejected by the exchange",
        429: "Too many wrong tokens, or streams of one login",
        503: "Exchange or database not to be reached, or no place left",
        504: "Outcome unknown",
    }.items()
}


def make_app(office: Office) -> FastAPI:
    """Return the application for one office."""
    app = FastAPI(
        title="botbox",
        version=__version__,
        description="What `botbox serve` answers. Money, prices and quantities are strings, times ISO 8601 UTC.",
        openapi_url="/openapi.json" if office.place.is_loopback else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=ERRORS,
    )
    app.state.office = office
    for module in ROUTES:
        app.include_router(module.router)
    public = [path for module in ROUTES for path in getattr(module, "PUBLIC", ())]
    files = [path for module in ROUTES for path in getattr(module, "FILES", ())]
    app.add_middleware(Guard, office=office, public=public, files=files)
    app.add_exception_handler(BotboxError, _refused)
    app.add_exception_handler(HTTPException, _no_such)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    return app


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BotboxError)
    return refusal(error)


def _no_such(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {400: "usage", 404: "not_found", 405: "method"}.get(error.status_code, "http")
    response = refusal(Refused(error.status_code, str(error.detail), code=code))
    response.headers.update(error.headers or {})
    return response


def _misunderstood(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return refusal(UsageError(f"{where}: {first['msg']}", "see docs/web.md"))
