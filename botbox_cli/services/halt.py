"""The brake that the person pulls: no new entries until it is released."""

from __future__ import annotations

from botbox_cli.domain.account import Account, Halt
from botbox_cli.ports import Clock, LogEntry, Store


def halt(store: Store, account: Account, clock: Clock, *, reason: str) -> Halt:
    """Stop new entries; halting twice keeps the first time and reason."""
    with store.write(account) as books:
        present = books.halt()
        if present is not None:
            return present
        now = clock.now()
        new = Halt(now, reason)
        books.set_halt(new)
        books.log(LogEntry(now, "halted", reason))
        return new


def resume(store: Store, account: Account, clock: Clock) -> bool:
    """Allow entries again; False if they were allowed."""
    with store.write(account) as books:
        if books.halt() is None:
            return False
        books.set_halt(None)
        books.log(LogEntry(clock.now(), "resumed", ""))
        return True
