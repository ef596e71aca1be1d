"""The database as `ports.Store`: transactions on an account's books, and what belongs to no account."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, fields
from datetime import datetime, timedelta
from typing import Any

from botbox_cli.domain.account import Account, Mode, Venue
from botbox_cli.domain.instrument import Instrument
from botbox_cli.ports import Holder, JobRun
from botbox_cli.storage.books import INSTRUMENT, SqlBooks
from botbox_cli.storage.engine import Database
from botbox_cli.storage.process import is_dead
from botbox_cli.storage.run import Row, Runner, Statement, statement
from botbox_cli.storage.schema import checked_tag

ACCOUNTS, ACCOUNT_BY_KEY, LOCK_ACCOUNT = map(statement, ("ACCOUNTS", "ACCOUNT_BY_KEY", "LOCK_ACCOUNT"))
PUT_ACCOUNT, PUT_INSTRUMENTS = statement("upsert.put_account"), statement("upsert.put_instruments")
HOLDER, REPLACE_HOLDER, FREE_LEASE = map(statement, ("HOLDER", "REPLACE_HOLDER", "FREE_LEASE"))
TAKE_LEASE = statement("upsert.take_lease")
START_JOB, FINISH_JOB, NEWEST_JOB = map(statement, ("START_JOB", "FINISH_JOB", "NEWEST_JOB"))
PRUNE_JOBS, LAST_JOB = statement("PRUNE_JOBS"), statement("LAST_JOB")


def random_tag() -> str:
    """Return a new installation tag: 6 of a–z and 0–9."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))


class SqlStore:
    """`ports.Store` on SQLite or PostgreSQL.

    `sqlite://` is a new database in memory: its tables are made at once, and its transactions follow one another,
    because it has one connection. Any other database must have been made by `migrate.upgrade`.

    Raises:
        StorageError: If the database can't be reached, or its schema isn't this program's.
        ConfigError: If the URL names no database that botbox speaks.
    """

    def __init__(self, url: str, *, new_tag: Callable[[], str] = random_tag) -> None:
        self.database = Database(url)
        try:
            self.installation = self._opened(new_tag)
        except BaseException:
            self.database.close()
            raise

    def _opened(self, new_tag: Callable[[], str]) -> str:
        """Return the installation tag of a database that is ready to be worked with."""
        if not self.database.is_memory:
            with self.database.reads() as hand:
                return checked_tag(hand.driver.execute, self.database.name)
        from botbox_cli.storage import tables as t

        tag = new_tag()
        with self.database.writing() as connection:
            t.create_all(connection)
            t.save_tag(connection, tag)
        return tag

    def close(self) -> None:
        """Close the connections. (A process that ends without it loses nothing.)"""
        self.database.close()

    # -- transactions

    @contextmanager
    def read(self, account: Account) -> Iterator[SqlBooks]:
        """A read transaction: one moment of the books, whatever others write meanwhile."""
        with self.database.reads() as hand:
            yield SqlBooks(hand, account)

    @contextmanager
    def write(self, account: Account, *, durable: bool = True) -> Iterator[SqlBooks]:
        """A write transaction, serialised per account; commits on leaving, rolls back on an exception.

        `durable` as `Database.writes` has it.
        """
        with self.database.writes(durable=durable) as hand:
            if not self.database.is_sqlite:
                Runner(hand).rows(LOCK_ACCOUNT, {"key_": account.id})
            yield SqlBooks(hand, account)

    def _rows(self, query: Statement, **parameters: Any) -> list[Row]:
        with self.database.reads() as hand:
            return Runner(hand).rows(query, parameters)

    def _value(self, query: Statement, parameters: dict[str, Any]) -> Any:
        """Run one statement in a write transaction of its own; return the first value that it returns."""
        with self.database.writes() as hand:
            return Runner(hand).value(query, parameters)

    # -- accounts

    def account_by_key(self, mode: Mode, key_hash: str) -> Account | None:
        """Return the account that this key was read for, or None."""
        rows = self._rows(ACCOUNT_BY_KEY, mode_=mode, key_=key_hash)
        return Account(*rows[0]) if rows else None

    def save_account(self, mode: Mode, user_id: str, key_hash: str, venue: Venue) -> Account:
        """Return the account of (mode, user id), made or with its key hash renewed."""
        row = {"mode": mode, "user_id": user_id, "key_hash": key_hash, "venue": venue}
        return Account(mode, user_id, key_hash, venue, self._value(PUT_ACCOUNT, row))

    def accounts(self) -> list[Account]:
        """Return all accounts of this database, oldest first."""
        return [Account(*row) for row in self._rows(ACCOUNTS)]

    # -- leases

    def take_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> Holder | None:
        """Take or renew a lease by compare-and-set: None when it is ours now, else the holder that lives on.

        It is seen by everyone at once, but need not outlive a loss of power: no holder on SQLite does.
        """
        row = {**asdict(holder), "name": name, "expires_at": now + timedelta(seconds=ttl_s)}
        with self.database.writes(durable=False) as hand:
            run = Runner(hand)
            if run.value(TAKE_LEASE, row | {"now_": now}) is not None:
                return None
            # The row can't go away before the end of the transaction: the statement above has locked it.
            other = Holder(*run.rows(HOLDER, {"name_": name})[0])
            if not is_dead(other):
                return other
            run.changed(REPLACE_HOLDER, row | {"name_": name, "token_": other.token})
            return None

    def free_lease(self, name: str, holder: Holder) -> None:
        """Give a lease back if it is (still) ours."""
        with self.database.writes(durable=False) as hand:
            Runner(hand).changed(FREE_LEASE, {"name_": name, "token_": holder.token})

    # -- instruments of a venue

    def save_instruments(self, venue: Venue, pairs: Iterable[Instrument], now: datetime) -> None:
        """Store the rules of pairs as they are now."""
        names = [f.name for f in fields(Instrument)]
        rows = [
            dict(zip(names, astuple(pair), strict=True)) | {"venue": venue, "updated_at": now}
            for pair in pairs
        ]
        with self.database.writes(durable=False) as hand:  # They can be asked for again.
            for row in rows:
                Runner(hand).changed(PUT_INSTRUMENTS, row)

    def instrument(self, venue: Venue, symbol: str) -> Instrument | None:
        """Return the rules of a pair, or None while they have not been recorded."""
        rows = self._rows(INSTRUMENT, venue_=venue, symbol_=symbol)
        return Instrument(*rows[0]) if rows else None

    # -- jobs

    def start_job(self, job: str, now: datetime) -> int:
        """Note that a pass has begun; return its id."""
        run_id: int = self._value(START_JOB, {"job": job, "started_at": now, "ok": False, "detail": ""})
        return run_id

    def finish_job(self, run_id: int, now: datetime, *, ok: bool, detail: str) -> None:
        """Note how a pass ended."""
        row = {"key_": run_id, "finished_at": now, "ok": ok, "detail": detail}
        with self.database.writes() as hand:
            Runner(hand).changed(FINISH_JOB, row)

    def last_job(self, job: str) -> JobRun | None:
        """Return the newest pass of a job."""
        rows = self._rows(LAST_JOB, job_=job)
        return JobRun(*rows[0]) if rows else None

    def prune_jobs(self, before: datetime, *, keep: int) -> int:
        """Delete passes that began before `before`, but none of the newest `keep`; return how many."""
        with self.database.writes(durable=False) as hand:
            run = Runner(hand)
            newest = run.value(NEWEST_JOB, {}) or 0
            return run.changed(PRUNE_JOBS, {"before_": before, "last_": newest - keep})
