"""`botbox execute ID` and `botbox execute --approved`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbox_cli.cli.options import AcceptPrice, AsJson, EnvFile, Yes, checked_id, id_of
from botbox_cli.cli.session import Session, begin
from botbox_cli.cli.unbroken import unbroken
from botbox_cli.errors import BotboxError, UsageError, gravest

if TYPE_CHECKING:
    from botbox_cli.documents import Document
    from botbox_cli.services.desk import Desk
    from botbox_cli.services.execute import Outcome


def execute(
    ctx: typer.Context,
    setup_id: Annotated[
        int | None, typer.Argument(metavar="ID", parser=id_of, help="An approved setup.")
    ] = None,
    approved: Annotated[
        bool, typer.Option("--approved", help="Every approved setup that has no trade.")
    ] = False,
    yes: Yes = False,
    accept_price: AcceptPrice = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> int:
    """Trade what has been approved.

    \b
    Examples:
      botbox execute 1
      botbox execute --approved
    """
    if (setup_id is None) != approved:
        raise UsageError("give the id of one setup, or `--approved` for all", "see `botbox execute --help`")
    session = begin(ctx, as_json, env_file)
    if setup_id is None:
        return _trade_approved(session, yes=yes)
    return trade_setup(session, checked_id(setup_id, "setup", "setups"), yes=yes, accept_price=accept_price)


def trade_setup(
    session: Session, setup_id: int, *, yes: bool, accept_price: bool, approve: bool = False, note: str = ""
) -> int:
    """Trade one setup, after asking in live mode; print its document or sentence and return the exit code."""
    from botbox_cli.cli.confirm import ask, entry_lines, is_asked
    from botbox_cli.services import execute as service

    must_ask = is_asked(session, yes=yes)
    with session.wired(moves_money=True) as wiring:
        desk = wiring.desk()
        if must_ask:
            plan = service.plan_entry(desk, setup_id, accept_price=accept_price, approve=approve)
            ask(session, entry_lines(session, plan))
        shown = _evidence(session, desk, setup_id) if approve else None
        with unbroken(session.console):
            outcome = service.execute(
                desk, setup_id, accept_price=accept_price, approve=approve, note=note, shown=shown
            )
    if session.console.as_json:
        session.console.document(_document(outcome))
    else:
        _report(session, outcome)
    return 0 if outcome.error is None else outcome.error.exit_code


def _evidence(session: Session, desk: Desk, setup_id: int) -> dict[str, Any]:
    """Show what came of setups like this one, and return it for the log; a script is shown nothing."""
    from botbox_cli.cli.person import decider
    from botbox_cli.cli.progress import replaying
    from botbox_cli.cli.render.setups import evidence_lines
    from botbox_cli.services.card import Card, statistics_facts, statistics_of

    if session.console.as_json:
        return decider()
    with desk.store.read(desk.account) as books:
        setup = books.setup(setup_id)
    past, error = statistics_of(desk, setup, waiting=replaying(session.console))
    evidence_lines(session.console, Card(setup, None, None, None, (), past, error))
    return {**decider(), "statistics": statistics_facts(past)}


def _trade_approved(session: Session, *, yes: bool) -> int:
    from botbox_cli.cli.confirm import ask, is_asked
    from botbox_cli.services.execute import Outcome, execute_approved

    must_ask = is_asked(session, yes=yes)
    with session.wired(moves_money=True) as wiring:
        desk = wiring.desk()
        if must_ask:
            lines = _planned(session, desk)
            if lines:
                ask(session, lines)
        with unbroken(session.console):
            results = execute_approved(desk)
        documents = [_document(r) if isinstance(r, Outcome) else _refusal(desk, *r) for r in results]
    if session.console.as_json:
        session.console.document({"results": documents})
    else:
        for result in results:
            if isinstance(result, Outcome):
                _report(session, result)
            else:
                session.console.complain(result[1])
        if not results:
            session.console.say(
                "nothing approved waits for a trade; `botbox setups` lists what waits for a decision"
            )
    errors = [r.error if isinstance(r, Outcome) else r[1] for r in results]
    return gravest([e.exit_code for e in errors if e is not None])


def _planned(session: Session, desk: Desk) -> list[str]:
    """Return what each approved setup would do now, for the question."""
    from botbox_cli.cli.confirm import entry_lines
    from botbox_cli.domain.setup import SetupStatus
    from botbox_cli.services.execute import plan_entry
    from botbox_cli.services.plan import has_living_trade

    with desk.store.read(desk.account) as books:
        waiting = [s.id for s in books.setups([SetupStatus.APPROVED]) if not has_living_trade(books, s.id)]
    lines: list[str] = []
    for setup_id in sorted(waiting):
        try:
            lines += entry_lines(session, plan_entry(desk, setup_id, accept_price=False, approve=False))
        except BotboxError as e:
            lines.append(f"setup {setup_id} would be refused: {e.message}")
    return lines


def _document(outcome: Outcome) -> Document:
    from botbox_cli.documents import outcome_document

    return outcome_document(outcome.setup, outcome.trade, outcome.error, success=outcome.success)


def _refusal(desk: Desk, setup_id: int, error: BotboxError) -> Document:
    from botbox_cli.documents import outcome_document

    with desk.store.read(desk.account) as books:
        return outcome_document(books.setup(setup_id), None, error, success=False)


def _report(session: Session, outcome: Outcome) -> None:
    from botbox_cli.cli.render.trades import trade_line
    from botbox_cli.domain.trade import TradeStatus

    session.console.write(trade_line(outcome.trade))
    if outcome.error is not None:
        session.console.complain(outcome.error)
    elif outcome.trade.trade.status is TradeStatus.OPEN:
        session.console.say("its stop rests on the exchange; `botbox monitor --once` looks after it")
