"""`botbox close ID`, `botbox close --all`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbox_cli.cli.options import AsJson, EnvFile, Yes, checked_id, id_of
from botbox_cli.cli.session import Session, begin
from botbox_cli.cli.unbroken import unbroken

if TYPE_CHECKING:
    from botbox_cli.services.close import CloseOutcome
    from botbox_cli.services.desk import Desk
    from botbox_cli.services.flatten import NotClosed


def close(
    ctx: typer.Context,
    trade_id: Annotated[
        int | None, typer.Argument(metavar="ID", parser=id_of, help="The trade, as `botbox trades` lists it.")
    ] = None,
    close_all: Annotated[bool, typer.Option("--all", help="Close every open trade.")] = False,
    yes: Yes = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: it is kept.")] = "",
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Close one trade at market, or all of them.

    Needs no approval, and no brake holds it back.

    \b
    Example:
      botbox close 1 --reason "news"
    """
    from botbox_cli.cli.confirm import is_asked
    from botbox_cli.errors import UsageError

    session = begin(ctx, as_json, env_file)
    if (trade_id is None) != close_all:
        raise UsageError("close takes either one trade or --all", "`botbox close 1` or `botbox close --all`")
    number = None if trade_id is None else checked_id(trade_id, "trade", "trades")
    must_ask = is_asked(session, yes=yes)
    with session.wired(moves_money=True) as wiring:
        desk = wiring.desk()
        if must_ask:
            _ask(session, desk, number)
        if number is None:
            return close_everything(session, desk, reason)
        return _close_one(session, desk, number, reason)


def _ask(session: Session, desk: Desk, number: int | None) -> None:
    from botbox_cli.cli.confirm import ask, exit_lines
    from botbox_cli.domain.trade import LIVING_TRADES
    from botbox_cli.services.trades import list_trades, one_trade

    if number is not None:
        views = [one_trade(desk.store, desk.account, number)[0]]
    else:
        views = list_trades(desk.store, desk.account, LIVING_TRADES)
    ask(session, [line for view in views for line in exit_lines(session, view)])


def _close_one(session: Session, desk: Desk, number: int, reason: str) -> int:
    from botbox_cli.services.close import close as close_trade

    with unbroken(session.console):
        outcome = close_trade(desk, number, reason=reason)
    if session.console.as_json:
        session.console.document(_document(outcome))
    else:
        _tell(session, outcome)
    return 0 if outcome.error is None else outcome.error.exit_code


def close_everything(session: Session, desk: Desk, reason: str, more: Mapping[str, Any] | None = None) -> int:
    """Close every open trade and say what came of each; `more` goes into the JSON document."""
    from botbox_cli.errors import gravest
    from botbox_cli.services.flatten import flatten

    with unbroken(session.console):
        results = flatten(desk, reason=reason)
    if session.console.as_json:
        session.console.document({**(more or {}), "results": [_document(r) for r in results]})
    else:
        for result in results:
            _tell(session, result)
        if not results:
            session.console.say("no open trades")
    return gravest([r.error.exit_code for r in results if r.error is not None])


def _tell(session: Session, result: CloseOutcome | NotClosed) -> None:
    from botbox_cli.cli.render.trades import trade_line
    from botbox_cli.services.close import CloseOutcome

    if isinstance(result, CloseOutcome):
        session.console.write(trade_line(result.trade))
    if result.error is not None:
        session.console.complain(result.error)


def _document(result: CloseOutcome | NotClosed) -> dict[str, Any]:
    from botbox_cli.documents import error_document, trade_document
    from botbox_cli.services.close import CloseOutcome

    error = None if result.error is None else error_document(result.error)
    if not isinstance(result, CloseOutcome):
        return {"success": False, "trade_id": result.trade_id, "error": error, "trade": None}
    trade = trade_document(result.trade)
    return {"success": result.success, "trade_id": trade["id"], "error": error, "trade": trade}
