"""The log's chain: each entry carries a hash over itself and the hash before it, so that a later change shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC

from botbox_cli.ports import LogEntry


def chained_hash(before: str, entry: LogEntry) -> str:
    """Return the hash of `entry` (without its id) behind an entry of hash `before` ("" for the first)."""
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    facts = [before, at, entry.event, entry.detail, entry.trade_id, entry.setup_id, entry.data]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def first_broken(entries: Iterable[tuple[LogEntry, str]]) -> LogEntry | None:
    """Return the first entry, oldest first, that does not follow from the one before, or None."""
    before = ""
    for entry, stored in entries:
        if chained_hash(before, entry) != stored:
            return entry
        before = stored
    return None
