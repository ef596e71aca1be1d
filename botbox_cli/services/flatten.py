"""Closing every trade that is open, one after another; the failure of one does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass

from botbox_cli.domain.trade import ENDED_TRADES, LIVING_TRADES
from botbox_cli.errors import BotboxError, Conflict
from botbox_cli.services.book import read_trade
from botbox_cli.services.close import CloseOutcome, close
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Budget
from botbox_cli.services.trades import view


@dataclass(frozen=True, slots=True)
class NotClosed:
    """A trade that could not even be tried: another process works on it, say."""

    trade_id: int
    error: BotboxError


def flatten(desk: Desk, *, reason: str = "") -> list[CloseOutcome | NotClosed]:
    """Close every living trade, oldest first; return what came of each."""
    with desk.store.read(desk.account) as books:
        ids = sorted(t.id for t in books.trades(LIVING_TRADES))
    budget = Budget(desk.clock)
    results: list[CloseOutcome | NotClosed] = []
    for trade_id in ids:
        try:
            results.append(close(desk, trade_id, reason=reason, budget=budget))
        except Conflict as e:
            results.append(_ended_meanwhile(desk, trade_id) or NotClosed(trade_id, e))
        except BotboxError as e:
            results.append(NotClosed(trade_id, e))
    return results


def _ended_meanwhile(desk: Desk, trade_id: int) -> CloseOutcome | None:
    """Return a trade that another process has brought to its end, which is all that was wanted; else None."""
    with desk.store.read(desk.account) as books:
        book = read_trade(books, trade_id)
    return CloseOutcome(view(book), None) if book.trade.status in ENDED_TRADES else None
