"""The brake: no new entries until it is released."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from botbox_cli.documents import iso
from botbox_cli.services.halt import halt as pull
from botbox_cli.services.halt import resume as release
from botbox_cli.web.answer import answer
from botbox_cli.web.office import office_of
from botbox_cli.web.shapes import Halted, Halting, Resumed

router = APIRouter(tags=["halt"])


@router.post("/api/halt", response_model=Halted)
async def halt(request: Request, halting: Annotated[Halting | None, Body()] = None) -> Response:
    """Stop new entries; exits, stops and cancels go on."""
    office = office_of(request)
    desk, reason = office.desk, (halting or Halting()).reason
    brake = await office.read(lambda: pull(desk.store, desk.account, desk.clock, reason=reason))
    return answer({"halted": True, "since": iso(brake.since), "reason": brake.reason})


@router.post("/api/resume", response_model=Resumed)
async def resume(request: Request) -> Response:
    """Allow new entries again."""
    desk = office_of(request).desk
    was_halted = await office_of(request).read(release, desk.store, desk.account, desk.clock)
    return answer({"halted": False, "was_halted": was_halted})
