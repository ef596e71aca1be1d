"""One-time links of messages: a page that says what the link would do, and a button that does it. No login needed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from botbox_cli.documents import setup_document
from botbox_cli.services import decide
from botbox_cli.services.card import card, card_facts
from botbox_cli.services.execute import execute
from botbox_cli.services.links import APPROVE, Link, read_link, using
from botbox_cli.web.answer import answer
from botbox_cli.web.office import Office, Visit, office_of, visit_of
from botbox_cli.web.routes.page import served
from botbox_cli.web.shapes import Confirmation, Done, Offer, Token

router = APIRouter(tags=["links"])
PUBLIC = ("/link/", "/api/links/")
BY_LINK = "by a link"


@router.get("/link/{token}", include_in_schema=False)
async def page(request: Request) -> Response:
    """The page that asks. It decides nothing, so that a chat which looks at every link does no harm."""
    return served(request, "link.html")


@router.get("/api/links/{token}", response_model=Offer)
async def offer(request: Request, token: Token) -> Response:
    """What a link would do."""
    office = office_of(request)
    return answer(await office.work(_offer, office, token))


def _offer(office: Office, token: str) -> dict[str, Any]:
    link = read_link(office.desk, token)
    seen = card(office.desk, link.setup_id)
    return {
        "action": link.action,
        "setup": setup_document(seen.setup),
        "sizing": card_facts(seen)["sizing"],
        "against": [e.message for e in seen.against],
        "mode": str(office.settings.mode),
    }


@router.post("/api/links/{token}", response_model=Done)
async def follow(
    request: Request, token: Token, confirmation: Annotated[Confirmation | None, Body()] = None
) -> Response:
    """Decide as the link says. In live mode `confirm` of an approval is the setup's symbol."""
    office, visit = office_of(request), visit_of(request)
    confirm = None if confirmation is None else confirmation.confirm
    return answer(await office.work(_follow, office, visit, token, confirm))


def _follow(office: Office, visit: Visit, token: str, confirm: str | None) -> dict[str, Any]:
    with using(office.desk, token) as link:
        return {"action": link.action, "setup_id": link.setup_id, **_decided(office, visit, link, confirm)}


def _decided(office: Office, visit: Visit, link: Link, confirm: str | None) -> dict[str, Any]:
    shown = {**office.decider(visit), "how": BY_LINK}
    if link.action != APPROVE:
        decide.reject(office.desk, link.setup_id, reason=BY_LINK, shown=shown)
        return {"trade_id": None}
    with office.desk.store.read(office.desk.account) as books:
        symbol = books.setup(link.setup_id).symbol
    desk = office.money_desk(confirm, symbol)
    outcome = execute(desk, link.setup_id, approve=True, shown=shown)
    if outcome.error is not None:
        raise outcome.error
    return {"trade_id": outcome.trade.trade.id}
