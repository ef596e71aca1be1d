"""`botbox review`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from botbox_cli.cli.options import AsJson, EnvFile, checked_id, id_of
from botbox_cli.cli.session import Session, begin
from botbox_cli.errors import UsageError

if TYPE_CHECKING:
    from botbox_cli.documents import Document
    from botbox_cli.services.desk import Desk
    from botbox_cli.services.review import Question


def review(
    ctx: typer.Context,
    trade_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", parser=id_of, help="One closed trade; else all.")
    ] = None,
    answer: Annotated[
        str | None, typer.Option("--answer", metavar="TEXT", help="The answer, from a script.")
    ] = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Look back at closed trades: one question each, the answers are kept.

    On a terminal it asks; elsewhere, or with --json, it lists the questions.

    \b
    Examples:
      botbox review
      botbox review 1 --answer "right idea, too early"
    """
    if answer is not None and trade_id is None:
        raise UsageError("--answer needs the id of a trade", 'write `botbox review 1 --answer "…"`')
    session = begin(ctx, as_json, env_file)
    with session.wired() as wiring:
        desk = wiring.desk()
        if answer is not None:
            assert trade_id is not None
            _keep(session, desk, checked_id(trade_id, "trade", "trades"), answer)
            return
        questions = _questions(desk, trade_id)
        if as_json or not session.console.can_ask:
            _list(session, questions)
        else:
            _ask(session, desk, questions)


def _questions(desk: Desk, trade_id: int | None) -> list[Question]:
    from botbox_cli.errors import Conflict
    from botbox_cli.services.review import open_questions

    questions = open_questions(desk)
    if trade_id is None:
        return questions
    number = checked_id(trade_id, "trade", "trades")
    mine = [q for q in questions if q.trade.trade.id == number]
    if not mine:
        with desk.store.read(desk.account) as books:
            status = books.trade(number).status
        why = "is reviewed already" if status == "CLOSED" else f"is {status}, not CLOSED"
        raise Conflict(f"trade {number} {why}", f"`botbox explain --trade {number}` shows what was answered")
    return mine


def _list(session: Session, questions: list[Question]) -> None:
    from botbox_cli.cli.render.results import review_table

    if session.console.as_json:
        session.console.document({"reviews": [_document(q) for q in questions]})
        return
    review_table(session.console, questions)
    if questions:
        number = questions[0].trade.trade.id
        session.console.say(f'answer one with `botbox review {number} --answer "…"`')
    else:
        session.console.say("every closed trade is reviewed")


def _document(question: Question) -> Document:
    from botbox_cli.documents import number_or_null, time_or_null

    trade, pnl = question.trade.trade, question.trade.pnl
    return {
        "trade_id": trade.id,
        "setup_id": trade.setup_id,
        "symbol": trade.symbol,
        "direction": str(trade.direction),
        "exit_time": time_or_null(trade.exit_time),
        "close_reason": trade.close_reason,
        "pnl": number_or_null(pnl.pnl),
        "r_multiple": number_or_null(pnl.r_multiple),
        "question": question.text,
    }


def _keep(session: Session, desk: Desk, trade_id: int, text: str) -> None:
    from botbox_cli.cli.person import decider
    from botbox_cli.documents import iso
    from botbox_cli.services import review as service

    kept = service.answer(desk, trade_id, text, **decider())
    if session.console.as_json:
        assert kept.data is not None, "an answer comes with its question"
        document = {"trade_id": trade_id, "at": iso(kept.at), "question": kept.data["question"]}
        session.console.document({"review": {**document, "answer": kept.detail}})
    else:
        session.console.write(f"trade {trade_id}: {kept.detail}")


def _ask(session: Session, desk: Desk, questions: list[Question]) -> None:
    """Ask one after the other; an empty answer leaves a trade for later, the end of the input all of the rest."""
    from botbox_cli.cli.person import decider
    from botbox_cli.cli.render.trades import trade_line
    from botbox_cli.services import review as service

    console = session.console
    if not questions:
        console.say("every closed trade is reviewed")
    for question in questions:
        console.say(trade_line(question.trade))
        said = console.ask(f"{question.text} [later]: ")
        if said is None:
            break
        if said.strip():
            service.answer(desk, question.trade.trade.id, said, **decider())
