"""The way out of an entry that nobody can look up any more: the person has looked, and says that it never filled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from botbox_cli.domain.order import Order, Role
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import Conflict, Denied, OutcomeUnknown
from botbox_cli.services.book import drop_unsent, instrument_of, project
from botbox_cli.services.close import WAIT_FOR_OTHERS_S
from botbox_cli.services.desk import Desk
from botbox_cli.services.lease import Budget, Work, hurried, working_on
from botbox_cli.services.settle import FENCE_MARGIN_S, Seen, look

REASON = "declared unfilled by a person who looked"


def declare_unfilled(desk: Desk, trade_id: int, *, by: Mapping[str, Any]) -> Trade:
    """End a trade whose entry is in doubt, on the word of the person, which is logged; return the trade.

    The exchange is asked once more: what it shows of the order counts more than anybody's word.

    Raises:
        NotFound: No such trade.
        Conflict: Its entry is not in doubt, or another process works on it.
        Denied: The order may still arrive, or rests on the exchange.
        OutcomeUnknown: Its executions are still to come.
        ExchangeUnavailable, ExchangeRejected, ConfigError: The exchange could not be asked.
    """
    with desk.store.read(desk.account) as books:
        status = books.trade(trade_id).status
    if status is not TradeStatus.OPENING:
        raise Conflict(
            f"trade {trade_id} is {status}: its entry is not in doubt", f"`botbox trade {trade_id}` shows it"
        )
    budget = Budget(desk.clock)
    with working_on(hurried(desk, budget), trade_id, budget, wait_s=WAIT_FOR_OTHERS_S) as work:
        for order in work.read().of_role(Role.ENTRY):
            if order.is_open:
                _declare(work, order, by)
        return work.read().trade


def _declare(work: Work, order: Order, by: Mapping[str, Any]) -> None:
    desk, link = work.desk, order.order_link_id
    sight = look(work, order)
    if sight.seen is Seen.DONE:
        return
    if sight.seen is Seen.LIVE:
        raise Denied(f"entry {link} rests on the exchange", "`botbox monitor --once` cancels it")
    if sight.seen is Seen.PENDING and not sight.is_nowhere:
        raise OutcomeUnknown(
            f"the exchange knows entry {link}, its executions are still to come",
            "run `botbox monitor --once`",
        )
    fence = (order.sent_at or order.created_at) + timedelta(
        seconds=desk.exchange.recv_window_s + FENCE_MARGIN_S
    )
    if sight.seen is Seen.PENDING and desk.exchange.server_time() <= fence:
        raise Denied(f"entry {link} may still arrive until {fence:%H:%M:%S} UTC", "ask again after that")
    now = work.renew()
    instrument = instrument_of(desk, order.symbol)
    with desk.store.write(desk.account) as books:
        drop_unsent(books, order, REASON, now)
        work.log(books, "declared", f"{order.role} {link}: {REASON}", **by)
        project(books, work.trade_id, instrument, now)
