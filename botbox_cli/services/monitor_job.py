"""A monitor pass as a scheduled job: cron's, `run`'s and a watch's are one and the same on record."""

from __future__ import annotations

from botbox_cli.services.claims import Claims
from botbox_cli.services.desk import Desk
from botbox_cli.services.jobs import job
from botbox_cli.services.monitor import MonitorResult, monitor


def monitor_on_record(desk: Desk, claims: Claims | None = None) -> MonitorResult:
    """Look after all living trades once and put that on record; any number of these may run side by side."""
    name = f"monitor:{desk.account.id}"
    with job(desk.store, desk.clock, desk.holder, name, alone=False) as current:
        result = monitor(desk, claims)
        current.ok = not result.errors
        current.detail = f"{result.checked} checked, {result.closed} closed, {len(result.errors)} errors"
    return result
