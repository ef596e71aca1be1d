"""Moving the clock of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from botbox_cli.domain.candle import INTERVALS, from_ms
from botbox_cli.ports import Clock, Exchange

HOUR = INTERVALS["60"]


@dataclass(frozen=True, slots=True)
class Moved:
    """The replay's clock before and after, and whether any candle is recorded for that time."""

    before: datetime
    now: datetime
    is_recorded: bool


def forward(clock: Clock, exchange: Exchange, symbols: Sequence[str], span: timedelta) -> Moved:
    """Let `span` pass on a replay's clock, for every process at once.

    Prices go their recorded way meanwhile, so stops on the exchange may fire; botbox itself sees only where they end.
    """
    before = clock.now()
    clock.sleep(span.total_seconds())
    now = clock.now()
    return Moved(before, now, any(_has_candles(exchange, symbol, now) for symbol in symbols))


def _has_candles(exchange: Exchange, symbol: str, now: datetime) -> bool:
    newest = exchange.candles(symbol, HOUR, start_ms=None, end_ms=None).open_ms
    return bool(len(newest)) and not HOUR.is_stale(from_ms(int(newest[-1])), now)
