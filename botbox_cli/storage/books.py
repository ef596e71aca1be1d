"""One transaction on one account's books: rows in and out as domain values, every query bound to the account.

Statements are named here, built in `statements`, and compiled once (see `run`); no ORM object is made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any

from botbox_cli.domain.account import Account, Halt
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.order import Order, OrderStatus
from botbox_cli.domain.setup import Setup, SetupStatus, Signal
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import Conflict, NotFound
from botbox_cli.ports import Holder, LogEntry, LogHead
from botbox_cli.storage.run import Hand, Row, Runner, Statement, statement

SETUP_BY_ID, ALL_SETUPS, SETUP_STATUS = map(statement, ("SETUP_BY_ID", "ALL_SETUPS", "SETUP_STATUS"))
ADD_SETUP, ADD_SIGNAL = statement("upsert.add_setup"), statement("ADD_SIGNAL")
TRADE_BY_ID, TRADE_STATUS, UPDATE_TRADE = map(statement, ("TRADE_BY_ID", "TRADE_STATUS", "UPDATE_TRADE"))
ADD_TRADE, GRANT_LEASE = statement("upsert.add_trade"), statement("upsert.take_lease")
ORDER_BY_LINK_ID, ORDER_STATUS = statement("ORDER_BY_LINK_ID"), statement("ORDER_STATUS")
ADD_ORDER = statement("upsert.add_order")
ADD_FILL, UPDATE_FILL = statement("upsert.add_fill"), statement("UPDATE_FILL")
ADD_LOG, LOG, LOG_LINKS, LOG_COUNT = map(statement, ("ADD_LOG", "LOG", "LOG_LINKS", "LOG_COUNT"))
FIRST_LOG_SINCE, LOG_COUNT_BEFORE = statement("FIRST_LOG_SINCE"), statement("LOG_COUNT_BEFORE")
LOG_OF_TRADE, LOG_OF_SETUP, LOG_OF_EVENT = map(statement, ("LOG_OF_TRADE", "LOG_OF_SETUP", "LOG_OF_EVENT"))
LOG_HEAD = "log head"
"""Marker: count and hash. The log itself does not tell when its newest entries are gone."""
HALT, PUT_HALT, DELETE_HALT = map(statement, ("HALT", "upsert.put_halt", "DELETE_HALT"))
INSTRUMENT = statement("INSTRUMENT")
MARKER, PUT_MARKER = statement("MARKER"), statement("upsert.put_marker")


def _among(values: Sequence[Any]) -> dict[str, Any]:
    return {f"any_{n}": value for n, value in enumerate(values)}


class _Values:
    """Turns a dataclass into a row: all its fields but the id, the account beside them."""

    def __init__(self, cls: type, *, without: Iterable[str] = ()) -> None:
        self.names = [f.name for f in fields(cls) if f.name not in {"id", *without}]
        self.get = attrgetter(*self.names)

    def __call__(self, value: Any, account: Account) -> dict[str, Any]:
        row = dict(zip(self.names, self.get(value), strict=True))
        row["account_id"] = account.id
        return row


_setup_row, _trade_row = _Values(Setup, without=["signals"]), _Values(Trade)
_order_row, _fill_row, _log_row = _Values(Order), _Values(Fill), _Values(LogEntry)


class SqlBooks:
    """`ports.Books` inside one transaction."""

    def __init__(self, hand: Hand, account: Account) -> None:
        self._run = Runner(hand)
        self._account = account

    # -- setups

    def add_setup(self, setup: Setup) -> Setup | None:
        """Store a setup with its signals; None if one of the same symbol, timeframe, kind and candle exists."""
        setup_id = self._run.value(ADD_SETUP, _setup_row(setup, self._account))
        if setup_id is None:
            return None
        for position, signal in enumerate(setup.signals):
            row = {"setup_id": setup_id, "position": position, "type": signal.type, "value": signal.value}
            self._run.changed(ADD_SIGNAL, row)
        return replace(setup, id=setup_id)

    def setup(self, setup_id: int) -> Setup:
        """Return a setup. Raises NotFound."""
        found = self._with_signals(self._rows(SETUP_BY_ID, {"key_": setup_id}))
        if not found:
            raise _no_setup(setup_id)
        return found[0]

    def setups(self, statuses: Sequence[SetupStatus] | None = None) -> list[Setup]:
        """Return setups of these statuses (None: of all), oldest first."""
        if statuses is None:
            return self._with_signals(self._rows(ALL_SETUPS, {}))
        return self._with_signals(self._rows(statement("setups_of", len(statuses)), _among(statuses)))

    def _with_signals(self, rows: Sequence[Row]) -> list[Setup]:
        of: dict[int, list[Signal]] = defaultdict(list)
        for batch in _batches([row[-1] for row in rows]):
            for setup_id, type_, value in self._run.rows(statement("signals_of", len(batch)), _among(batch)):
                of[setup_id].append(Signal(type_, value))
        return [Setup(*(*row[:-1], tuple(of[row[-1]]), row[-1])) for row in rows]

    def move_setup(
        self, setup_id: int, from_: Sequence[SetupStatus], to: SetupStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved("move_setup", setup_id, from_, to, changes):
            status = self._run.value(SETUP_STATUS, self._key(setup_id))
            raise _stale(f"setup {setup_id}", status, from_) if status else _no_setup(setup_id)

    # -- trades

    def add_trade(self, trade: Trade) -> Trade:
        """Store a trade. Raises Conflict if the setup has one that is not FAILED, NotFound without that setup."""
        assert trade.mode == self._account.mode, (trade.mode, self._account.mode)
        if self._run.value(SETUP_STATUS, self._key(trade.setup_id)) is None:
            raise _no_setup(trade.setup_id)
        trade_id = self._run.value(ADD_TRADE, _trade_row(trade, self._account))
        if trade_id is None:
            raise Conflict(
                f"setup {trade.setup_id} is traded already",
                "`botbox trades` shows its trade",
                code="already_traded",
            )
        return replace(trade, id=trade_id)

    def trade(self, trade_id: int) -> Trade:
        """Return a trade. Raises NotFound."""
        rows = self._rows(TRADE_BY_ID, {"key_": trade_id})
        if not rows:
            raise _no_trade(trade_id)
        return Trade(*rows[0])

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
        query = statement(
            "trades_of",
            None if statuses is None else len(statuses),
            symbol is not None,
            since is not None,
            ended_since is not None,
            limit is not None or offset > 0,
        )
        parameters = {
            "symbol_": symbol,
            "since_": since,
            "ended_since_": ended_since,
            "limit_": _NO_LIMIT if limit is None else limit,
            "offset_": offset,
        }
        return [Trade(*row) for row in self._rows(query, parameters | _among(statuses or ()))]

    def move_trade(
        self, trade_id: int, from_: Sequence[TradeStatus], to: TradeStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved("move_trade", trade_id, from_, to, changes):
            status = self._run.value(TRADE_STATUS, self._key(trade_id))
            raise _stale(f"trade {trade_id}", status, from_) if status else _no_trade(trade_id)

    def update_trade(self, trade_id: int, **changes: Any) -> None:
        """Change fields of a trade, whatever its status. Raises NotFound."""
        if not self._changed(UPDATE_TRADE, trade_id, changes):
            raise _no_trade(trade_id)

    def grant_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> None:
        """Give the lease of what this very transaction created to its maker, so that nobody else comes first.

        Raises Conflict if another process holds a lease of that name.
        """
        row = {**asdict(holder), "name": name, "expires_at": now + timedelta(seconds=ttl_s), "now_": now}
        if self._run.value(GRANT_LEASE, row) is None:
            raise Conflict(f"{name} is held by another process", "try again in a moment", code="busy")

    def instrument(self, symbol: str) -> Instrument | None:
        """Return the rules of a pair on the account's venue, or None while they have not been recorded."""
        rows = self._run.rows(INSTRUMENT, {"venue_": self._account.venue, "symbol_": symbol})
        return Instrument(*rows[0]) if rows else None

    # -- orders and fills

    def add_order(self, order: Order) -> Order:
        """Store an order. Raises Conflict if its link id is taken, NotFound without its trade."""
        if self._run.value(TRADE_STATUS, self._key(order.trade_id)) is None:
            raise _no_trade(order.trade_id)
        order_id = self._run.value(ADD_ORDER, _order_row(order, self._account))
        if order_id is None:
            raise Conflict(
                f"order {order.order_link_id} is in the books already",
                f"`botbox trade {order.trade_id}` shows it",
                code="duplicate_link_id",
            )
        return replace(order, id=order_id)

    def orders(self, trade_ids: Sequence[int]) -> list[Order]:
        """Return the orders of these trades, oldest first."""
        return [Order(*row) for row in self._rows_of("orders_of", trade_ids)]

    def order_by_link_id(self, order_link_id: str) -> Order | None:
        """Return an order, or None."""
        rows = self._rows(ORDER_BY_LINK_ID, {"key_": order_link_id})
        return Order(*rows[0]) if rows else None

    def move_order(
        self, order_link_id: str, from_: Sequence[OrderStatus], to: OrderStatus, **changes: Any
    ) -> None:
        """Change the status if it is among `from_`. Raises Conflict, NotFound."""
        if not self._moved("move_order", order_link_id, from_, to, changes):
            status = self._run.value(ORDER_STATUS, self._key(order_link_id))
            raise _stale(f"order {order_link_id}", status, from_) if status else _no_order(order_link_id)

    def add_fill(self, fill: Fill) -> bool:
        """Store a fill of a known order; False if its `execution_id` is there already. Raises NotFound."""
        if self._run.value(ORDER_STATUS, self._key(fill.order_link_id)) is None:
            raise _no_order(fill.order_link_id)
        return self._run.value(ADD_FILL, _fill_row(fill, self._account)) is not None

    def set_fill_fees_quote(self, execution_id: str, fees_quote: Decimal) -> None:
        """Remember what the fees of a fill were worth in quote coin. Raises NotFound."""
        if not self._changed(UPDATE_FILL, execution_id, {"fees_quote": fees_quote}):
            raise NotFound(f"no fill {execution_id} in the books", "`botbox trades` lists the trades")

    def fills(self, trade_ids: Sequence[int]) -> list[Fill]:
        """Return the fills of these trades, oldest first."""
        return [Fill(*row) for row in self._rows_of("fills_of", trade_ids)]

    # -- the rest

    def log(self, entry: LogEntry) -> None:
        """Append an entry, chained to the remembered head: one that follows removed entries can't hide that."""
        head = self.log_head()
        new = LogHead(head.count + 1, entry.hash_after(head.hash))
        self._run.changed(ADD_LOG, _log_row(entry, self._account) | {"hash": new.hash})
        self.set_marker(LOG_HEAD, f"{new.count} {new.hash}")

    def log_of(
        self, *, trade_id: int | None = None, setup_id: int | None = None, event: str | None = None
    ) -> list[LogEntry]:
        """Return the entries of a trade, of a setup or of an event (all without any of them), oldest first."""
        if trade_id is not None:
            rows = self._rows(LOG_OF_TRADE, {"key_": trade_id})
        elif setup_id is not None:
            rows = self._rows(LOG_OF_SETUP, {"key_": setup_id})
        elif event is not None:
            rows = self._rows(LOG_OF_EVENT, {"key_": event})
        else:
            rows = self._rows(LOG, {})
        return [LogEntry(*row) for row in rows]

    def log_head(self) -> LogHead:
        """Return where the log ends, as remembered beside the log.

        One that was lost or can't be read is that of an empty log: the books must go on, and `audit verify` tells.
        """
        count, _, digest = (self.marker(LOG_HEAD) or "").partition(" ")
        return LogHead(int(count), digest) if count.isdecimal() else LogHead(0, "")

    def log_count(self, before: datetime | None = None) -> int:
        """Return how many entries the log holds: all, or those in front of the first one at or after `before`."""
        if before is not None:
            first = self._run.value(FIRST_LOG_SINCE, {"account_": self._account.id, "since_": before})
            if first is not None:
                return int(self._run.value(LOG_COUNT_BEFORE, self._key(first)))
        return int(self._run.value(LOG_COUNT, {"account_": self._account.id}))

    def log_links(self, skip: int, limit: int) -> list[tuple[LogEntry, str]]:
        """Return entries with their stored hashes, oldest first, without the `skip` oldest."""
        rows = self._rows(LOG_LINKS, {"offset_": skip, "limit_": limit})
        return [(LogEntry(*row[:-1]), row[-1]) for row in rows]

    def halt(self) -> Halt | None:
        """Return the brake if it is on."""
        rows = self._rows(HALT, {})
        return Halt(*rows[0]) if rows else None

    def set_halt(self, halt: Halt | None) -> None:
        """Put the brake on (or change its reason), or take it off."""
        account_id = self._account.id
        if halt is None:
            self._run.changed(DELETE_HALT, {"account_": account_id})
        else:
            row = {"account_id": account_id, "since": halt.since, "reason": halt.reason}
            self._run.changed(PUT_HALT, row)

    def marker(self, name: str) -> str | None:
        """Return a small remembered value of this account, such as the newest execution time seen."""
        value: str | None = self._run.value(MARKER, self._key(name))
        return value

    def set_marker(self, name: str, value: str) -> None:
        """Remember a value."""
        row = {"account_id": self._account.id, "name": name, "value": value}
        self._run.changed(PUT_MARKER, row)

    # -- how statements are run

    def _key(self, key: int | str) -> dict[str, Any]:
        return {"key_": key, "account_": self._account.id}

    def _rows(self, query: Statement, parameters: dict[str, Any]) -> list[Row]:
        return self._run.rows(query, parameters | {"account_": self._account.id})

    def _rows_of(self, name: str, trade_ids: Sequence[int]) -> list[Row]:
        return [
            row
            for batch in _batches(trade_ids)
            for row in self._rows(statement(name, len(batch)), _among(batch))
        ]

    def _moved(
        self, name: str, key: int | str, from_: Sequence[StrEnum], to: StrEnum, changes: dict[str, Any]
    ) -> bool:
        move = statement(name, len(from_))
        return self._changed(move, key, {**changes, "status": to, **_among(from_)})

    def _changed(self, change: Statement, key: int | str, parameters: dict[str, Any]) -> bool:
        return self._run.changed(change, parameters | self._key(key)) == 1


_NO_LIMIT = 2**31 - 1
_BATCHES = (1, 8, 64, 512)


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    """Cut ids into lists for one statement each, of few lengths (the last id repeats): few statements are compiled."""
    for start in range(0, len(ids), _BATCHES[-1]):
        batch = list(ids[start : start + _BATCHES[-1]])
        length = next(n for n in _BATCHES if n >= len(batch))
        yield batch + batch[-1:] * (length - len(batch))


def _no_setup(setup_id: int) -> NotFound:
    return NotFound(f"no setup {setup_id}", "`botbox setups --status all` lists them")


def _no_trade(trade_id: int) -> NotFound:
    return NotFound(f"no trade {trade_id}", "`botbox trades --status all` lists them")


def _no_order(order_link_id: str) -> NotFound:
    return NotFound(f"no order {order_link_id} in the books", "`botbox reconcile` shows what differs")


def _stale(what: str, status: StrEnum, wanted: Sequence[StrEnum]) -> Conflict:
    return Conflict(f"{what} is {status}, not {' or '.join(wanted)}", "look at it again: it has moved on")
