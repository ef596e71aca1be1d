"""The database: books, leases, instruments, jobs. It raises StorageError and Conflict."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from botbox_cli.domain.account import Account, Mode, Venue
from botbox_cli.domain.instrument import Instrument
from botbox_cli.ports.books import Books, JobRun
from botbox_cli.ports.holder import Holder


class Instruments(Protocol):
    """The rules of pairs, to be read."""

    def instrument(self, venue: Venue, symbol: str) -> Instrument | None:
        """Return the rules of a pair, or None while they have not been recorded."""
        ...


class Store(Instruments, Protocol):
    """The database. No transaction is ever held across a request to the exchange."""

    installation: str
    """Random tag made with the database, part of every order link id."""

    def read(self, account: Account) -> AbstractContextManager[Books]:
        """A read transaction."""
        ...

    def write(self, account: Account, *, durable: bool = True) -> AbstractContextManager[Books]:
        """A write transaction, serialised per account; commits on leaving, rolls back on an exception.

        Without `durable` everyone sees it at once, but until the next durable one a loss of power may undo it whole.
        """
        ...

    # -- accounts
    def account_by_key(self, mode: Mode, key_hash: str) -> Account | None: ...

    def save_account(self, mode: Mode, user_id: str, key_hash: str, venue: Venue) -> Account:
        """Return the account of (mode, user id), made or with its key hash renewed."""
        ...

    def accounts(self) -> list[Account]: ...

    # -- leases
    def take_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> Holder | None:
        """Take or renew a lease by compare-and-set: None when it is ours now, else the holder that lives on."""
        ...

    def free_lease(self, name: str, holder: Holder) -> None:
        """Give a lease back if it is (still) ours."""
        ...

    # -- instruments and candles of a venue
    def save_instruments(self, venue: Venue, instruments: Iterable[Instrument], now: datetime) -> None: ...

    # -- jobs
    def start_job(self, job: str, now: datetime) -> int: ...

    def finish_job(self, run_id: int, now: datetime, *, ok: bool, detail: str) -> None: ...

    def last_job(self, job: str) -> JobRun | None: ...

    def prune_jobs(self, before: datetime, *, keep: int) -> int:
        """Delete passes that began before `before`, but none of the newest `keep`; return how many."""
        ...
