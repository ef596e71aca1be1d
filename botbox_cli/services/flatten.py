"""Closing every trade that is open, one after another; the failure of one does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass

from botbox_cli.domain.trade import LIVING_TRADES
from botbox_cli.errors import BotboxError
from botbox_cli.services.close import CloseOutcome, close
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Budget


@dataclass(frozen=True, slots=True)
class NotClosed:
    """A trade that could not even be tried: ended meanwhile, or another process works on it."""

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
        except BotboxError as e:
            results.append(NotClosed(trade_id, e))
    return results
