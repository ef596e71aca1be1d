"""Where an open trade stands at a price: what it has earned so far, and how far stop and target are."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from botbox_cli.domain.number import HUNDRED, ZERO
from botbox_cli.services.target import target_of
from botbox_cli.services.trades import TradeView


@dataclass(frozen=True, slots=True)
class Standing:
    """A trade if what it still holds were left at `price`: with what is realised, net of the fees so far.

    Distances are signed as gain (+) and loss (−).
    """

    price: Decimal
    pnl: Decimal
    r: Decimal | None
    stop_percent: Decimal
    stop_r: Decimal | None
    target_percent: Decimal
    target_r: Decimal | None


def standing(shown: TradeView, price: Decimal | None) -> Standing | None:
    """Return where a trade stands at the price that leaving it would get; None without one, or with nothing entered."""
    trade, position, entry = shown.trade, shown.position, shown.position.entry_price
    if price is None or entry is None:
        return None
    now, sign = price, trade.direction.sign
    unit = abs(entry - trade.initial_stop)
    pnl = (shown.pnl.gross or ZERO) + position.held * (now - entry) * sign - shown.pnl.fees
    risk = position.entered * unit

    def away(level: Decimal) -> tuple[Decimal, Decimal | None]:
        gap = (level - now) * sign
        return gap / now * HUNDRED, gap / unit if unit else None

    return Standing(now, pnl, pnl / risk if risk else None, *away(trade.stop_loss), *away(target_of(trade)))
