"""Looking back: one question to each closed trade, its answer kept in the log."""

from __future__ import annotations

from dataclasses import dataclass

from botbox_cli.domain.trade import CLOSED_BY_HAND, STOP_LOSS_HIT, TAKE_PROFIT_HIT, TradeStatus
from botbox_cli.errors import Conflict, UsageError
from botbox_cli.ports import LogEntry
from botbox_cli.services.book import books_of, read_trade
from botbox_cli.services.desk import Desk
from botbox_cli.services.trades import TradeView, view

EVENT = "reviewed"
ANSWER_MAX = 2000


@dataclass(frozen=True, slots=True)
class Question:
    """A closed trade, and what to ask of it."""

    trade: TradeView
    text: str


def open_questions(desk: Desk) -> list[Question]:
    """Return the closed trades that have not been reviewed, oldest exit first."""
    with desk.store.read(desk.account) as books:
        reviewed = {entry.trade_id for entry in books.log_of(event=EVENT)}
        closed = [t for t in books.trades([TradeStatus.CLOSED]) if t.id not in reviewed]
        views = [view(book) for book in books_of(books, closed)]
    questions = [Question(v, question_of(v)) for v in views]
    return sorted(
        questions, key=lambda q: (q.trade.trade.exit_time or q.trade.trade.created_at, q.trade.trade.id)
    )


def question_of(trade: TradeView) -> str:
    """Return the one question that fits how a trade ended."""
    r = trade.pnl.r_multiple
    made = "" if r is None else f" at {r:+.2f} R"
    match trade.trade.close_reason:
        case reason if reason == STOP_LOSS_HIT:
            return f"The stop was hit{made}. Was the idea wrong, or only its time? Would you take it again?"
        case reason if reason == TAKE_PROFIT_HIT:
            return f"The target was hit{made}. Which part of the evidence was right, and was the size?"
        case reason if reason == CLOSED_BY_HAND:
            return f"You closed it by hand{made}. What did you see that the plan did not?"
        case reason:
            return f"It ended{made}: {reason}. What would you do differently?"


def answer(desk: Desk, trade_id: int, text: str, *, by: str) -> LogEntry:
    """Keep the answer to a trade's question.

    Raises:
        UsageError: An empty answer, or one too long to be read again.
        NotFound, Conflict: No such trade; it is not closed, or reviewed already.
    """
    said = " ".join(text.split())
    if not said:
        raise UsageError("the answer is empty", 'write it like --answer "too early"')
    if len(said) > ANSWER_MAX:
        raise UsageError(f"the answer has {len(said)} characters, {ANSWER_MAX} at most", "say it shorter")
    with desk.store.write(desk.account) as books:
        found = view(read_trade(books, trade_id))
        if found.trade.status is not TradeStatus.CLOSED:
            raise Conflict(
                f"trade {trade_id} is {found.trade.status}, not CLOSED", "review it once it has ended"
            )
        earlier = [e for e in books.log_of(trade_id=trade_id) if e.event == EVENT]
        if earlier:
            raise Conflict(
                f"trade {trade_id} was reviewed at {earlier[0].at:%Y-%m-%d %H:%M} UTC: {earlier[0].detail}",
                "`botbox review` lists those that are not",
                code="reviewed",
            )
        data = {"question": question_of(found), "by": by}
        entry = LogEntry(desk.clock.now(), EVENT, said, trade_id=trade_id, data=data)
        books.log(entry)
    return entry
