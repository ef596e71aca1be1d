from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import text

from botbox_cli.domain.account import Account
from botbox_cli.ports import LogEntry
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW


@pytest.fixture
def entries(store: SqlStore, account: Account, stranger: Account) -> list[LogEntry]:
    """Five entries of an account, another account's among them."""
    for number in range(5):
        with store.write(account) as books:
            data = {"z": number, "a": [0.1, None, "…"]}
            books.log(LogEntry(NOW, f"event {number}", "détail", data=data))
        with store.write(stranger) as books:
            books.log(LogEntry(NOW, "other", ""))
    with store.read(account) as books:
        return books.log_of()


@pytest.mark.usefixtures("entries")
def test_untouched_log_holds(store: SqlStore, account: Account, stranger: Account) -> None:
    for owner in (account, stranger):
        with store.read(owner) as books:
            assert books.broken_log_entry() is None


def test_changed_entry_shows(store: SqlStore, account: Account, entries: list[LogEntry]) -> None:
    with store.database.writing() as connection:
        connection.execute(
            text("UPDATE log SET detail = 'nothing happened' WHERE id = :id"), {"id": entries[2].id}
        )

    with store.read(account) as books:
        assert books.broken_log_entry() == replace(entries[2], detail="nothing happened")


def test_removed_entry_shows_at_the_one_behind_it(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    with store.database.writing() as connection:
        connection.execute(text("DELETE FROM log WHERE id = :id"), {"id": entries[2].id})

    with store.read(account) as books:
        assert books.broken_log_entry() == entries[3]


def test_entry_of_a_transaction_that_was_undone_leaves_no_hole(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    with suppress(ZeroDivisionError), store.write(account) as books:
        books.log(entries[0])
        raise ZeroDivisionError
    with store.write(account) as books:
        books.log(LogEntry(NOW, "last", ""))
        assert books.broken_log_entry() is None
