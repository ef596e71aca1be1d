"""Counts that outlive a process: errors by code, and how long it took from a price frame to the request it caused.

They lie among an account's markers, so that another process (`botbox serve`) can show them.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from botbox_cli.domain.account import Account
from botbox_cli.ports import Books, Exchange, Store

ERRORS, LATENCY = "errors_by_code", "tick_to_request"
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(slots=True)
class Latency:
    """A histogram: how many lay at or below each of BOUNDS_S (but above the one before), and above the last."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds


class FirstRequest:
    """Stands before an exchange and notes when it is first asked for anything."""

    def __init__(self, exchange: Exchange, ticks: Callable[[], float]) -> None:
        self._exchange, self._ticks = exchange, ticks
        self.at: float | None = None

    def within(self, left_s: Callable[[], float]) -> FirstRequest:
        self._exchange = self._exchange.within(left_s)
        return self

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._exchange, name)
        if self.at is None and callable(found) and name != "order_request":  # which sends nothing
            self.at = self._ticks()
        return found


def count_errors(store: Store, account: Account, codes: Iterable[str]) -> None:
    """Add errors to the account's count."""
    new = Counter(codes)
    if new:
        with store.write(account) as books:
            books.set_marker(ERRORS, json.dumps(dict(new + Counter(errors_of(books)))))


def errors_of(books: Books) -> dict[str, int]:
    """Return how many errors of each code the passes have met since the books were made."""
    found: dict[str, int] = json.loads(books.marker(ERRORS) or "{}")
    return found


def add_latency(store: Store, account: Account, latency: Latency) -> None:
    """Add what was observed to the account's histogram. Not on the way of a trade: it waits for the database."""
    with store.write(account) as books:
        known = latency_of(books)
        counts = [a + b for a, b in zip(known.counts, latency.counts, strict=True)]
        books.set_marker(LATENCY, json.dumps([counts, known.sum_s + latency.sum_s]))


def latency_of(books: Books) -> Latency:
    """Return what has been observed since the books were made."""
    text = books.marker(LATENCY)
    if text is None:
        return Latency()
    counts, sum_s = json.loads(text)
    return Latency(counts, sum_s) if len(counts) == len(BOUNDS_S) + 1 else Latency()
