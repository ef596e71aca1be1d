"""The person's decisions on setups: approve, reject."""

from __future__ import annotations

from botbox_cli.domain.setup import LIVING, Setup, SetupStatus
from botbox_cli.errors import Conflict
from botbox_cli.ports import Books, LogEntry
from botbox_cli.services.desk import Desk
from botbox_cli.services.plan import check_direction, check_living, has_living_trade


def approve(desk: Desk, setup_id: int, *, note: str) -> Setup:
    """Approve a setup; one that is APPROVED already stays so.

    Raises:
        NotFound, Conflict: No such setup, or it is decided otherwise.
        Denied: It has expired, or is a short without BOTBOX_SHORTS.
    """
    with desk.store.write(desk.account) as books:
        return approve_in(books, desk, setup_id, note=note)


def approve_in(books: Books, desk: Desk, setup_id: int, *, note: str) -> Setup:
    """Approve within a transaction that goes on to trade."""
    setup = books.setup(setup_id)
    now = desk.clock.now()
    check_living(setup, now)
    check_direction(desk, setup)
    if setup.status is SetupStatus.ACTIVE:
        books.move_setup(
            setup_id, [SetupStatus.ACTIVE], SetupStatus.APPROVED, decided_at=now, note=note or setup.note
        )
        books.log(LogEntry(now, "approved", note, setup_id=setup_id))
    return books.setup(setup_id)


def reject(desk: Desk, setup_id: int, *, reason: str) -> Setup:
    """Reject a setup. Raises NotFound; Conflict when it is decided otherwise or being traded."""
    with desk.store.write(desk.account) as books:
        setup = books.setup(setup_id)
        if setup.status not in LIVING:
            raise Conflict(f"setup {setup_id} is {setup.status}", "`botbox setups` lists those that wait")
        if has_living_trade(books, setup_id):
            raise Conflict(f"setup {setup_id} is being traded", "`botbox trades --status open` shows it")
        now = desk.clock.now()
        books.move_setup(setup_id, LIVING, SetupStatus.REJECTED, decided_at=now, reason=reason)
        books.log(LogEntry(now, "rejected", reason, setup_id=setup_id))
        return books.setup(setup_id)
