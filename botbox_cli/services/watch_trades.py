"""Open trades as a watch keeps them in memory: by symbol, with the levels that a price may cross."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from botbox_cli.domain.instrument import Quote
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import LIVING_TRADES, Trade, TradeStatus
from botbox_cli.ports import Books, Price
from botbox_cli.services.protect import is_through
from botbox_cli.services.target import is_at_target, target_of
from botbox_cli.services.watch_events import Crossed

BUSY_RETRY_S, BUSY_RETRY_MAX_S = 0.005, 1.0
"""A trade that a pass (ours or another's) has in hand is tried again soon, then ever less often."""


@dataclass(slots=True)
class Watched:
    """A living trade; before `rests_until` (ticks) no price makes it act again, `pause_s` is its next rest."""

    trade: Trade
    rests_until: float = 0.0
    pause_s: float = BUSY_RETRY_S

    def rest_while_busy(self, now: float) -> None:
        """Rest while another hand has the trade, each time twice as long."""
        self.rests_until = now + self.pause_s
        self.pause_s = min(2 * self.pause_s, BUSY_RETRY_MAX_S)

    def crossed(self, price: Price) -> Crossed | None:
        """Return the level that a price has reached, if any."""
        trade = self.trade
        if trade.status is not TradeStatus.OPEN:
            return None
        seen = exit_price(trade, price)
        if is_at_target(trade, seen):
            return Crossed(trade.id, trade.symbol, "target", target_of(trade), seen)
        if is_through(trade, seen):
            return Crossed(trade.id, trade.symbol, "stop", trade.stop_loss, seen)
        return None


def exit_price(trade: Trade, price: Price) -> Decimal:
    """Return what leaving would get now: a long sells at the bid, a short buys back at the ask."""
    return price.bid if trade.direction.sign > 0 else price.ask


def quote_for(trade: Trade, price: Price) -> Quote:
    """Return a streamed price as a pass reads it, judged by what leaving would get."""
    return Quote(price.symbol, price.bid, price.ask, exit_price(trade, price))


class OpenTrades:
    """The living trades by symbol, read anew when the log of the account has grown."""

    def __init__(self) -> None:
        self._of: dict[str, list[Watched]] = {}
        self._log_count = -1

    def __iter__(self) -> Iterator[Watched]:
        return (watched for trades in self._of.values() for watched in trades)

    def of(self, symbol: str) -> list[Watched]:
        return self._of.get(symbol, [])

    @property
    def symbols(self) -> set[str]:
        return set(self._of)

    def read(self, books: Books) -> list[Trade] | None:
        """Read the trades if something was logged since; return those that began or ended, None if nothing was."""
        count = books.log_head().count
        if count == self._log_count:
            return None
        is_first = self._log_count < 0
        self._log_count = count
        before = {w.trade.id: w for w in self}
        living = books.trades(LIVING_TRADES)
        self._of = {}
        for trade in reversed(living):
            watched = before.get(trade.id)
            now_is = Watched(trade) if watched is None else replace(watched, trade=trade)
            self._of.setdefault(trade.symbol, []).append(now_is)
        now = {t.id for t in living}
        ended = [books.trade(i) for i in before if i not in now]
        opened = [t for t in living if _has_opened(t, before.get(t.id))]
        return [] if is_first else [*ended, *opened]


def _has_opened(trade: Trade, before: Watched | None) -> bool:
    """Tell whether a trade has come to hold something since it was read before."""
    was_open = before is not None and before.trade.status is not TradeStatus.OPENING
    return trade.status is TradeStatus.OPEN and not was_open


def symbols_of_setups(books: Books) -> set[str]:
    """Return the pairs of the setups that wait for a decision or a trade."""
    return {s.symbol for s in books.setups([SetupStatus.ACTIVE, SetupStatus.APPROVED])}


def newer(known: Price | None, price: Price) -> Price:
    """Return the later of two prices of one symbol."""
    return price if known is None or price.at >= known.at else known
