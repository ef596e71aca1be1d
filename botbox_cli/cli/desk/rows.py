"""The cells of the desk's tables and its head line, as plain texts."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from botbox_cli.cli.desk.model import Model
from botbox_cli.domain.number import plain
from botbox_cli.domain.setup import Setup
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.ports import Price
from botbox_cli.services.plan import drift_in_r
from botbox_cli.services.standing import Standing, standing
from botbox_cli.services.trades import TradeView
from botbox_cli.services.watch_trades import exit_price

SETUP_COLUMNS = {
    "id": 4, "symbol": 11, "side": 6, "tf": 5, "entry": 11, "drift": 8, "left": 8, "status": 9
}  # fmt: skip
TRADE_COLUMNS = {
    "id": 3, "symbol": 10, "side": 6, "price": 9, "P&L": 8, "R": 7, "to stop": 14, "to target": 13
}  # fmt: skip
"""Names and widths: they stay where they are while prices move."""


def setup_cells(setup: Setup, price: Price | None, now: datetime) -> tuple[str, ...]:
    """Return one waiting setup: how far price moved against it in R, and how long it is good for."""
    drift = ""
    if price is not None:
        entry_at = price.ask if setup.direction.sign > 0 else price.bid
        drift = f"{drift_in_r(setup, entry_at):+.2f}R"
    return (
        str(setup.id),
        setup.symbol,
        str(setup.direction),
        setup.timeframe or "hand",
        plain(setup.entry_price),
        drift,
        span(setup.expires_at - now),
        str(setup.status).lower(),
    )


def trade_cells(shown: TradeView, price: Price | None) -> tuple[str, ...]:
    """Return one open trade with its result so far and its distances in percent and R."""
    trade = shown.trade
    head = (str(trade.id), trade.symbol, str(trade.direction))
    at = standing(shown, None if price is None else exit_price(trade, price))
    if trade.status is not TradeStatus.OPEN or at is None:
        return (*head, "" if at is None else plain(at.price), str(trade.status).lower(), "", "", "")
    return (*head, plain(at.price), f"{at.pnl:+.2f}", _r(at.r), *_distances(at))


def _distances(at: Standing) -> tuple[str, str]:
    return (
        f"{at.stop_percent:+.2f}% {_r(at.stop_r)}".rstrip(),
        f"{at.target_percent:+.2f}% {_r(at.target_r)}".rstrip(),
    )


def _r(value: Decimal | None) -> str:
    return "" if value is None else f"{value:+.2f}R"


def span(length: timedelta) -> str:
    """Return a length of time in its greatest unit."""
    seconds = int(length.total_seconds())
    if seconds <= 0:
        return "over"
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def state_line(model: Model | None, equity: Decimal | None, feed: str, lead: str) -> str:
    """Return the account's line: equity, feed, brake, and how long ago each job ended."""
    parts = [f"equity {equity:.2f}" if equity is not None else "equity ?", feed, lead]
    if model is not None:
        if model.halt is not None:
            parts.insert(0, "HALTED")
        ago = [f"{name} {_ago(model.now, at)}" for name, at in model.jobs.items()]
        parts.append(", ".join(ago) + " ago")
    return " │ ".join(part for part in parts if part)


def _ago(now: datetime, at: datetime | None) -> str:
    return "never" if at is None else span(max(now - at, timedelta(seconds=1)))
