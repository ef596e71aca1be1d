"""Trades: a table, a line, and the card with orders, fills and history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from botbox_cli.cli.console import Column, Console
from botbox_cli.cli.render.numbers import amount, fees_text, price, ratio, rounded
from botbox_cli.cli.render.parts import show_facts, show_table, show_text
from botbox_cli.domain.number import plain

if TYPE_CHECKING:
    from botbox_cli.domain.fill import Fill
    from botbox_cli.ports import LogEntry
    from botbox_cli.services.trades import OrderView, TradeView

_TRADES = (
    Column("id", right=True),
    Column("setup_id", 6, right=True),
    Column("symbol"),
    Column("direction", label="side"),
    Column("mode", 4),
    Column("status"),
    Column("quantity", 3, right=True),
    Column("entry_price", right=True, label="entry"),
    Column("exit_price", right=True, label="exit"),
    Column("stop_loss", 3, right=True, label="stop"),
    Column("take_profit_1", 5, right=True, label="target 1"),
    Column("pnl", right=True, signed=True, label="P&L"),
    Column("pnl_percent", 5, right=True, signed=True, label="%"),
    Column("r_multiple", 1, right=True, signed=True, label="R"),
    Column("fees", 5, right=True),
    Column("entry_time", 4, label="entered"),
    Column("exit_time", 5, label="exited"),
    Column("close_reason", 2, label="reason"),
)


def trades_table(console: Console, views: Sequence[TradeView]) -> None:
    rows = [
        (
            str(v.trade.id),
            str(v.trade.setup_id),
            v.trade.symbol,
            str(v.trade.direction),
            v.trade.mode,
            str(v.trade.status),
            price(console, v.position.entered),
            price(console, v.position.entry_price),
            price(console, v.position.exit_price),
            price(console, v.trade.stop_loss),
            price(console, v.trade.take_profit_1),
            amount(console, v.pnl.pnl, sign=True),
            ratio(console, v.pnl.percent, sign=True),
            ratio(console, v.pnl.r_multiple, sign=True),
            amount(console, v.pnl.fees),
            console.time(v.trade.entry_time),
            console.time(v.trade.exit_time),
            v.trade.close_reason or v.trade.detail,
        )
        for v in views
    ]
    show_table(console, _TRADES, rows)


def trade_line(view: TradeView) -> str:
    """Return one sentence on where a trade stands."""
    trade, position, pnl = view.trade, view.position, view.pnl
    entered, exited = ("bought", "sold") if trade.direction.sign > 0 else ("sold", "bought back")
    text = f"trade {trade.id} {trade.status}: {trade.symbol} {trade.direction}"
    if position.entry_price is not None:
        text += f", {entered} {plain(position.entered)} at {rounded(position.entry_price)}"
    if position.exit_price is not None:
        text += f", {exited} {plain(position.exited)} at {rounded(position.exit_price)}"
    if pnl.pnl is not None:
        r = "" if pnl.r_multiple is None else f" ({pnl.r_multiple:+.2f} R)"
        text += f", P&L {pnl.pnl:+.2f} {trade.quote_coin}{r} after fees of {pnl.fees:.2f}"
    elif position.entry_price is not None:
        text += f", stop {plain(trade.stop_loss)}, target {plain(trade.take_profit_1)}"
    if trade.close_reason:
        text += f"; {trade.close_reason}"
    return text


_ORDERS = (
    Column("order_link_id", label="order"),
    Column("role", 1),
    Column("side"),
    Column("qty", right=True),
    Column("trigger_price", 2, right=True, label="trigger"),
    Column("status"),
    Column("filled_qty", 1, right=True),
    Column("avg_price", right=True, label="price"),
    Column("fees", 2),
    Column("exchange_order_id", 5),
    Column("created_at", 4),
    Column("reason", 3),
)
_FILLS = (
    Column("execution_id", label="fill"),
    Column("order_link_id", 2, label="order"),
    Column("side"),
    Column("qty", right=True),
    Column("price", right=True),
    Column("fees", 1),
    Column("executed_at", 3),
)


def trade_card(console: Console, view: TradeView, fills: Iterable[Fill], log: Iterable[LogEntry]) -> None:
    """Write one trade: where it stands, its orders, fills and history."""
    show_text(console, trade_line(view))
    trade, pnl = view.trade, view.pnl
    show_facts(
        console,
        [
            ("setup", str(trade.setup_id)),
            ("mode", trade.mode),
            ("stop", price(console, trade.stop_loss)),
            ("target 1", price(console, trade.take_profit_1)),
            ("target 2", price(console, trade.take_profit_2)),
            ("entered", console.time(trade.entry_time)),
            ("exited", console.time(trade.exit_time)),
            ("gross P&L", amount(console, pnl.gross, sign=True)),
            ("fees", amount(console, pnl.fees)),
            ("dust", "" if pnl.dust is None else f"{price(console, pnl.dust)} {trade.base_coin}"),
            ("notice", trade.detail),
        ],
    )
    console.write()
    show_table(console, _ORDERS, [_order_row(console, o) for o in view.orders])
    console.write()
    rows = [
        (
            f.execution_id,
            f.order_link_id,
            str(f.side),
            price(console, f.qty),
            price(console, f.price),
            fees_text(console, dict(f.fees)),
            console.time(f.executed_at),
        )
        for f in fills
    ]
    show_table(console, _FILLS, rows)
    console.write()
    for entry in log:
        text = f"{console.time(entry.at)}  {entry.event}{': ' if entry.detail else ''}{entry.detail}"
        show_text(console, text)


def _order_row(console: Console, view: OrderView) -> tuple[str, ...]:
    order = view.order
    return (
        order.order_link_id,
        str(order.role),
        str(order.side),
        price(console, order.qty),
        price(console, order.trigger_price),
        str(order.status),
        price(console, view.filled_qty),
        price(console, view.avg_price),
        fees_text(console, view.fees),
        order.exchange_order_id or "",
        console.time(order.created_at),
        order.reason,
    )
