"""Statistics over closed trades: win rate, expectancy in R, profit factor, drawdown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from botbox_cli.domain.number import ZERO
from botbox_cli.domain.record import record


@record
class Result:
    """One closed trade: `pnl` in quote coin, and the same in R (None without a measurable risk)."""

    pnl: Decimal
    r_multiple: Decimal | None
    fees: Decimal


@record
class Statistics:
    """What closed trades add up to. None where a figure has no meaning: no trades, no losses.

    `profit_factor` is the sum of the gains ÷ the sum of the losses; `expectancy_r` the mean R-multiple; `max_drawdown`
    the deepest fall of the summed P&L from its running peak, ≥ 0, in quote coin.
    """

    trades: int
    wins: int
    losses: int
    win_rate: Decimal | None
    expectancy_r: Decimal | None
    profit_factor: Decimal | None
    max_drawdown: Decimal
    pnl: Decimal
    fees: Decimal


def statistics_of(results: Sequence[Result]) -> Statistics:
    """Return the statistics of `results`, in the order of their exits. A P&L of zero is neither win nor loss."""
    gains = [r.pnl for r in results if r.pnl > 0]
    losses = [-r.pnl for r in results if r.pnl < 0]
    multiples = [r.r_multiple for r in results if r.r_multiple is not None]
    return Statistics(
        trades=len(results),
        wins=len(gains),
        losses=len(losses),
        win_rate=Decimal(len(gains)) / len(results) if results else None,
        expectancy_r=sum(multiples, ZERO) / len(multiples) if multiples else None,
        profit_factor=sum(gains, ZERO) / sum(losses, ZERO) if losses else None,
        max_drawdown=_drawdown([r.pnl for r in results]),
        pnl=sum((r.pnl for r in results), ZERO),
        fees=sum((r.fees for r in results), ZERO),
    )


def _drawdown(pnls: Sequence[Decimal]) -> Decimal:
    total = peak = deepest = ZERO
    for pnl in pnls:
        total += pnl
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest
