"""The database as `ports.Store`: transactions on an account's books, and what belongs to no account."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from botbox_cli.domain.account import Account, Mode, Venue
from botbox_cli.domain.instrument import Instrument
from botbox_cli.ports import Holder, JobRun
from botbox_cli.storage import tables as t
from botbox_cli.storage.books import INSTRUMENT, SqlBooks
from botbox_cli.storage.engine import Database
from botbox_cli.storage.process import is_dead
from botbox_cli.storage.run import Row, Runner
from botbox_cli.storage.schema import checked_tag
from botbox_cli.storage.upserts import upserts

accounts = t.table(t.Accounts)
leases, jobs = t.table(t.Leases), t.table(t.Jobs)


def _columns(table: Any, cls: type) -> list[Any]:
    return [table.c[f.name] for f in fields(cls)]


_ACCOUNT = select(*_columns(accounts, Account)).order_by(accounts.c.id)
ACCOUNT_BY_KEY = _ACCOUNT.where(
    accounts.c.mode == bindparam("mode_"), accounts.c.key_hash == bindparam("key_")
)
LOCK_ACCOUNT = select(accounts.c.id).where(accounts.c.id == bindparam("key_")).with_for_update(key_share=True)
_NAME, _TOKEN = leases.c.name == bindparam("name_"), leases.c.token == bindparam("token_")
HOLDER = select(*_columns(leases, Holder)).where(_NAME)
REPLACE_HOLDER = update(leases).where(_NAME, _TOKEN)
FREE_LEASE = delete(leases).where(_NAME, _TOKEN)
START_JOB = insert(jobs).returning(jobs.c.id)
FINISH_JOB = update(jobs).where(jobs.c.id == bindparam("key_"))
NEWEST_JOB = select(func.max(jobs.c.id))
PRUNE_JOBS = delete(jobs).where(jobs.c.started_at < bindparam("before_"), jobs.c.id <= bindparam("last_"))
LAST_JOB = (
    select(*_columns(jobs, JobRun)).where(jobs.c.job == bindparam("job_")).order_by(jobs.c.id.desc()).limit(1)
)


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
        self._upserts = upserts(self.database.engine.dialect.name)

    def _opened(self, new_tag: Callable[[], str]) -> str:
        """Return the installation tag of a database that is ready to be worked with."""
        if not self.database.is_memory:
            with self.database.reading() as connection:
                return checked_tag(connection, self.database.name)
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
        with self.database.reading() as connection:
            yield SqlBooks(connection, account)

    @contextmanager
    def write(self, account: Account, *, durable: bool = True) -> Iterator[SqlBooks]:
        """A write transaction, serialised per account; commits on leaving, rolls back on an exception.

        `durable` as `Database.writing` has it.
        """
        with self.database.writing(durable=durable) as connection:
            if not self.database.is_sqlite:
                Runner(connection).rows(LOCK_ACCOUNT, {"key_": account.id})
            yield SqlBooks(connection, account)

    def _rows(self, statement: Any, **parameters: Any) -> list[Row]:
        with self.database.reading() as connection:
            return Runner(connection).rows(statement, parameters)

    def _value(self, statement: Any, parameters: dict[str, Any]) -> Any:
        """Run one statement in a write transaction of its own; return the first value that it returns."""
        with self.database.writing() as connection:
            return Runner(connection).value(statement, parameters)

    def _change(self, statement: Any, *rows: dict[str, Any]) -> None:
        """Run one statement for each row in one write transaction."""
        with self.database.writing() as connection:
            run = Runner(connection)
            for row in rows:
                run.changed(statement, row)

    # -- accounts

    def account_by_key(self, mode: Mode, key_hash: str) -> Account | None:
        """Return the account that this key was read for, or None."""
        rows = self._rows(ACCOUNT_BY_KEY, mode_=mode, key_=key_hash)
        return Account(*rows[0]) if rows else None

    def save_account(self, mode: Mode, user_id: str, key_hash: str, venue: Venue) -> Account:
        """Return the account of (mode, user id), made or with its key hash renewed."""
        row = {"mode": mode, "user_id": user_id, "key_hash": key_hash, "venue": venue}
        return Account(mode, user_id, key_hash, venue, self._value(self._upserts.put_account, row))

    def accounts(self) -> list[Account]:
        """Return all accounts of this database, oldest first."""
        return [Account(*row) for row in self._rows(_ACCOUNT)]

    # -- leases

    def take_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> Holder | None:
        """Take or renew a lease by compare-and-set: None when it is ours now, else the holder that lives on.

        It is seen by everyone at once, but need not outlive a loss of power: no holder on SQLite does.
        """
        row = {**asdict(holder), "name": name, "expires_at": now + timedelta(seconds=ttl_s)}
        with self.database.writing(durable=False) as connection:
            run = Runner(connection)
            if run.value(self._upserts.take_lease, row | {"now_": now}) is not None:
                return None
            # The row can't go away before the end of the transaction: the statement above has locked it.
            other = Holder(*run.rows(HOLDER, {"name_": name})[0])
            if not is_dead(other):
                return other
            run.changed(REPLACE_HOLDER, row | {"name_": name, "token_": other.token})
            return None

    def free_lease(self, name: str, holder: Holder) -> None:
        """Give a lease back if it is (still) ours."""
        with self.database.writing(durable=False) as connection:
            Runner(connection).changed(FREE_LEASE, {"name_": name, "token_": holder.token})

    # -- instruments of a venue

    def save_instruments(self, venue: Venue, pairs: Iterable[Instrument], now: datetime) -> None:
        """Store the rules of pairs as they are now."""
        names = [f.name for f in fields(Instrument)]
        rows = [
            dict(zip(names, astuple(pair), strict=True)) | {"venue": venue, "updated_at": now}
            for pair in pairs
        ]
        self._change(self._upserts.put_instruments, *rows)

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
        self._change(FINISH_JOB, {"key_": run_id, "finished_at": now, "ok": ok, "detail": detail})

    def last_job(self, job: str) -> JobRun | None:
        """Return the newest pass of a job."""
        rows = self._rows(LAST_JOB, job_=job)
        return JobRun(*rows[0]) if rows else None

    def prune_jobs(self, before: datetime, *, keep: int) -> int:
        """Delete passes that began before `before`, but none of the newest `keep`; return how many."""
        with self.database.writing(durable=False) as connection:
            run = Runner(connection)
            newest = run.value(NEWEST_JOB, {}) or 0
            return run.changed(PRUNE_JOBS, {"before_": before, "last_": newest - keep})
