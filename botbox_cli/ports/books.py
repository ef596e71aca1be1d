"""One account's books. They raise NotFound, Conflict and StorageError."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from botbox_cli.domain.account import Halt
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.order import Order, OrderStatus
from botbox_cli.domain.record import record
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.ports.holder import Holder


@record
class LogEntry:
    """One dated line of an account's history; `data` holds facts for machines, as JSON has them."""

    at: datetime
    event: str
    detail: str
    trade_id: int | None = None
    setup_id: int | None = None
    data: dict[str, Any] | None = None
    id: int = 0

    def hash_after(self, before: str) -> str:
        """Return the hash that chains this entry (without its id) to one of hash `before`, "" for the first."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        facts = [before, at, self.event, self.detail, self.trade_id, self.setup_id, self.data]
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@record
class LogHead:
    """Where an account's log ends: how many entries it has had, and the hash of the newest ("" without any)."""

    count: int
    hash: str


@record
class JobRun:
    """One pass of a scheduled job; `finished_at` None while it runs (or after it died)."""

    job: str
    started_at: datetime
    finished_at: datetime | None = None
    ok: bool = False
    detail: str = ""
    id: int = 0


class Books(Protocol):
    """One transaction on one account's books. Rows of other accounts do not exist for it.

    Compare-and-set methods (`move_*`) raise Conflict when the stored status is not among `from_`.
    """

    # -- setups
    def add_setup(self, setup: Setup) -> Setup | None:
        """Store a setup with its signals; None if one of the same symbol, timeframe, kind and candle exists."""
        ...

    def setup(self, setup_id: int) -> Setup:
        """Return a setup. Raises NotFound."""
        ...

    def setups(self, statuses: Sequence[SetupStatus] | None = None) -> list[Setup]: ...

    def move_setup(
        self,
        setup_id: int,
        from_: Sequence[SetupStatus],
        to: SetupStatus,
        **fields: Any,
    ) -> None: ...

    # -- trades
    def add_trade(self, trade: Trade) -> Trade:
        """Store a trade. Raises Conflict if the setup has one that is not FAILED."""
        ...

    def trade(self, trade_id: int) -> Trade:
        """Return a trade. Raises NotFound."""
        ...

    def trades(
        self,
        statuses: Sequence[TradeStatus] | None = None,
        *,
        symbol: str | None = None,
        since: datetime | None = None,
        ended_since: datetime | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Trade]:
        """Return trades, newest first (by id); `since` bounds when they were made, `ended_since` when they ended."""
        ...

    def move_trade(
        self,
        trade_id: int,
        from_: Sequence[TradeStatus],
        to: TradeStatus,
        **fields: Any,
    ) -> None: ...

    def update_trade(self, trade_id: int, **fields: Any) -> None: ...

    def grant_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> None:
        """Give the lease of what this very transaction created to its maker, so that nobody else comes first."""
        ...

    def instrument(self, symbol: str) -> Instrument | None:
        """Return the rules of a pair on the account's venue, as `Store.instrument`."""
        ...

    # -- orders and fills
    def add_order(self, order: Order) -> Order: ...

    def orders(self, trade_ids: Sequence[int]) -> list[Order]:
        """Return the orders of these trades, oldest first."""
        ...

    def order_by_link_id(self, order_link_id: str) -> Order | None: ...

    def move_order(
        self,
        order_link_id: str,
        from_: Sequence[OrderStatus],
        to: OrderStatus,
        **fields: Any,
    ) -> None: ...

    def add_fill(self, fill: Fill) -> bool:
        """Store a fill of a known order; False if its `execution_id` is there already."""
        ...

    def set_fill_fees_quote(self, execution_id: str, fees_quote: Decimal) -> None: ...

    def fills(self, trade_ids: Sequence[int]) -> list[Fill]:
        """Return the fills of these trades, oldest first."""
        ...

    # -- the rest
    def log(self, entry: LogEntry) -> None:
        """Append an entry, chained to the newest by its hash; nothing ever changes or removes one."""
        ...

    def log_of(
        self, *, trade_id: int | None = None, setup_id: int | None = None, event: str | None = None
    ) -> list[LogEntry]:
        """Return the entries of a trade, of a setup or of an event (all without any of them), oldest first."""
        ...

    def log_head(self) -> LogHead:
        """Return where the log ends, as remembered beside the log."""
        ...

    def log_count(self, before: datetime | None = None) -> int:
        """Return how many entries the log holds: all, or those in front of the first one at or after `before`."""
        ...

    def log_links(self, skip: int, limit: int) -> list[tuple[LogEntry, str]]:
        """Return entries with their stored hashes, oldest first, without the `skip` oldest."""
        ...

    def halt(self) -> Halt | None: ...

    def set_halt(self, halt: Halt | None) -> None: ...

    def marker(self, name: str) -> str | None:
        """Return a small remembered value of this account, such as the newest execution time seen."""
        ...

    def set_marker(self, name: str, value: str) -> None: ...
