"""The JSON documents of the contract ("JSON"): domain in, plain dictionaries out.

Money, prices and quantities are strings in plain notation, times ISO 8601 UTC with `Z`; `schema` is added where a
document is written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botbox_cli.domain.number import plain
from botbox_cli.domain.order import exchange_id
from botbox_cli.errors import BotboxError

if TYPE_CHECKING:
    from botbox_cli.domain.fill import Fill
    from botbox_cli.domain.setup import Setup
    from botbox_cli.domain.statistics import Statistics
    from botbox_cli.ports import LogEntry
    from botbox_cli.services.trades import OrderView, TradeView

SCHEMA = 1

Document = dict[str, Any]


def iso(at: datetime) -> str:
    """Return a time as ISO 8601 UTC with `Z`, with milliseconds when it has any."""
    at = at.astimezone(UTC)
    text = at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def time_or_null(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def number_or_null(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def error_document(error: BotboxError, **where: object) -> Document:
    """Return what is to be said of an error; `where` names what it happened to in a pass over several."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "retryable": error.retryable,
        **where,
    }


def statistics_document(figures: Statistics) -> Document:
    return {
        "trades": figures.trades,
        "wins": figures.wins,
        "losses": figures.losses,
        "win_rate": number_or_null(figures.win_rate),
        "expectancy_r": number_or_null(figures.expectancy_r),
        "profit_factor": number_or_null(figures.profit_factor),
        "max_drawdown": plain(figures.max_drawdown),
        "pnl": plain(figures.pnl),
        "fees": plain(figures.fees),
    }


def setup_document(setup: Setup) -> Document:
    return {
        "id": setup.id,
        "symbol": setup.symbol,
        "timeframe": setup.timeframe,
        "kind": setup.kind,
        "direction": str(setup.direction),
        "source": str(setup.source),
        "status": str(setup.status),
        "entry_price": plain(setup.entry_price),
        "stop_loss": plain(setup.stop_loss),
        "take_profit_1": plain(setup.take_profit_1),
        "take_profit_2": number_or_null(setup.take_profit_2),
        "detected_at": iso(setup.detected_at),
        "expires_at": iso(setup.expires_at),
        "decided_at": time_or_null(setup.decided_at),
        "note": setup.note,
        "reason": setup.reason,
        "signals": [{"type": s.type, "value": s.value} for s in setup.signals],
    }


def trade_document(view: TradeView) -> Document:
    trade, position, pnl = view.trade, view.position, view.pnl
    return {
        "id": trade.id,
        "setup_id": trade.setup_id,
        "symbol": trade.symbol,
        "direction": str(trade.direction),
        "mode": trade.mode,
        "status": str(trade.status),
        "quantity": plain(position.entered),
        "held": plain(position.held),
        "entry_price": number_or_null(position.entry_price),
        "exit_price": number_or_null(position.exit_price),
        "stop_loss": plain(trade.stop_loss),
        "take_profit_1": plain(trade.take_profit_1),
        "take_profit_2": number_or_null(trade.take_profit_2),
        "entry_time": time_or_null(trade.entry_time),
        "exit_time": time_or_null(trade.exit_time),
        "close_reason": trade.close_reason or None,
        "gross_pnl": number_or_null(pnl.gross),
        "fees": plain(pnl.fees),
        "pnl": number_or_null(pnl.pnl),
        "pnl_percent": number_or_null(pnl.percent),
        "r_multiple": number_or_null(pnl.r_multiple),
        "dust": number_or_null(pnl.dust),
        "detail": trade.detail,
        "orders": [order_document(order) for order in view.orders],
    }


def order_document(view: OrderView) -> Document:
    order = view.order
    return {
        "order_link_id": exchange_id(order.order_link_id),
        "exchange_order_id": order.exchange_order_id,
        "role": str(order.role),
        "side": str(order.side),
        "order_type": str(order.order_type),
        "qty": plain(order.qty),
        "trigger_price": number_or_null(order.trigger_price),
        "filled_qty": plain(view.filled_qty),
        "avg_price": number_or_null(view.avg_price),
        "fees": {coin: plain(amount) for coin, amount in view.fees.items()},
        "status": str(order.status),
        "reason": order.reason,
        "created_at": iso(order.created_at),
        "updated_at": iso(order.updated_at),
    }


def fill_document(fill: Fill) -> Document:
    return {
        "execution_id": exchange_id(fill.execution_id),
        "order_link_id": exchange_id(fill.order_link_id),
        "side": str(fill.side),
        "price": plain(fill.price),
        "qty": plain(fill.qty),
        "fees": {coin: plain(amount) for coin, amount in fill.fees},
        "is_maker": fill.is_maker,
        "executed_at": iso(fill.executed_at),
    }


def log_document(entry: LogEntry) -> Document:
    return {"at": iso(entry.at), "event": entry.event, "detail": entry.detail, "data": entry.data or {}}


def outcome_document(
    setup: Setup, trade: TradeView | None, error: BotboxError | None, *, success: bool
) -> Document:
    """Return the document of `approve` and `execute`: what has come of a setup."""
    orders = () if trade is None else trade.orders
    return {
        "success": success,
        "setup_id": setup.id,
        "setup_status": str(setup.status),
        "trade_id": None if trade is None else trade.trade.id,
        "order_ids": [o.order.exchange_order_id for o in orders if o.order.exchange_order_id],
        "error": None if error is None else error_document(error),
        "trade": None if trade is None else trade_document(trade),
    }
