"""The decision log: what an untouched one looks like, and that no edit, insertion or deletion stays unseen."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import text

from botbox_cli.domain.account import Account
from botbox_cli.ports import LogEntry, LogHead
from botbox_cli.services import audit
from botbox_cli.services.audit import Verdict, verify
from botbox_cli.services.book import add_fills
from botbox_cli.storage.store import SqlStore
from tests.support.books import NOW, a_fill, a_setup, a_trade, an_order


def append(store: SqlStore, account: Account, number: int) -> None:
    data = {"z": number, "a": [0.1, None, "…"]}
    with store.write(account) as books:
        books.log(LogEntry(NOW + timedelta(hours=number), f"event {number}", "détail", data=data))


@pytest.fixture
def entries(store: SqlStore, account: Account, stranger: Account) -> list[LogEntry]:
    """Five entries of an account, another account's among them."""
    for number in range(5):
        append(store, account, number)
        with store.write(stranger) as books:
            books.log(LogEntry(NOW, "other", ""))
    with store.read(account) as books:
        return books.log_of()


def tamper(store: SqlStore, statement: str, **parameters: object) -> None:
    with store.database.writing() as connection:
        connection.execute(text(statement), parameters)


def insert(store: SqlStore, account: Account, id_: int, before: str, **changed: object) -> None:
    """Put an entry into the log whose hash follows from `before`."""
    entry = replace(LogEntry(NOW, "forged", "", data={}), **changed)  # type: ignore[arg-type]
    tamper(
        store,
        "INSERT INTO log (id, account_id, at, event, detail, data, hash) "
        "VALUES (:id, :account, :at, :event, :detail, '{}', :hash)",
        id=id_,
        account=account.id,
        at=entry.at.isoformat(timespec="microseconds"),
        event=entry.event,
        detail=entry.detail,
        hash=entry.hash_after(before),
    )


def named(verdict: Verdict) -> tuple[str, int | None]:
    """Return the kind of the first break and the id of the entry that it names."""
    assert verdict.broken is not None
    assert not verdict.is_intact
    return verdict.broken.kind, verdict.broken.entry and verdict.broken.entry.id


@pytest.mark.usefixtures("entries")
def test_untouched_logs_hold(store: SqlStore, account: Account, stranger: Account) -> None:
    for owner in (account, stranger):
        verdict = verify(store, owner)

        assert verdict.is_intact
        assert verdict.checked == verdict.head.count == 5


def test_empty_log_holds(store: SqlStore, account: Account) -> None:
    assert verify(store, account) == Verdict(0, LogHead(0, ""), None, ())


@pytest.mark.parametrize(
    "change",
    [
        "detail = 'nothing happened'",
        "event = 'approved'",
        "data = '{\"z\": 3}'",
        "data = NULL",
        "hash = 'ab12'",
        "at = '2026-03-04 07:06:08.891234+00:00'",
    ],
)
def test_edited_entry_is_named(
    store: SqlStore, account: Account, entries: list[LogEntry], change: str
) -> None:
    tamper(store, f"UPDATE log SET {change} WHERE id = :id", id=entries[2].id)

    assert named(verify(store, account)) == ("edited", entries[2].id)


def test_edit_with_a_hash_that_fits_shows_at_the_entry_behind_it(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    with store.read(account) as books:
        before = books.log_links(1, 1)[0][1]
    forged = replace(entries[2], detail="nothing happened")
    tamper(
        store,
        "UPDATE log SET detail = :detail, hash = :hash WHERE id = :id",
        detail=forged.detail,
        hash=forged.hash_after(before),
        id=forged.id,
    )

    assert named(verify(store, account)) == ("edited", entries[3].id)


def test_deletion_is_named_by_the_entry_behind_it(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    tamper(store, "DELETE FROM log WHERE id = :id", id=entries[2].id)

    verdict = verify(store, account)

    assert named(verdict) == ("deleted", entries[3].id)
    assert verdict.broken is not None
    assert verdict.broken.after == entries[1].id


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_deletion_at_the_end_shows(
    store: SqlStore, account: Account, entries: list[LogEntry], kept: int
) -> None:
    tamper(
        store,
        "DELETE FROM log WHERE account_id = :account AND id > :id",
        account=account.id,
        id=entries[kept - 1].id if kept else 0,
    )

    verdict = verify(store, account)

    assert named(verdict) == ("deleted", None)
    assert verdict.broken is not None
    assert verdict.broken.detail.startswith(f"{5 - kept} entries behind entry")


def test_deletion_at_the_end_still_shows_when_the_log_has_gone_on(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    tamper(store, "DELETE FROM log WHERE id = :id", id=entries[4].id)
    append(store, account, 5)

    kind, entry = named(verify(store, account))

    assert kind == "deleted"
    assert entry is not None
    assert entry > entries[4].id


@pytest.mark.parametrize("value", [None, "", "[5, 'ab']", "-5 ab", "4 ab", "six of them"])
def test_damaged_head_shows_and_the_log_goes_on(
    store: SqlStore, account: Account, entries: list[LogEntry], value: str | None
) -> None:
    if value is None:
        tamper(store, "DELETE FROM markers WHERE name = 'log head' AND account_id = :id", id=account.id)
    else:
        statement = "UPDATE markers SET value = :value WHERE name = 'log head' AND account_id = :id"
        tamper(store, statement, value=value, id=account.id)

    verdict = verify(store, account)
    assert verdict.broken is not None
    assert verdict.checked == 5

    append(store, account, 5)
    assert not verify(store, account).is_intact


def test_inserted_entry_is_named(store: SqlStore, account: Account, entries: list[LogEntry]) -> None:
    """Ids of another account's entries lie between ours; free one and put a well-made entry there."""
    place = entries[2].id + 1
    tamper(store, "DELETE FROM log WHERE id = :id", id=place)
    with store.read(account) as books:
        before = books.log_links(2, 1)[0][1]
    insert(store, account, place, before)

    verdict = verify(store, account)

    assert named(verdict) == ("inserted", place)
    assert verdict.broken is not None
    assert verdict.broken.after == entries[2].id


def test_entry_put_behind_the_newest_is_named(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    with store.read(account) as books:
        head = books.log_head()
    insert(store, account, 999, head.hash)

    assert named(verify(store, account)) == ("inserted", 999)


def test_log_that_was_written_anew_does_not_contain_what_was_seen(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    """Whoever writes to the database can make a chain that holds; a head noted elsewhere gives it away."""
    seen = verify(store, account).head
    append(store, account, 5)
    assert verify(store, account, seen=[seen]).is_intact
    tamper(store, "DELETE FROM log WHERE account_id = :account", account=account.id)
    tamper(store, "DELETE FROM markers WHERE account_id = :account", account=account.id)
    for number in range(7):
        append(store, account, number + 100)

    assert verify(store, account).is_intact
    assert named(verify(store, account, seen=[seen]))[0] == "rewritten"
    assert named(verify(store, account, since=NOW + timedelta(hours=106), seen=[seen]))[0] == "rewritten"


def test_since_looks_at_the_newer_entries_only(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    tamper(store, "UPDATE log SET detail = 'x' WHERE id = :id", id=entries[1].id)

    later = verify(store, account, since=NOW + timedelta(hours=2))

    assert later.is_intact
    assert later.checked == 3
    assert named(verify(store, account, since=NOW + timedelta(hours=1))) == ("edited", entries[1].id)
    assert verify(store, account, since=NOW + timedelta(days=9)).checked == 0


def test_since_still_sees_the_end_gone(store: SqlStore, account: Account, entries: list[LogEntry]) -> None:
    tamper(store, "DELETE FROM log WHERE id = :id", id=entries[4].id)

    assert named(verify(store, account, since=NOW + timedelta(days=9))) == ("deleted", None)


def test_log_longer_than_a_batch_holds(
    store: SqlStore, account: Account, entries: list[LogEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 2)

    assert verify(store, account).checked == 5


def test_entry_of_a_transaction_that_was_undone_leaves_no_hole(
    store: SqlStore, account: Account, entries: list[LogEntry]
) -> None:
    with suppress(ZeroDivisionError), store.write(account) as books:
        books.log(entries[0])
        raise ZeroDivisionError
    append(store, account, 6)

    assert verify(store, account).checked == 6


def test_chain_does_not_fork_under_races(store: SqlStore, account: Account) -> None:
    together = Barrier(6)

    def write(number: int) -> None:
        together.wait()
        for _ in range(5):
            append(store, account, number)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))

    verdict = verify(store, account)
    assert verdict.is_intact
    assert verdict.checked == 30


@pytest.mark.parametrize("seed", range(12))
def test_random_tampering_is_found(store: SqlStore, account: Account, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(dice.randint(2, 12)):
        append(store, account, number)
    with store.read(account) as books:
        logged = books.log_of()
    victim = dice.choice(logged)
    match dice.choice(["edit", "delete", "swap", "cut"]):
        case "edit":
            column = dice.choice(["event", "detail", "hash"])
            tamper(store, f"UPDATE log SET {column} = {column} || '.' WHERE id = :id", id=victim.id)
        case "delete":
            tamper(store, "DELETE FROM log WHERE id = :id", id=victim.id)
        case "cut":
            tamper(store, "DELETE FROM log WHERE id >= :id", id=victim.id)
        case "swap":
            other = dice.choice([e for e in logged if e.id != victim.id])
            for new, old in ((-1, victim.id), (victim.id, other.id), (other.id, -1)):
                tamper(store, "UPDATE log SET id = :new WHERE id = :old", new=new, old=old)

    assert not verify(store, account).is_intact


@pytest.fixture
def filled(store: SqlStore, account: Account) -> str:
    """A fill that was booked and logged, by its id."""
    with store.write(account) as books:
        setup = books.add_setup(a_setup())
        assert setup is not None
        trade = books.add_trade(a_trade(setup))
        fill = a_fill(books.add_order(an_order(trade)))
        assert add_fills(books, [fill], NOW, trade.id) == 1
    assert verify(store, account).is_intact
    return fill.execution_id


def test_edited_fill_is_told_from_the_log(store: SqlStore, account: Account, filled: str) -> None:
    tamper(store, "UPDATE fills SET price = '90'")

    verdict = verify(store, account)

    assert verdict.broken is None
    assert verdict.fills == (f"fill {filled}: price was logged as 100.2, the books say 90",)


def test_fill_that_is_gone_or_was_never_logged_shows(store: SqlStore, account: Account, filled: str) -> None:
    tamper(store, "UPDATE fills SET execution_id = 'other'")

    assert verify(store, account).fills == (
        f"fill {filled} was logged but is not in the books",
        "fill other is in the books but was never logged",
    )
