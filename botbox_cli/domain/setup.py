"""A setup: the proposal of a trade, with levels and the signals that made it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.number import ceil_to_step, floor_to_step
from botbox_cli.domain.record import record

SETUP_LIFE = timedelta(hours=24)
MAX_ENTRY_DISTANCE_ATR = Decimal(2)


class Direction(StrEnum):
    """Which way a trade earns."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        return 1 if self is Direction.LONG else -1


class SetupStatus(StrEnum):
    """Where a setup stands; TRIGGERED, REJECTED and INVALIDATED are final."""

    ACTIVE = "ACTIVE"
    APPROVED = "APPROVED"
    TRIGGERED = "TRIGGERED"
    REJECTED = "REJECTED"
    INVALIDATED = "INVALIDATED"


LIVING = (SetupStatus.ACTIVE, SetupStatus.APPROVED)


class SetupSource(StrEnum):
    """Who proposed it."""

    SCAN = "scan"
    MANUAL = "manual"


@record
class Signal:
    """One piece of evidence: its type (contract, "Signal types") and the figure seen."""

    type: str
    value: float


@record
class Setup:
    """A proposal. Prices in quote coin, on the tick; `id` is 0 until stored.

    `candle_time` is the opening time of the candle that made it and `atr` that candle's ATR (both None by hand).
    `expires_at` ends it; `reason` says why it was rejected or invalidated.
    """

    symbol: str
    timeframe: str
    kind: str
    direction: Direction
    source: SetupSource
    entry_price: Decimal
    stop_loss: Decimal
    take_profit_1: Decimal
    take_profit_2: Decimal | None
    detected_at: datetime
    expires_at: datetime
    status: SetupStatus = SetupStatus.ACTIVE
    rule: str = ""
    candle_time: datetime | None = None
    atr: Decimal | None = None
    decided_at: datetime | None = None
    note: str = ""
    reason: str = ""
    signals: tuple[Signal, ...] = ()
    id: int = 0

    def level_fault(self) -> str | None:
        """Return what is wrong with the order of the levels, or None.

        A long wants stop < entry < tp1 (≤ tp2), a short the mirror image; all above zero.
        """
        sign = self.direction.sign
        levels = [self.entry_price, self.stop_loss, self.take_profit_1]
        if self.take_profit_2 is not None:
            levels.append(self.take_profit_2)
        if min(levels) <= 0:
            return f"a price must be above zero, not {min(levels)}"
        if (self.entry_price - self.stop_loss) * sign <= 0:
            side = "below" if self.direction is Direction.LONG else "above"
            return f"the stop of a {self.direction} must be {side} its entry {self.entry_price}, not {self.stop_loss}"
        if (self.take_profit_1 - self.entry_price) * sign <= 0:
            return f"tp1 {self.take_profit_1} is on the wrong side of entry {self.entry_price}"
        if self.take_profit_2 is not None and (self.take_profit_2 - self.take_profit_1) * sign < 0:
            return f"tp2 {self.take_profit_2} is nearer than tp1 {self.take_profit_1}"
        return None

    def rounded(self, instrument: Instrument) -> Setup:
        """Return the setup with its levels on the tick.

        Entry goes to the nearest tick, stop and targets to the tick nearer to entry: a smaller loss, an earlier fill.
        """
        tick = instrument.tick_size
        down, up = (
            (floor_to_step, ceil_to_step)
            if self.direction is Direction.LONG
            else (ceil_to_step, floor_to_step)
        )
        tp2 = self.take_profit_2
        return replace(
            self,
            entry_price=instrument.round_price(self.entry_price),
            stop_loss=up(self.stop_loss, tick),
            take_profit_1=down(self.take_profit_1, tick),
            take_profit_2=None if tp2 is None else down(tp2, tick),
        )

    def invalid_reason(self, now: datetime, price: Decimal | None) -> str | None:
        """Return why a living setup is no longer good at `now` and `price` (None: price unknown), or None."""
        if now >= self.expires_at:
            return f"expired at {self.expires_at:%Y-%m-%d %H:%M} UTC"
        if price is not None and self.atr:
            distance = abs(price - self.entry_price) / self.atr
            if distance > MAX_ENTRY_DISTANCE_ATR:
                return f"price {price} is {distance:.1f} ATR from entry {self.entry_price}"
        return None
