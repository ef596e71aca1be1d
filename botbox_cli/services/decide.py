"""The person's decisions on setups: approve, reject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botbox_cli.domain.setup import LIVING, Setup, SetupStatus
from botbox_cli.errors import Conflict
from botbox_cli.ports import Books, LogEntry
from botbox_cli.services.desk import Desk
from botbox_cli.services.plan import check_direction, check_living, has_living_trade

Shown = Mapping[str, Any]
"""What a decision was made on, as JSON has it: who decided, and what the card said."""


def approve(desk: Desk, setup_id: int, *, note: str, shown: Shown | None = None) -> Setup:
    """Approve a setup; one that is APPROVED already stays so. What was `shown` is logged with the decision.

    Raises:
        NotFound, Conflict: No such setup, or it is decided otherwise.
        Denied: It has expired, or is a short without BOTBOX_SHORTS.
    """
    with desk.store.write(desk.account) as books:
        return approve_in(books, desk, setup_id, note=note, shown=shown)


def approve_in(books: Books, desk: Desk, setup_id: int, *, note: str, shown: Shown | None = None) -> Setup:
    """Approve within a transaction that goes on to trade."""
    setup = books.setup(setup_id)
    now = desk.clock.now()
    check_living(setup, now)
    check_direction(desk, setup)
    if setup.status is SetupStatus.ACTIVE:
        books.move_setup(
            setup_id, [SetupStatus.ACTIVE], SetupStatus.APPROVED, decided_at=now, note=note or setup.note
        )
        books.log(LogEntry(now, "approved", note, setup_id=setup_id, data=dict(shown) if shown else None))
    return books.setup(setup_id)


def reject(desk: Desk, setup_id: int, *, reason: str, shown: Shown | None = None) -> Setup:
    """Reject a setup; what was `shown` is logged. Raises NotFound; Conflict when it is decided otherwise or traded."""
    with desk.store.write(desk.account) as books:
        setup = books.setup(setup_id)
        if setup.status not in LIVING:
            raise Conflict(f"setup {setup_id} is {setup.status}", "`botbox setups` lists those that wait")
        if has_living_trade(books, setup_id):
            raise Conflict(f"setup {setup_id} is being traded", "`botbox trades --status open` shows it")
        now = desk.clock.now()
        books.move_setup(setup_id, LIVING, SetupStatus.REJECTED, decided_at=now, reason=reason)
        books.log(LogEntry(now, "rejected", reason, setup_id=setup_id, data=dict(shown) if shown else None))
        return books.setup(setup_id)
