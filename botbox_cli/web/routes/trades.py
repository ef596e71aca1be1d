"""Trades, what they add up to, and closing one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request, Response

from botbox_cli.documents import Document, error_document, log_document, trade_document
from botbox_cli.domain.trade import LIVING_TRADES, TradeStatus
from botbox_cli.services.close import CloseOutcome, close
from botbox_cli.services.trades import list_trades, one_trade
from botbox_cli.web.answer import answer, raw, rendered, status_of
from botbox_cli.web.office import Office, office_of, visit_of
from botbox_cli.web.shapes import Closed, Closing, Id, Limit, Offset, Trades, TradeStory

router = APIRouter(tags=["trades"])

STATUSES: dict[str, Sequence[TradeStatus] | None] = {
    "open": LIVING_TRADES,
    "closed": (TradeStatus.CLOSED,),
    "all": None,
}


@router.get("/api/trades", response_model=Trades)
async def trades(
    request: Request,
    status: Annotated[Literal["open", "closed", "all"], Query()] = "all",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """Trades, newest entry first, a page of `limit`; `nextOffset` is where the next page begins, or null."""
    office, stamp = office_of(request), visit_of(request).stamp
    key = ("trades", status, limit, offset)
    body = office.remembered.get(stamp, key)
    if body is None:
        body = await office.read(office.remembered.made, stamp, key, lambda: _page(office, key))
    return raw(body)


def _page(office: Office, key: tuple[str, str, int, int]) -> bytes:
    _, status, limit, offset = key
    desk = office.desk
    found = list_trades(desk.store, desk.account, STATUSES[status], limit=limit + 1, offset=offset)
    more = len(found) > limit
    return rendered(
        {
            "trades": [trade_document(view) for view in found[:limit]],
            "next_offset": offset + limit if more else None,
        }
    )


@router.get("/api/trades/{trade_id}", response_model=TradeStory)
async def trade(request: Request, trade_id: Id) -> Response:
    """One trade with its history."""
    office = office_of(request)
    return answer(await office.read(_story, office, trade_id))


def _story(office: Office, trade_id: int) -> Document:
    view, _, entries = one_trade(office.desk.store, office.desk.account, trade_id)
    return {"trade": trade_document(view), "log": [log_document(entry) for entry in entries]}


@router.post("/api/trades/{trade_id}/close", response_model=Closed)
async def close_trade(
    request: Request, trade_id: Id, closing: Annotated[Closing | None, Body()] = None
) -> Response:
    """Close a trade at market, as `botbox close ID` does. In live mode `confirm` is its symbol."""
    office = office_of(request)
    outcome = await office.work(_close, office, trade_id, closing or Closing())
    error = outcome.error
    document = {
        "success": outcome.success,
        "trade_id": trade_id,
        "error": None if error is None else error_document(error),
    }
    return answer(document, 200 if error is None else status_of(error))


def _close(office: Office, trade_id: int, closing: Closing) -> CloseOutcome:
    with office.desk.store.read(office.desk.account) as books:
        symbol = books.trade(trade_id).symbol
    return close(office.money_desk(closing.confirm, symbol), trade_id, reason=closing.reason)
