"""Everything that can go wrong between a request and its answer, on a schedule that can be replayed.

A schedule is a seed and a list of rules. A rule names a kind of fault and the requests it befalls: all whose path,
params and link id match, or only the nth of them, or each with a probability. The same schedule and requests give the
same faults.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from botbox_cli.exchange.paper.protocol import Clock, Reply, Request, to_ms
from botbox_cli.exchange.paper.state import Effects, Lag

# Kinds that break the connection: what the client sees, and whether the request had reached the exchange.
_BREAKS = {
    "timeout_before": ("timeout", False),
    "timeout_after": ("timeout", True),
    "reset_before": ("reset", False),
    "reset_after": ("reset", True),
    "connect_refused": ("refused", False),
    "truncated_after": ("truncated", True),
}
# Kinds that answer something else than the exchange would, or did.
_ANSWERS = (
    "http_before",
    "http_after",
    "bad_json_after",
    "reject_before",
    "reject_after",
    "stale",
    "twice",
    "late",
)
# Kinds that befall the order a create request makes, and the one that lets time pass first.
_EFFECTS = ("partial_fill", "zero_fill", "async_reject", "lag")
KINDS = (*_BREAKS, *_ANSWERS, *_EFFECTS, "delay")

_TEXTS = {
    10000: "Server Timeout",
    10002: "invalid request, please check your server timestamp or recv_window param.",
    10006: "Too many visits!",
    10016: "Server error",
    170007: "Timeout waiting for response from backend server.",
    170032: "Network error. Please try again later",
    170131: "Insufficient balance.",
    170213: "Order does not exist.",
}
_HTML = "<html><head><title>{status}</title></head><body>nginx</body></html>"


@dataclass(slots=True)
class Rule:
    """One fault and the requests it befalls.

    Attributes:
        kind: One of `KINDS`.
        path: The endpoint, such as `/v5/order/create`; "" for any.
        params: Parameters that must have these values.
        link: A part of the request's orderLinkId.
        nth: Only the nth matching request, counted from 1; None for every one.
        probability: Each matching request with this probability.
        code: retCode of `reject_…`.
        status: HTTP status of `http_…`.
        seconds: How long `delay` takes, `late` arrives later, or a timeout lasts.
        fraction: Share of the quantity that `partial_fill` fills.
        reason: rejectReason of `async_reject`.
        realtime_ms, history_ms, executions_ms: How much later each view shows the order, for `lag`.
    """

    kind: str
    path: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    nth: int | None = None
    probability: float | None = None
    code: int = 10016
    status: int = 502
    seconds: float = 0.0
    fraction: str = "0.5"
    reason: str = "EC_Others"
    realtime_ms: int = 0
    history_ms: int = 0
    executions_ms: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}")

    def matches(self, request: Request) -> bool:
        """Tell whether the rule is about this request."""
        return (
            (not self.path or self.path == request.path)
            and all(str(request.params.get(name)) == value for name, value in self.params.items())
            and (not self.link or self.link in str(request.params.get("orderLinkId", "")))
        )


class Broken(Exception):
    """The connection breaks instead of answering: `timeout`, `reset`, `refused` or `truncated`.

    `reply` is what the exchange answered, when the request reached it; `seconds` is how long a timeout lasts.
    """

    def __init__(self, how: str, reply: Reply | None, seconds: float) -> None:
        super().__init__(how)
        self.how = how
        self.reply = reply
        self.seconds = seconds


class FaultSchedule:
    """Rules with the state of their counting; `fired` lists what has happened, as (request number, kind, path)."""

    def __init__(self, rules: Sequence[Rule] = (), seed: int = 0) -> None:
        self.rules = tuple(rules)
        self.seed = seed
        self.fired: list[tuple[int, str, str]] = []
        self._random = random.Random(seed)
        self._met = [0] * len(self.rules)
        self._requests = 0

    @classmethod
    def from_json(cls, text: str) -> FaultSchedule:
        """Return the schedule of a document `{"seed": …, "rules": [{"kind": …, …}, …]}`.

        Raises:
            ValueError: When it is not such a document.
        """
        return cls.from_document(json.loads(text))

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> FaultSchedule:
        """Return the schedule of a document that is read already."""
        try:
            return cls([Rule(**rule) for rule in document["rules"]], int(document.get("seed", 0)))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a fault schedule: {error}") from error

    def to_json(self) -> str:
        """Return the document that makes this schedule anew, from its beginning."""
        return json.dumps({"seed": self.seed, "rules": [asdict(rule) for rule in self.rules]})

    def befall(self, request: Request) -> list[Rule]:
        """Count a request and return the rules that fire on it."""
        self._requests += 1
        fired = [rule for index, rule in enumerate(self.rules) if self._fires(index, rule, request)]
        self.fired += [(self._requests, rule.kind, request.path) for rule in fired]
        return fired

    def _fires(self, index: int, rule: Rule, request: Request) -> bool:
        if not rule.matches(request):
            return False
        self._met[index] += 1
        if rule.nth is not None and rule.nth != self._met[index]:
            return False
        return rule.probability is None or self._random.random() < rule.probability


class Exchange(Protocol):
    """What faults stand in front of."""

    @property
    def clock(self) -> Clock: ...

    def handle(self, request: Request, effects: Effects | None = None, at_ms: int | None = None) -> Reply: ...


class FaultyExchange:
    """An exchange as seen through a bad network. Of several connection faults on one request the first rule's wins."""

    def __init__(self, exchange: Exchange, schedule: FaultSchedule | None = None) -> None:
        self.exchange = exchange
        self.schedule = schedule or FaultSchedule()
        self.clock = exchange.clock
        self._lock = threading.Lock()
        self._former: dict[tuple[Any, ...], Reply] = {}
        self._late: list[tuple[int, Request, Effects | None]] = []

    def handle(self, request: Request) -> Reply:
        """Answer one request, or not.

        Raises:
            Broken: When the connection breaks.
            Unavailable: As the exchange itself.
        """
        with self._lock:
            rules = self.schedule.befall(request)
            due = self._take_due() if self._late else ()
        for at_ms, late, effects in due:
            self.exchange.handle(late, effects, at_ms)
        if not rules:
            return self._ordinary(request, None)
        for rule in rules:
            if rule.kind == "delay":
                self.clock.sleep(rule.seconds)
        effects = _effects(rules)
        for rule in rules:
            if rule.kind in _BREAKS or rule.kind in _ANSWERS:
                return self._faulty(rule, request, effects)
        return self._ordinary(request, effects)

    def _faulty(self, rule: Rule, request: Request, effects: Effects | None) -> Reply:
        if rule.kind in _BREAKS:
            how, is_reached = _BREAKS[rule.kind]
            reply = self.exchange.handle(request, effects) if is_reached else None
            raise Broken(how, reply, rule.seconds)
        if rule.kind == "late":
            with self._lock:
                self._late.append((to_ms(self.clock.now()) + round(rule.seconds * 1000), request, effects))
            raise Broken("timeout", None, 0.0)
        if rule.kind == "stale":
            former = self._former.get(_key(request)) if request.method == "GET" else None
            return former or self._ordinary(request, effects)
        if rule.kind == "twice":
            self.exchange.handle(request, effects)
            return self._ordinary(request, effects)
        if rule.kind.endswith("_after"):
            self.exchange.handle(request, effects)
        return self._invented(rule)

    def _invented(self, rule: Rule) -> Reply:
        if rule.kind.startswith("http"):
            text = "403, access too frequent" if rule.status == 403 else _HTML.format(status=rule.status)
            return Reply(rule.status, {}, text)
        if rule.kind == "bad_json_after":
            return Reply(200, {}, _HTML.format(status=200))
        now_ms = to_ms(self.clock.now())
        headers = {}
        if rule.code == 10006:
            headers = {
                "X-Bapi-Limit": "20",
                "X-Bapi-Limit-Status": "0",
                "X-Bapi-Limit-Reset-Timestamp": str(now_ms + 1000),
            }
        text = _TEXTS.get(rule.code, "fault")
        body: dict[str, Any] = {
            "retCode": rule.code,
            "retMsg": text,
            "result": {},
            "retExtInfo": {},
            "time": now_ms,
        }
        return Reply(200, headers, body)

    def _ordinary(self, request: Request, effects: Effects | None) -> Reply:
        reply = self.exchange.handle(request, effects)
        if request.method == "GET":
            self._former[_key(request)] = reply
        return reply

    def _take_due(self) -> list[tuple[int, Request, Effects | None]]:
        now_ms = to_ms(self.clock.now())
        due = sorted((each for each in self._late if each[0] <= now_ms), key=lambda each: each[0])
        self._late = [each for each in self._late if each[0] > now_ms]
        return due


def _key(request: Request) -> tuple[Any, ...]:
    """Return what two requests for the same thing have in common; a query's values are texts."""
    return request.path, *request.params.items()


def _effects(rules: Sequence[Rule]) -> Effects | None:
    effects = Effects()
    for rule in rules:
        if rule.kind == "partial_fill":
            effects.fill_fraction = Decimal(rule.fraction)
        elif rule.kind == "zero_fill":
            effects.fill_fraction = Decimal(0)
        elif rule.kind == "async_reject":
            effects.reject_reason = rule.reason
        elif rule.kind == "lag":
            effects.lag = Lag(rule.realtime_ms, rule.history_ms, rule.executions_ms)
    return effects if effects != Effects() else None
