"""Statistics of an account's closed trades; accounts are never summed together."""

from __future__ import annotations

from datetime import datetime

from botbox_cli.domain.account import Account
from botbox_cli.domain.statistics import Result, Statistics, statistics_of
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.ports import Store
from botbox_cli.services.trades import TradeView, list_trades


def stats(store: Store, account: Account, *, since: datetime | None = None) -> Statistics:
    """Return the statistics of trades closed at or after `since`, in the order of their exits."""
    views = [v for v in list_trades(store, account, [TradeStatus.CLOSED]) if v.pnl.pnl is not None]
    closed = sorted(views, key=_exit_time)
    return statistics_of([_result(v) for v in closed if since is None or _exit_time(v) >= since])


def _exit_time(view: TradeView) -> datetime:
    assert view.trade.exit_time is not None, "a closed trade has an exit time"
    return view.trade.exit_time


def _result(view: TradeView) -> Result:
    assert view.pnl.pnl is not None, "a trade that exited has a result"
    return Result(view.pnl.pnl, view.pnl.r_multiple, view.pnl.fees)
