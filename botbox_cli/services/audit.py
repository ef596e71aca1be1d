"""The decision log put to the test: does each entry follow from the one before, is the newest still there, do the
fills in the books equal those that were logged?

What a chain of hashes can't show by itself: who can write to the database can also write a whole new chain. So heads
that were seen earlier, and kept elsewhere, must still be part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botbox_cli.domain.account import Account
from botbox_cli.ports import Books, LogEntry, LogHead, Store
from botbox_cli.services.book import fill_facts

BATCH = 2000
FILLED = "filled"


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the log does not hold.

    `kind`: `edited`, `inserted` or `deleted`, as far as the number of entries tells; `deleted` without an entry means
    that the newest are gone, `rewritten` that a head which was seen earlier is not part of the log any more. `entry` is
    the first one that does not hold, `after` the id of the last one that does.
    """

    kind: str
    entry: LogEntry | None
    after: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the test: how many entries were looked at, where the log ends, and what is wrong with it.

    `fills` names fills whose facts in the books differ from those in the log.
    """

    checked: int
    head: LogHead
    broken: Break | None
    fills: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        return self.broken is None and not self.fills


def verify(
    store: Store, account: Account, *, since: datetime | None = None, seen: Sequence[LogHead] = ()
) -> Verdict:
    """Test an account's log, or the entries from the first one at or after `since` on, at one moment of the books.

    Args:
        seen: Heads of earlier times, which must still be part of the log.
    """
    with store.read(account) as books:
        skip = 0 if since is None else books.log_count(since)
        head, stored = books.log_head(), books.log_count()
        walk = _Walk(books, skip)
        broken = walk.first_break(head, stored) or _rewritten(books, walk, seen)
        fills = () if broken else tuple(_differing_fills(books, walk.fills, whole=since is None))
    return Verdict(walk.checked, head, broken, fills)


class _Walk:
    """The way through a log from its entry number `skip` (from 0) on; collects the logged fills and the hashes."""

    def __init__(self, books: Books, skip: int) -> None:
        self._books = books
        self._skip = skip
        self.checked = 0
        self.hashes: list[str] = []
        self.fills: dict[str, dict[str, Any]] = {}
        before = books.log_links(skip - 1, 1) if skip else []
        self._start = before[0][1] if before else ""
        self._start_id = before[0][0].id if before else None

    def hash_at(self, count: int) -> str | None:
        """Return the hash of the entry that was the `count`th, or None."""
        if count > self._skip:
            place = count - self._skip - 1
            return self.hashes[place] if place < len(self.hashes) else None
        found = self._books.log_links(count - 1, 1)
        return found[0][1] if found else None

    def first_break(self, head: LogHead, stored: int) -> Break | None:
        """Follow the chain to its end and return the first place where it does not hold."""
        before, after = self._start, self._start_id
        for entry, digest in _links(self._books, self._skip):
            if entry.hash_after(before) != digest:
                return self._break_at(entry, digest, after, stored - head.count)
            self.checked += 1
            self.hashes.append(digest)
            if entry.event == FILLED and entry.data and "execution_id" in entry.data:
                self.fills[str(entry.data["execution_id"])] = entry.data
            before, after = digest, entry.id
        return self._break_at_end(head, before, after, stored)

    def _break_at(self, entry: LogEntry, digest: str, after: int | None, surplus: int) -> Break:
        inserted = self._inserted_before(entry, digest)
        if inserted is not None:
            first, follows = inserted
            return Break(
                "inserted", first, follows, f"{_name(first)} was inserted: {_name(entry)} leaves it out"
            )
        kind = "deleted" if surplus < 0 else "inserted" if surplus > 0 else "edited"
        what = {
            "deleted": f"something between entry {after or 0} and {_name(entry)} was deleted",
            "inserted": f"{_name(entry)} was inserted: it does not follow from entry {after or 0}",
            "edited": f"{_name(entry)} was edited: it does not follow from entry {after or 0}",
        }
        return Break(kind, entry, after, what[kind])

    def _inserted_before(self, entry: LogEntry, digest: str) -> tuple[LogEntry, int | None] | None:
        """Return the first of well-made entries that someone put in front of `entry`, and what it stands behind."""
        earlier = [self._start, *self.hashes][:-1]
        place = next((i for i, h in enumerate(earlier) if entry.hash_after(h) == digest), None)
        if place is None:
            return None
        first = self._books.log_links(self._skip + place, 1)[0][0]
        before = self._books.log_links(self._skip + place - 1, 1) if self._skip + place else []
        return first, before[0][0].id if before else None

    def _break_at_end(self, head: LogHead, newest: str, after: int | None, stored: int) -> Break | None:
        if stored == head.count and newest == head.hash:
            return None
        if stored and not head.count:
            return Break("deleted", None, after, "what botbox remembers of the log's end is gone or damaged")
        known = [self._start, *self.hashes]
        if stored > head.count and head.hash in known:
            # Well-made entries behind the head that botbox remembers: not written by botbox.
            first = self._books.log_links(self._skip + known.index(head.hash), 1)[0][0]
            return Break("inserted", first, None, f"{_name(first)} was put behind the newest one")
        gone = head.count - stored
        what = f"{gone} entries" if gone > 0 else "the newest entry"
        return Break("deleted", None, after, f"{what} behind entry {after or 0}: gone or replaced")


def _rewritten(books: Books, walk: _Walk, seen: Sequence[LogHead]) -> Break | None:
    """Return the oldest of the heads seen earlier that is not part of the log any more."""
    for head in sorted(seen, key=lambda h: h.count):
        if head.count and walk.hash_at(head.count) != head.hash:
            entries = books.log_links(head.count - 1, 1)
            entry = entries[0][0] if entries else None
            what = f"{_name(entry)} is another" if entry else "there is no such entry now"
            return Break(
                "rewritten",
                entry,
                None,
                f"entry number {head.count} was seen with hash {head.hash[:12]}… earlier, and {what}",
            )
    return None


def _links(books: Books, skip: int) -> Iterator[tuple[LogEntry, str]]:
    while batch := books.log_links(skip, BATCH):
        yield from batch
        skip += len(batch)


def _name(entry: LogEntry) -> str:
    return f"entry {entry.id} ({entry.event}, {entry.at:%Y-%m-%d %H:%M:%S} UTC)"


def _differing_fills(books: Books, logged: dict[str, dict[str, Any]], *, whole: bool) -> Iterator[str]:
    """Yield a sentence for each fill that differs; with `whole`, for one that is in the books only, too."""
    stored = {f.execution_id: fill_facts(f) for f in books.fills([t.id for t in books.trades()])}
    for execution_id, facts in logged.items():
        found = stored.get(execution_id)
        if found is None:
            yield f"fill {execution_id} was logged but is not in the books"
            continue
        for name, value in facts.items():
            if found.get(name) != value:
                yield f"fill {execution_id}: {name} was logged as {value}, the books say {found.get(name)}"
    if whole:
        for execution_id in sorted(stored.keys() - logged.keys()):
            yield f"fill {execution_id} is in the books but was never logged"


def entries(store: Store, account: Account, *, since: datetime | None = None) -> list[tuple[LogEntry, str]]:
    """Return the log with its hashes, oldest first, from the first entry at or after `since` on."""
    with store.read(account) as books:
        return list(_links(books, 0 if since is None else books.log_count(since)))
