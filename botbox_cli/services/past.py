"""What became of every setup that a rule has found in the stored candles, remembered as far as it is settled.

A card is looked at right after a scan, so all but the newest candles have been replayed before. What is remembered
was made from candles that have not changed since (their revisions are in its stamp), under the same terms, by the same
code; the rest, from the oldest trade that had not ended on, is replayed anew.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from botbox_cli import analysis
from botbox_cli.analysis.replay import Exit, ReplayTerms, Trades, replay
from botbox_cli.analysis.rules.rule import Rule, found_by, identity
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import INTERVALS, Interval
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.regime import REGIME_TIMEFRAME
from botbox_cli.errors import StorageError
from botbox_cli.ports import CandleStore, Clock, Series, Store
from botbox_cli.services.evidence import finer_candles, load_evidence

REGIME = INTERVALS[REGIME_TIMEFRAME]
PATIENCE = timedelta(seconds=5)
"""For so long symbols are replayed that have not been; those left over are counted, and are there the next time."""
SILENCE = timedelta(seconds=1)
"""After so long without an answer the person is told what takes the time."""

Waiting = Callable[[int, int], None]
"""Told once: symbols replayed so far, of how many."""

ROW = np.dtype(
    [
        ("signal_ms", "<i8"),
        ("entry_ms", "<i8"),
        ("exit_ms", "<i8"),
        ("r", "<f8"),
        ("ratio", "<f8"),
        ("reason", "i1"),
        ("kind", "U32"),
    ]
)
"""A replayed trade: times in ms, R net of fees, the regime's ratio at the signal, how it ended (`Exit`)."""
Rows = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Past:
    """Replayed trades by symbol, by time of entry; `left_out` counts symbols that there was no time for."""

    rows: dict[str, Rows]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is remembered of one symbol: all rows as of `extent`; those before `resume_ms` are settled."""

    extent: list[int]
    resume_ms: int
    rows: Rows

    def packed(self) -> bytes:
        head = json.dumps([self.extent, self.resume_ms]).encode()
        return len(head).to_bytes(4, "little") + head + self.rows.tobytes()

    @classmethod
    def unpacked(cls, data: bytes) -> _Memory:
        end = 4 + int.from_bytes(data[:4], "little")
        extent, resume_ms = json.loads(data[4:end])
        return cls(extent, resume_ms, np.frombuffer(data[end:], ROW))


NOTHING = _Memory([], 0, np.empty(0, ROW))


@dataclass(frozen=True, slots=True)
class Source:
    """Where candles and instruments come from, and the time that it may take."""

    store: Store
    candles: CandleStore
    venue: Venue
    clock: Clock


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def past_of(
    source: Source,
    rule: Rule,
    interval: Interval,
    terms: ReplayTerms,
    *,
    first: str,
    waiting: Waiting = silent,
) -> Past:
    """Return the trades of a rule over every symbol that is stored in this interval, beginning with `first`.

    After a second without an answer `waiting` is called, once.
    """
    revisions = source.candles.revisions(source.venue)  # before any candle is read: see `remember_replay`
    stored: dict[str, dict[str, Series]] = {}
    for series in source.candles.series(source.venue):
        stored.setdefault(series.symbol, {})[series.timeframe] = series
    remembered = source.candles.replays(source.venue, interval, identity(rule))
    symbols = sorted((s for s in stored if interval.code in stored[s]), key=lambda s: (s != first, s))
    started = source.clock.now()
    ends_at, told_at = started + PATIENCE, started + SILENCE
    has_told = False
    rows: dict[str, Rows] = {}
    left_out = 0
    for number, symbol in enumerate(symbols):
        instrument = source.store.instrument(source.venue, symbol)
        if instrument is None:
            continue
        if not has_told and _is_over(source.clock, told_at):
            waiting(number, len(symbols))
            has_told = True
        one = _Symbol(source, rule, interval, terms, instrument, stored[symbol], revisions)
        known, stamp = one.recalled(remembered.get(symbol)), one.stamp()
        if known.extent != one.extent():
            if known is NOTHING and rows and _is_over(source.clock, ends_at):
                left_out += 1
                continue
            known = one.replayed(known)
            with suppress(StorageError):  # it is only a memory: a database that takes no write still answers
                source.candles.remember_replay(
                    source.venue, symbol, interval, identity(rule), stamp=stamp, data=known.packed()
                )
        rows[symbol] = known.rows
    return Past(rows, left_out)


def _is_over(clock: Clock, ends_at: datetime) -> bool:
    return clock.now() >= ends_at


@dataclass(frozen=True, slots=True)
class _Symbol:
    """The series of one symbol that have a say in its replay: its own, the regime's, and finer ones."""

    source: Source
    rule: Rule
    interval: Interval
    terms: ReplayTerms
    instrument: Instrument
    stored: dict[str, Series]
    revisions: dict[tuple[str, str], int]

    def _series(self) -> list[tuple[Interval, Series]]:
        wanted = [
            i
            for i in INTERVALS.values()
            if i.code in (self.interval.code, REGIME.code)
            or (i.length_ms < self.interval.length_ms and not self.interval.length_ms % i.length_ms)
        ]
        return [(i, self.stored[i.code]) for i in wanted if i.code in self.stored]

    def stamp(self) -> str:
        """Return what a replay is made from, but for candles that come later."""
        symbol = self.instrument.symbol
        made_from = [[i.code, self.revisions.get((symbol, i.code), 0)] for i, _ in self._series()]
        facts = [
            code_stamp(type(self.rule)),
            str(self.instrument.tick_size),
            asdict(self.terms),
            made_from,
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def extent(self) -> list[int]:
        """Return where each series ends."""
        return [series.last_ms for _, series in self._series()]

    def recalled(self, found: tuple[str, bytes] | None) -> _Memory:
        """Return what is remembered, if it was made from what there is now."""
        if found is None or found[0] != self.stamp():
            return NOTHING
        return _Memory.unpacked(found[1])

    def settled_ms(self) -> int:
        """Return the time up to which every series is there, so that later candles can't change what was known then."""
        if REGIME.code not in self.stored:
            return 0
        ends = [s.last_ms + i.length_ms for i, s in self._series()]
        # A regime holds until the next candle of it has closed.
        return min(*ends, self.stored[REGIME.code].last_ms + 2 * REGIME.length_ms)

    def replayed(self, known: _Memory) -> _Memory:
        """Return the trades up to now: the settled ones as they were, the others anew."""
        own, symbol, venue = self.stored[self.interval.code], self.instrument.symbol, self.source.venue
        start_ms = max(own.first_ms, known.resume_ms - self.rule.lookback * self.interval.length_ms)
        evidence = load_evidence(self.source.candles, venue, symbol, self.interval, start_ms, own.last_ms)
        finds = found_by(self.rule, evidence)
        found = replay(evidence, finds, self.interval, self.instrument, self.terms)
        finer = finer_candles(self.source.candles, venue, symbol, self.interval, found.doubtful_ms)
        if finer:
            found = replay(evidence, finds, self.interval, self.instrument, self.terms, finer=finer)
        new = _rows(found.trades)
        new = new[new["signal_ms"] >= known.resume_ms]
        settled = known.rows[known.rows["signal_ms"] < known.resume_ms]
        resume_ms = max(known.resume_ms, self._resume_ms(new))
        return _Memory(self.extent(), resume_ms, np.concatenate([settled, new]))

    def _resume_ms(self, rows: Rows) -> int:
        """Return the opening time of the first candle whose setup may still come to something else."""
        settled_ms = self.settled_ms()
        open_ = rows[(rows["reason"] == Exit.END) | (rows["exit_ms"] > settled_ms)]["signal_ms"]
        last = settled_ms - (self.terms.delay + 1) * self.interval.length_ms
        return min(last, *open_.tolist()) if len(open_) else last


def _rows(trades: Trades) -> Rows:
    rows = np.empty(len(trades), ROW)
    for name in ("signal_ms", "entry_ms", "exit_ms", "r", "reason", "kind"):
        rows[name] = getattr(trades, name)
    rows["ratio"] = trades.regime_ratio
    return rows


@cache
def code_stamp(rule: type) -> str:
    """Return a hash over the code that replays, and over the rule's module: what other code found is not believed."""
    digest = hashlib.sha256()
    package = Path(analysis.__path__[0])
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    for module in (rule.__module__, load_evidence.__module__, __name__):
        digest.update(inspect.getsource(import_module(module)).encode())
    return digest.hexdigest()


def rows_until(rows: Rows, until_ms: int) -> tuple[Rows, int]:
    """Return the trades that had come to an end at `until_ms`, and how many were under way or ended in a gap."""
    entered = rows[rows["entry_ms"] < until_ms]
    ended = (entered["reason"] < Exit.GAP) & (entered["exit_ms"] <= until_ms)
    return entered[ended], int((~ended).sum())


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the trades of several symbols in the order of their exits."""
    rows: Rows = np.concatenate(parts) if parts else np.empty(0, ROW)
    return rows[np.argsort(rows["exit_ms"], kind="stable")]
