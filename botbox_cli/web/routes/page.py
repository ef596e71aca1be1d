"""The page: files of the package, read once, found by their name and by nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from botbox_cli.web.answer import Refused

router = APIRouter(include_in_schema=False)
PUBLIC = FILES = ("/", "/favicon.ico", "/static/")

STATIC = Path(__file__).resolve().parents[1] / "static"
DATA = Path(__file__).resolve().parents[2] / "data"
CHARTS = "lightweight-charts-5.2.1.js"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page."""

    body: bytes
    type: str
    tag: str


@cache
def files() -> dict[str, File]:
    """Return what there is, by name."""
    found = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
    found[CHARTS] = DATA / CHARTS
    found["lightweight-charts.LICENSE.txt"] = DATA / "lightweight-charts.LICENSE"
    return {name: _file(name, path) for name, path in found.items()}


def _file(name: str, path: Path) -> File:
    body = path.read_bytes()
    return File(body, TYPES[Path(name).suffix], f'"{hashlib.sha256(body).hexdigest()[:20]}"')


def served(request: Request, name: str) -> Response:
    """Return a file, or that the browser's copy still holds. Raises Refused."""
    file = files().get(name)
    if file is None:
        raise Refused(404, "there is no such page", code="not_found")
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.type)


@router.get("/")
async def page(request: Request) -> Response:
    return served(request, "index.html")


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    return served(request, "icon.svg")


@router.get("/static/{name}")
async def static(request: Request, name: str) -> Response:
    return served(request, name)
