"""Setups that wait for a decision, their cards, and the decisions."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request, Response

from botbox_cli.documents import Document, error_document, setup_document
from botbox_cli.domain.setup import LIVING, SetupStatus
from botbox_cli.errors import BotboxError, UsageError
from botbox_cli.services import decide
from botbox_cli.services.card import card, card_facts
from botbox_cli.services.execute import Outcome, execute
from botbox_cli.web.answer import answer, raw, rendered, status_of
from botbox_cli.web.office import Office, Visit, office_of, visit_of
from botbox_cli.web.shapes import Approval, Approved, Card, Id, Rejected, Rejection, Setups

router = APIRouter(tags=["setups"])

STATUSES: dict[str, tuple[SetupStatus, ...]] = {
    "active": (SetupStatus.ACTIVE,),
    "waiting": LIVING,
}


@router.get("/api/setups/pending", response_model=Setups)
async def pending(request: Request) -> Response:
    """Active setups with their signals, newest first."""
    return await _list(request, "active")


@router.get("/api/setups", response_model=Setups)
async def setups(
    request: Request, status: Annotated[Literal["active", "waiting"], Query()] = "waiting"
) -> Response:
    """Setups that are active or, with `waiting`, also those that are approved and not traded yet; newest first."""
    return await _list(request, status)


async def _list(request: Request, status: str) -> Response:
    office, stamp = office_of(request), visit_of(request).stamp
    key = ("setups", status)
    body = office.remembered.get(stamp, key)
    if body is None:
        body = await office.read(office.remembered.made, stamp, key, lambda: _read(office, status))
    return raw(body)


def _read(office: Office, status: str) -> bytes:
    with office.desk.store.read(office.desk.account) as books:
        found = books.setups(STATUSES[status])
    return rendered({"setups": [setup_document(s) for s in reversed(found)]})


@router.get("/api/setups/{setup_id}", response_model=Card)
async def one_setup(request: Request, setup_id: Id) -> Response:
    """A setup's card: what it would be worth trading now, what stands against it, and what came of others like it."""
    office, visit = office_of(request), visit_of(request)
    return answer(await office.work(_card, office, visit, setup_id))


def _card(office: Office, visit: Visit, setup_id: int) -> Document:
    found = card(office.desk, setup_id)
    facts = card_facts(found)
    office.note_shown(visit, setup_id, facts)
    return {
        "setup": setup_document(found.setup),
        **facts,
        "against": [error_document(e) for e in found.against],
    }


@router.post("/api/setups/{setup_id}/approve", response_model=Approved)
async def approve(
    request: Request, setup_id: Id, approval: Annotated[Approval | None, Body()] = None
) -> Response:
    """Approve a setup and trade it, as `botbox approve ID --execute` does. In live mode `confirm` is its symbol."""
    office, visit = office_of(request), visit_of(request)
    outcome = await office.work(_approve, office, visit, setup_id, approval or Approval())
    return answer(_outcome(outcome), 200 if outcome.success else _failed(outcome.error))


def _approve(office: Office, visit: Visit, setup_id: int, approval: Approval) -> Outcome:
    with office.desk.store.read(office.desk.account) as books:
        symbol = books.setup(setup_id).symbol
    desk = office.money_desk(approval.confirm, symbol)
    shown = office.evidence(visit, setup_id)
    return execute(
        desk, setup_id, accept_price=approval.accept_price, approve=True, note=approval.note, shown=shown
    )


def _outcome(outcome: Outcome) -> Document:
    error = outcome.error
    return {
        "success": outcome.success,
        "setup_id": outcome.setup.id,
        "trade_id": outcome.trade.trade.id,
        "order_ids": [
            o.order.exchange_order_id for o in outcome.trade.orders if o.order.exchange_order_id is not None
        ],
        "error": None if error is None else error_document(error),
    }


def _failed(error: BotboxError | None) -> int:
    return 500 if error is None else status_of(error)


@router.post("/api/setups/{setup_id}/reject", response_model=Rejected)
async def reject(
    request: Request, setup_id: Id, rejection: Annotated[Rejection | None, Body()] = None
) -> Response:
    """Reject a setup. The reason is kept; the page asks for one, a script may leave it out."""
    office, visit = office_of(request), visit_of(request)
    reason = (rejection or Rejection()).reason.strip()
    if not reason:
        raise UsageError("the reason is empty", "say why: it is kept")
    await office.read(_reject, office, visit, setup_id, reason)
    return answer({"success": True, "setup_id": setup_id})


def _reject(office: Office, visit: Visit, setup_id: int, reason: str) -> None:
    decide.reject(office.desk, setup_id, reason=reason, shown=office.evidence(visit, setup_id))
