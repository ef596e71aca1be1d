"""Who holds a lease."""

from __future__ import annotations

from botbox_cli.domain.record import record


@record
class Holder:
    """Who holds a lease: host (machine and process namespace), pid, and when that process started."""

    host: str
    pid: int
    started: str
    token: str
    """Random, so that two leases of one process are told apart."""
