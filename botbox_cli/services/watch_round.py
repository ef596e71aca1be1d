"""The full pass of a watch: every open trade, and the setups that have gone stale."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from botbox_cli.errors import BotboxError
from botbox_cli.services.claims import Claims
from botbox_cli.services.desk import Desk
from botbox_cli.services.invalidate import Invalidated, invalidate
from botbox_cli.services.monitor import MonitorResult
from botbox_cli.services.monitor_job import monitor_on_record
from botbox_cli.services.tally import Latency, add_latency, count_errors


@dataclass(frozen=True, slots=True)
class Round:
    """What one full pass came to."""

    passed: MonitorResult
    invalidated: list[Invalidated]


def look_after_all(desk: Desk, claims: Claims, observed: Latency) -> Round:
    """Look after all trades and close stale setups; a scheduled pass, on record as cron's.

    What was observed since the last one goes to the account's histogram, the codes of errors to its count.
    """
    result = monitor_on_record(desk, claims)
    with suppress(BotboxError):
        if any(observed.counts):
            add_latency(desk.store, desk.account, observed)
        count_errors(desk.store, desk.account, [e.error.code for e in result.errors])
    return Round(result, invalidate(desk.store, desk.candles, desk.account, desk.exchange, desk.clock))
