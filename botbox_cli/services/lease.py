"""Working on one trade: the lease that keeps others out, and the waiting that a command may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botbox_cli.domain.order import Order
from botbox_cli.errors import Conflict, NotFound, StorageError
from botbox_cli.ports import Books, Clock, LogEntry
from botbox_cli.services.book import TradeBook, read_trade
from botbox_cli.services.desk import Desk

LEASE_TTL_S = 15.0
FRESH = timedelta(seconds=1)
"""A lease renewed so recently is not written again: whoever else takes it would have to be 14 s ahead of this clock."""
COMMAND_BUDGET_S = 26.0
"""Waiting inside one command ends here, so that with its last request it stays within the contract's 30 s."""
QUICK_S = 2.0
"""What one quick attempt may take: a request without an answer, and a look at what became of it."""


class Budget:
    """The waiting that one command may do, for all the trades together that it works on."""

    def __init__(self, clock: Clock, seconds: float = COMMAND_BUDGET_S) -> None:
        self._clock = clock
        self._whole_s = seconds
        self._ends_at = clock.now() + timedelta(seconds=seconds)
        self._kept_s = 0.0

    def left_s(self) -> float:
        """Return what the trade at hand may use up."""
        return max(0.0, self.left_in_all_s() - self._kept_s)

    def left_in_all_s(self) -> float:
        return max(0.0, (self._ends_at - self._clock.now()).total_seconds())

    def has(self, needs_s: float) -> bool:
        """Tell whether so much is left; or nearly all, where there was hardly more from the beginning."""
        return self.left_in_all_s() >= min(needs_s, self._whole_s - 1)

    def keep_for(self, others: int) -> None:
        """Keep back from the trade at hand what so many `others` need for a quick attempt each."""
        self._kept_s = others * min(QUICK_S, self.left_in_all_s() / (others + 1))


def hurried(desk: Desk, budget: Budget) -> Desk:
    """Return a desk whose exchange is waited for no longer than the budget of the command allows."""
    return desk.asking(desk.exchange.within(budget.left_s))


@dataclass(slots=True)
class Work:
    """A hand on one trade. Every step renews the lease first, so that a process which lost it stops before it acts.

    `may_borrow`: whether what buys a short back may be sent with leverage; not once that was refused.
    """

    desk: Desk
    trade_id: int
    budget: Budget
    may_borrow: bool = True
    _renewed_at: datetime | None = None

    def renew(self) -> datetime:
        """Renew the lease unless that was just done, and return the time.

        Raises Conflict when another process has taken the trade.
        """
        now = self.desk.clock.now()
        if self._is_fresh(now):
            return now
        other = self.desk.store.take_lease(lease_name(self.trade_id), self.desk.holder, now, LEASE_TTL_S)
        if other is not None:
            raise Conflict(
                f"another process (pid {other.pid} on {other.host.split(':')[0]}) is working on trade {self.trade_id}",
                f"wait a few seconds, then look at `botbox trade {self.trade_id}`",
                code="busy",
            )
        self._renewed_at = now
        return now

    @property
    def is_held(self) -> bool:
        """Tell whether the lease was taken, and not given back."""
        return self._renewed_at is not None

    def _is_fresh(self, now: datetime) -> bool:
        return self._renewed_at is not None and self._renewed_at <= now < self._renewed_at + FRESH

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Books]:
        """A write transaction in which the lease is taken or renewed, too, unless that was just done.

        Raises Conflict when another process has it, or had it and is dead, which only `renew` finds out.
        """
        now = self.desk.clock.now()
        is_fresh = self._is_fresh(now)
        with self.desk.store.write(self.desk.account, durable=durable) as books:
            if not is_fresh:
                books.grant_lease(lease_name(self.trade_id), self.desk.holder, now, LEASE_TTL_S)
            yield books
        if not is_fresh:
            self._renewed_at = now

    def read(self) -> TradeBook:
        with self.desk.store.read(self.desk.account) as books:
            return read_trade(books, self.trade_id)

    def order(self, order_link_id: str) -> Order:
        """Return one of the trade's orders, as it is in the books now. Raises NotFound."""
        with self.desk.store.read(self.desk.account) as books:
            order = books.order_by_link_id(order_link_id)
        if order is None:
            raise NotFound(f"no order {order_link_id} in the books")
        return order

    def log(self, books: Books, event: str, detail: str, **data: Any) -> None:
        """Write one line of the trade's history, with facts as JSON has them."""
        books.log(LogEntry(self.desk.clock.now(), event, detail, trade_id=self.trade_id, data=data or None))

    def release(self) -> None:
        """Give the trade back."""
        self._renewed_at = None
        self.desk.store.free_lease(lease_name(self.trade_id), self.desk.holder)


def lease_name(trade_id: int) -> str:
    """Return the name under which a trade is leased."""
    return f"trade:{trade_id}"


@contextmanager
def working_on(desk: Desk, trade_id: int, budget: Budget, *, wait_s: float = 0.0) -> Iterator[Work]:
    """Hold the lease of a trade. Raises Conflict (code `busy`) if another process has it, after `wait_s` of trying."""
    ends_at = desk.clock.now() + timedelta(seconds=wait_s)
    work = Work(desk, trade_id, budget)
    while True:
        try:
            work.renew()
            break
        except Conflict:
            if desk.clock.now() >= ends_at:
                raise
            desk.clock.sleep(0.2)
    try:
        yield work
    finally:
        # A lease that can't be given back expires; what came of the work is the news.
        with suppress(StorageError):
            work.release()
