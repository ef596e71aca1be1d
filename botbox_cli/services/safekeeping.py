"""What a copy of the books must pass before it is trusted, and how restored ones begin."""

from __future__ import annotations

from botbox_cli.errors import StorageError
from botbox_cli.ports import Clock, LogEntry, Store
from botbox_cli.services.audit import verify
from botbox_cli.services.halt import halt


def check_logs(store: Store) -> None:
    """Raise StorageError unless the decision log of every account holds."""
    for account in store.accounts():
        verdict = verify(store, account)
        if verdict.is_intact:
            continue
        detail = verdict.broken.detail if verdict.broken else verdict.fills[0]
        raise StorageError(
            f"the log of the {account.mode} account {account.user_id} does not hold: {detail}",
            "`botbox audit verify` on the database in use shows whether it holds there",
            code="log_broken",
        )


def halt_all(store: Store, *, clock: Clock, reason: str) -> None:
    """Stop new entries in every account: older books don't know what their account has done since."""
    for account in store.accounts():
        with store.write(account) as books:
            books.log(LogEntry(clock.now(), "restored", reason))
        halt(store, account, clock, reason=f"{reason}: reconcile first")
