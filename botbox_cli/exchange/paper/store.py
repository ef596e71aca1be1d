"""Where the account lives between requests: in memory, or in a SQLite file that several processes share."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from botbox_cli.exchange.paper.codec import execution_text, order_text, read_execution, read_order
from botbox_cli.exchange.paper.identity import IN_MEMORY, Identity, connect, read_identity
from botbox_cli.exchange.paper.protocol import Unavailable
from botbox_cli.exchange.paper.state import Account

OPENING: Mapping[str, Decimal] = {"USDT": Decimal(10000)}

_TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, number INTEGER NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS orders_by_version ON orders (version);
CREATE TABLE IF NOT EXISTS executions (
    seq INTEGER PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS executions_by_version ON executions (version);
CREATE TABLE IF NOT EXISTS balances (
    coin TEXT PRIMARY KEY, version INTEGER NOT NULL,
    wallet TEXT NOT NULL, locked TEXT NOT NULL, borrowed TEXT NOT NULL, interest TEXT NOT NULL
) STRICT;
"""
_SETTINGS = ("counter", "advanced_ms", "margin_mode", "restarted_ms")


class Books(Protocol):
    """Gives the account to one request at a time."""

    identity: Identity

    def begin(self) -> Account:
        """Return the account as the last request, of whatever process, left it; nobody else gets it meanwhile."""
        ...

    def commit(self) -> None:
        """Keep what changed since `begin`, for good."""
        ...

    def rollback(self) -> None:
        """Give the account back unchanged."""
        ...


class MemoryBooks:
    """An account that ends with the process."""

    def __init__(self, opening: Mapping[str, Decimal] = OPENING, identity: Identity = IN_MEMORY) -> None:
        self.identity = identity
        self._account = Account(opening)

    def begin(self) -> Account:
        return self._account

    def commit(self) -> None:
        self._account.clear_changes()

    def rollback(self) -> None:
        # `Trading` fetches prices before it changes anything, so a request that failed has changed nothing half.
        self._account.clear_changes()


class FileBooks:
    """An account in a SQLite file. Each request is one exclusive transaction, committed before it is answered.

    The account is kept in memory too; what other processes changed is read by its version number.
    """

    def __init__(self, path: Path, opening: Mapping[str, Decimal] = OPENING) -> None:
        """Open or create the file; `opening` are the balances of an account that is new."""
        self._connection = connect(path)
        self.identity = read_identity(self._connection)
        self._account = Account({})
        self._version = 0
        self._saved = _settings_of(self._account)
        self._connection.executescript(_TABLES)
        self._connection.execute("BEGIN IMMEDIATE")
        if self._setting("version") is None:
            self._save_balances(Account(opening), 1)
            self._save_setting("version", "1")
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def begin(self) -> Account:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the state file of the paper exchange is not free: {error}") from error
        version = int(self._setting("version") or 0)
        if version != self._version:
            self._load_since(self._version)
            self._version = version
        return self._account

    def commit(self) -> None:
        account = self._account
        settings = _settings_of(account)
        is_changed = account.dirty_orders or account.new_executions or account.ledger.changed
        if is_changed or (settings != self._saved and (account.open or settings[2:] != self._saved[2:])):
            self._save(account, settings)
        self._connection.execute("COMMIT")
        account.clear_changes()

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._forget()

    def _forget(self) -> None:
        self._account = Account({})
        self._version = 0
        self._saved = _settings_of(self._account)

    # Reading

    def _setting(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _load_since(self, version: int) -> None:
        query = self._connection.execute
        account = self._account
        orders = query("SELECT body FROM orders WHERE version > ? ORDER BY number", (version,))
        executions = query("SELECT body FROM executions WHERE version > ? ORDER BY seq", (version,))
        account.load(
            [read_order(body) for (body,) in orders], [read_execution(body) for (body,) in executions]
        )
        for coin, *amounts in query(
            "SELECT coin, wallet, locked, borrowed, interest FROM balances WHERE version > ?", (version,)
        ):
            balance = account.ledger.of(coin)
            balance.wallet, balance.locked, balance.borrowed, balance.interest = map(Decimal, amounts)
        for name in _SETTINGS:
            value = self._setting(name)
            if value is not None:
                setattr(account, name, json.loads(value))
        self._saved = _settings_of(account)
        account.clear_changes()

    # Writing

    def _save(self, account: Account, settings: tuple[Any, ...]) -> None:
        version = self._version + 1
        write = self._connection.executemany
        write(
            "INSERT OR REPLACE INTO orders (order_id, number, version, body) VALUES (?, ?, ?, ?)",
            [(o.order_id, o.number, version, order_text(o)) for o in account.dirty_orders.values()],
        )
        write(
            "INSERT INTO executions (seq, version, body) VALUES (?, ?, ?)",
            [(e.seq, version, execution_text(e)) for e in account.new_executions],
        )
        self._save_balances(account, version)
        for name, value in zip(_SETTINGS, settings, strict=True):
            self._save_setting(name, json.dumps(value))
        self._save_setting("version", str(version))
        self._version, self._saved = version, settings

    def _save_balances(self, account: Account, version: int) -> None:
        changed = (account.ledger.balances[coin] for coin in account.ledger.changed)
        self._connection.executemany(
            "INSERT OR REPLACE INTO balances (coin, version, wallet, locked, borrowed, interest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (b.coin, version, str(b.wallet), str(b.locked), str(b.borrowed), str(b.interest))
                for b in changed
            ],
        )

    def _save_setting(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def open_books(path: Path | None, opening: Mapping[str, Decimal] = OPENING) -> MemoryBooks | FileBooks:
    """Return the account kept in `path`, or a new one in memory when there is no path."""
    return MemoryBooks(opening) if path is None else FileBooks(path, opening)


def _settings_of(account: Account) -> tuple[Any, ...]:
    return tuple(getattr(account, name) for name in _SETTINGS)
