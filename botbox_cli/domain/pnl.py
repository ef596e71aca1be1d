"""Profit and loss of a trade, from its fills, as the contract defines each field."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from botbox_cli.domain.fill import Fill
from botbox_cli.domain.number import HUNDRED, ZERO
from botbox_cli.domain.record import record
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import Position, Trade, TradeStatus


@record
class Pnl:
    """Realised result in quote coin; fields are None while they have no meaning (nothing exited, no risk)."""

    gross: Decimal | None
    fees: Decimal
    pnl: Decimal | None
    percent: Decimal | None
    r_multiple: Decimal | None
    dust: Decimal | None


def pnl_of(trade: Trade, position: Position, fills: Iterable[Fill]) -> Pnl:
    """Return the realised result of `trade`: gross = exited × (exit − entry), pnl = gross − fees.

    Dust is carried at entry price, neither gain nor loss. Fees whose worth is not known yet count as nothing; the
    interest of a short counts among the fees, at its exit price.
    """
    fees = sum((f.fees_quote or ZERO for f in fills), ZERO)
    entry, exit_ = position.entry_price, position.exit_price
    dust = _dust(trade, position) if trade.status is TradeStatus.CLOSED else None
    if exit_ is not None:
        fees += trade.interest * exit_
    if entry is None or exit_ is None:
        return Pnl(None, fees, None, None, None, dust)
    gross = position.exited * (exit_ - entry) * trade.direction.sign
    pnl = gross - fees
    risk = position.entered * abs(entry - trade.initial_stop)
    percent = pnl / position.entry_value * HUNDRED
    return Pnl(gross, fees, pnl, percent, pnl / risk if risk else None, dust)


def _dust(trade: Trade, position: Position) -> Decimal:
    """Return the base coin left over: unsold of a long; bought beyond debt and interest of a short."""
    return position.held if trade.direction is Direction.LONG else -position.held - trade.interest


def open_risk(trade: Trade, position: Position) -> Decimal:
    """Return what the trade loses in quote coin, before fees, if its stop fills as planned (0 once break-even)."""
    if position.entry_price is None:
        return ZERO
    return max(
        ZERO,
        position.held * (position.entry_price - trade.stop_loss) * trade.direction.sign,
    )
