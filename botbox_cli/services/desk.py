"""What every money-moving service works with, and the person's limits."""

from __future__ import annotations

from decimal import Decimal

from botbox_cli.domain.account import Account
from botbox_cli.domain.number import ONE, ZERO
from botbox_cli.domain.record import record
from botbox_cli.ports import CandleStore, Clock, Exchange, Holder, Store


@record
class Policy:
    """The person's limits, from the settings (contract, "Settings"). Percents as they are written: 1 is 1 %.

    The brakes default to off: `max_day_loss_percent` of equity lost since 00:00 UTC, `max_loss_streak` losing trades
    in a row today, `max_open_risk_percent` of equity at risk in all open trades together.
    """

    risk_percent: Decimal = ONE
    max_position_percent: Decimal = Decimal(10)
    max_open_positions: int = 8
    max_entry_drift_r: Decimal = Decimal("0.5")
    max_slippage_percent: Decimal = Decimal("0.5")
    shorts: bool = False
    tp1_fraction: Decimal = ONE
    close_when_stop_fails: bool = False
    max_day_loss_percent: Decimal = ZERO
    max_loss_streak: int = 0
    max_open_risk_percent: Decimal = ZERO


@record
class Desk:
    """The ports of one account, wired by `bootstrap`; tests wire fakes."""

    store: Store
    candles: CandleStore
    account: Account
    exchange: Exchange
    clock: Clock
    policy: Policy
    holder: Holder

    def asking(self, exchange: Exchange) -> Desk:
        """Return this desk with another way to the exchange."""
        return Desk(self.store, self.candles, self.account, exchange, self.clock, self.policy, self.holder)
