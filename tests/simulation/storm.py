"""Faults on a day's requests: drawn one by one from its seed, weighted by what the request is for."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from botbox_cli.exchange.paper.faults import FaultSchedule, Rule
from botbox_cli.exchange.paper.protocol import Request

CREATE, CANCEL = "/v5/order/create", "/v5/order/cancel"

_NETWORK = ((4, "timeout_before"), (6, "timeout_after"), (2, "reset_before"), (3, "reset_after"))
_WRITE = (
    *_NETWORK,
    (2, "connect_refused"),
    (2, "truncated_after"),
    (2, "bad_json_after"),
    (3, "http_before"),
    (3, "http_after"),
    (6, "reject_before"),
    (5, "reject_after"),
    (2, "twice"),
    (3, "late"),
    (2, "delay"),
)
_ORDER = ((5, "partial_fill"), (3, "zero_fill"), (3, "async_reject"), (8, "lag"))
_READ = (
    (4, "timeout_before"),
    (3, "reset_before"),
    (2, "connect_refused"),
    (2, "bad_json_after"),
    (4, "http_before"),
    (4, "reject_before"),
    (2, "stale"),
    (2, "delay"),
)
_REFUSALS = (10000, 10002, 10006, 10016, 170005, 170007, 170131, 170140, 170222, 10003, 10010, 429)
_CANCEL_REFUSALS = (10000, 10002, 10006, 10016, 170007, 170191, 170212, 10010)
_READ_REFUSALS = (10000, 10002, 10006, 10016, 10010)
_LOST = (10000, 10016, 170007, 170032, 170146)
_STATUSES = (500, 502, 503, 504)
_EARLY_STATUSES = (*_STATUSES, 429, 403)


class Storm(FaultSchedule):
    """A schedule without an end. `rate` is the share of requests that meet a fault; `fired` counts by kind."""

    def __init__(self, rng: Random, rate: float) -> None:
        super().__init__()
        # A trade is made of few writes and many reads: each must have its share of trouble.
        self._of_writes, self._of_reads = min(rate * 3, 0.6), rate / 2
        self.counts: Counter[str] = Counter()
        self.requests = 0
        self._rng = rng
        self._burst: tuple[int, Rule] | None = None

    def befall(self, request: Request) -> list[Rule]:
        """Return the fault of this request, if it meets one. Now and then the next few requests meet the same."""
        self.requests += 1
        if self._burst is not None:
            left, rule = self._burst
            self._burst = (left - 1, rule) if left > 1 else None
            return self._count(rule)
        rate = self._of_writes if request.method == "POST" else self._of_reads
        if rate == 0 or self._rng.random() >= rate:
            return []
        rule = self._draw(request)
        if rule.kind in ("http_before", "timeout_before", "connect_refused") and self._rng.random() < 0.15:
            self._burst = (self._rng.randint(2, 25), rule)
        return self._count(rule)

    def stop(self) -> None:
        """Let everything work from now on."""
        self._of_writes = self._of_reads = 0.0
        self._burst = None

    def _count(self, rule: Rule) -> list[Rule]:
        self.counts[rule.kind] += 1
        return [rule]

    def _draw(self, request: Request) -> Rule:
        rng = self._rng
        if request.path == CREATE:
            kind = _pick(rng, _WRITE_OR_ORDER)
            return self._rule(kind, _REFUSALS)
        if request.path == CANCEL:
            return self._rule(_pick(rng, _WRITES), _CANCEL_REFUSALS)
        return self._rule(_pick(rng, _READS), _READ_REFUSALS)

    def _rule(self, kind: str, refusals: Sequence[int]) -> Rule:
        rng = self._rng
        match kind:
            case "reject_before" | "reject_after":
                return Rule(kind, code=rng.choice(_LOST if kind == "reject_after" else refusals))
            case "http_before" | "http_after":
                return Rule(kind, status=rng.choice(_EARLY_STATUSES if kind == "http_before" else _STATUSES))
            case "partial_fill":
                return Rule(kind, fraction=rng.choice(("0.01", "0.2", "0.5", "0.9")))
            case "lag":
                # Beyond some seconds an order that nobody acknowledged would be taken for absent: see
                # docs/guarantees.md.
                return Rule(
                    kind,
                    realtime_ms=rng.choice((0, 200, 1500, 5000)),
                    history_ms=rng.choice((0, 1000, 8000)),
                    executions_ms=rng.choice((0, 300, 4000, 20000)),
                )
        return Rule(kind, seconds=_seconds(rng, kind))


def _seconds(rng: Random, kind: str) -> float:
    if kind == "late":
        return rng.uniform(0.1, 7.0)
    if kind == "delay":
        return rng.uniform(0.1, 6.0)
    return rng.choice((0.0, 5.0)) if kind.startswith("timeout") else 0.0


_Weighted = tuple[tuple[str, ...], tuple[int, ...]]


def _weighted(table: Sequence[tuple[int, str]]) -> _Weighted:
    return tuple(kind for _, kind in table), tuple(accumulate(weight for weight, _ in table))


def _pick(rng: Random, table: _Weighted) -> str:
    """As `rng.choices` with cumulated weights draws one, without its list."""
    return table[0][bisect(table[1], rng.random() * table[1][-1])]


_WRITE_OR_ORDER, _WRITES, _READS = _weighted((*_WRITE, *_ORDER)), _weighted(_WRITE), _weighted(_READ)
