"""Trying many parameters of a rule on the same candles, in parallel, and telling skill from luck.

The period is cut once: combinations are compared on the first part, and the best of them is then looked at on the
second. Each part is played by an account of its own, with its sizes and limits, and its trades are counted in R: what
`backtest` shows of the same part, but for finer candles. Candles are packed once into files that every process maps,
so that memory does not grow with the number of combinations nor of processes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, fields
from decimal import Decimal
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from botbox_cli.analysis.columns import Column
from botbox_cli.analysis.replay import ReplayTerms, replay
from botbox_cli.analysis.rules.registry import configured, known_rule
from botbox_cli.analysis.rules.rule import Evidence, Rule, found_by, identity
from botbox_cli.analysis.statistics import Summary, deflated_probability, luck, summary
from botbox_cli.domain.candle import INTERVALS
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.setup import Direction
from botbox_cli.errors import BotboxError
from botbox_cli.ports import CandleBatch, Indicators
from botbox_cli.services.backtest import (
    LEAST_TRADES,
    Ask,
    Played,
    Source,
    refuse_blind,
    score,
    stream,
    stretch,
)
from botbox_cli.services.desk import Policy
from botbox_cli.services.evidence import Coverage
from botbox_cli.services.portfolio import hold
from botbox_cli.services.progress import Progress

ENGINE = 2
"""Raised when the engine counts differently: results of before are not taken up again."""
BATCH = 8
"""Combinations in one piece of work."""
TRIES = 3
"""Of one piece of work, when workers are lost over it."""

Values = dict[str, Any]
_N_CANDLES = len(fields(CandleBatch))


@dataclass(frozen=True, slots=True)
class Pack:
    """The columns of one symbol in a file: opening times, candles, indicators, regime ratio, one row each."""

    instrument: Instrument
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Job:
    """What every combination is tried on. Travels to workers; `rule` is a name there, looked up anew."""

    rule: str
    interval: str
    terms: ReplayTerms
    policy: Policy
    balance: Decimal
    split_ms: int
    packs: tuple[Pack, ...]

    @property
    def key(self) -> str:
        """A name for these candles and terms: results under the same one can be taken up again."""
        facts = [
            ENGINE,
            self.rule,
            self.interval,
            asdict(self.terms),
            [str(value) for value in astuple(self.policy)],
            str(self.balance),
            self.split_ms,
            [(str(astuple(p.instrument)), p.sha256) for p in self.packs],
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over the decided trades of one combination in one part of the period, as far as the account took them."""

    n: int = 0
    wins: int = 0
    total: float = 0.0
    squares: float = 0.0
    gains: float = 0.0

    @classmethod
    def of(cls, r: Column) -> Figures:
        won = r > 0
        return cls(len(r), int(won.sum()), float(r.sum()), float((r * r).sum()), float(r[won].sum()))

    @property
    def expectancy(self) -> float | None:
        return self.total / self.n if self.n else None

    @property
    def profit_factor(self) -> float | None:
        lost = self.gains - self.total
        return self.gains / lost if lost > 0 else None

    @property
    def score(self) -> float:
        """The mean R in standard errors; -inf for too few trades."""
        return score(self.n, self.total, self.squares)

    @property
    def ratio(self) -> float:
        """Mean ÷ deviation of R; NaN for too few trades."""
        return self.score / float(np.sqrt(self.n)) if self.score > float("-inf") else float("nan")


@dataclass(frozen=True, slots=True)
class Tried:
    """One combination and what came of it before and after the split."""

    values: Values
    before: Figures
    after: Figures

    def line(self) -> str:
        return json.dumps(
            {"values": self.values, "before": astuple(self.before), "after": astuple(self.after)}
        )

    @classmethod
    def of_line(cls, line: str) -> Tried:
        row = json.loads(line)
        return cls(row["values"], Figures(*row["before"]), Figures(*row["after"]))


@dataclass(frozen=True, slots=True)
class Best:
    """The combination that did best before the split, and how it did after it, where nothing was chosen."""

    rule: str
    values: Values
    before: Summary
    after: Summary
    deflated: float | None
    """The probability that it has an edge at all, given how many were tried: see `statistics.deflated_probability`."""
    luck_r: float | None
    """The expectancy that the best of as many combinations without any edge would show."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The answer. `rows` are the combinations asked for, best first; `tried` counts all ever tried on these candles."""

    rule: str
    timeframe: str
    start_ms: int
    split_ms: int
    end_ms: int
    tried: int
    known_before: int
    rows: tuple[Tried, ...]
    best: Best | None
    coverage: tuple[Coverage, ...]
    skipped: tuple[tuple[str, str], ...]


# -- candles


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job with what was found on the way."""

    job: Job
    coverage: tuple[Coverage, ...]
    skipped: tuple[tuple[str, str], ...]


def prepare(source: Source, ask: Ask, folder: Path, split: float, rule: str) -> Prepared:
    """Pack the candles of the period into `folder`, symbol by symbol; `split` is the share before the cut.

    Raises:
        NotFound, Denied: As a backtest does.
    """
    covered: list[Coverage] = []
    skipped: list[tuple[str, str]] = []
    packs = []
    for number, evidence, instrument in stream(source, ask, covered, skipped):
        columns = [
            *(getattr(evidence.candles, f.name) for f in fields(CandleBatch)),
            *(getattr(evidence.indicators, f.name) for f in fields(Indicators)),
            evidence.regime_ratio,
        ]
        # The times travel as they are, in the bits of a row of floats.
        columns[0] = columns[0].view(np.float64)
        matrix = np.stack(columns)
        path = folder / f"{number}.npy"
        np.save(path, matrix)
        packs.append(Pack(instrument, str(path), hashlib.sha256(matrix.tobytes()).hexdigest()))
    refuse_blind(ask, covered, skipped)
    length = ask.interval.length_ms
    whole = ask.end_ms + length - ask.start_ms
    split_ms = ask.start_ms + round(whole * split) // length * length
    job = Job(rule, ask.interval.code, ask.terms, ask.policy, ask.balance, split_ms, tuple(packs))
    return Prepared(job, tuple(covered), tuple(skipped))


def evidence_of(matrix: NDArray[np.float64]) -> Evidence:
    """Return packed columns as what a rule sees."""
    candles = CandleBatch(matrix[0].view(np.int64), *matrix[1:_N_CANDLES])
    return Evidence(candles, Indicators(*matrix[_N_CANDLES:-1]), matrix[-1])


@lru_cache(maxsize=256)
def _mapped(path: str) -> Evidence:
    mapped: NDArray[np.float64] = np.load(path, mmap_mode="r")
    return evidence_of(mapped.view(np.ndarray))


# -- one combination


def try_batch(job: Job, batch: Sequence[Values]) -> list[Tried]:
    """Try combinations; runs in a worker."""
    return [try_one(job, values, (_mapped(p.path) for p in job.packs)) for values in batch]


def try_one(job: Job, values: Values, evidences: Iterator[Evidence]) -> Tried:
    """Try one combination, symbol by symbol."""
    before, after = r_of_account(job, _rule(job, values), evidences)
    return Tried(values, Figures.of(before), Figures.of(after))


def _rule(job: Job, values: Values) -> Rule:
    return configured(known_rule(job.rule), values)


def r_of_account(job: Job, rule: Rule, evidences: Iterator[Evidence]) -> tuple[Column, Column]:
    """Return the R of the trades that an account made before the split and one after it, in the order of exits."""
    interval = INTERVALS[job.interval]
    instruments = {number: pack.instrument for number, pack in enumerate(job.packs)}
    parts = ((0, job.split_ms, Played.new()), (job.split_ms, 1 << 62, Played.new()))
    for number, (pack, evidence) in enumerate(zip(job.packs, evidences, strict=True)):
        for first_ms, end_ms, played in parts:
            seen = stretch(evidence, first_ms, end_ms)
            finds = found_by(rule, seen)
            # At least one kind, for the columns; the account refuses shorts that are off.
            wanted = [f for f in finds if job.policy.shorts or f.direction is Direction.LONG] or finds[:1]
            played.add(number, replay(seen, wanted, interval, pack.instrument, job.terms))
    before, after = (_held(job, played, instruments) for _, _, played in parts)
    return before, after


def _held(job: Job, played: Played, instruments: dict[int, Instrument]) -> Column:
    trades, symbol = played.joined()
    held, _ = hold(trades, symbol, instruments, job.terms, job.policy, job.balance)
    r: Column = held.r[held.decided_by_exit]
    return r


# -- many combinations


class Pool(Protocol):
    """Somewhere to work: this machine's processes, or a cluster. A future of lost work is broken or cancelled."""

    size: int

    def submit(self, batch: Sequence[Values]) -> Future[list[Tried]]: ...


class Processes:
    """Processes of this machine. One that dies takes the others with it: they are started anew."""

    def __init__(self, job: Job, workers: int | None = None) -> None:
        self.size = workers or os.cpu_count() or 1
        self._job = job
        self._executor = self._start()

    def _start(self) -> ProcessPoolExecutor:
        # A forked process would inherit connections and threads in the middle of something.
        return ProcessPoolExecutor(self.size, mp_context=get_context("spawn"))

    def submit(self, batch: Sequence[Values]) -> Future[list[Tried]]:
        try:
            return self._executor.submit(try_batch, self._job, list(batch))
        except BrokenProcessPool:
            self.close()
            self._executor = self._start()
            return self._executor.submit(try_batch, self._job, list(batch))

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)


@contextmanager
def processes(job: Job, workers: int | None = None) -> Iterator[Processes]:
    """Open the processes of this machine, all cores by default."""
    pool = Processes(job, workers)
    try:
        yield pool
    finally:
        pool.close()


def sweep(
    ask: Ask,
    prepared: Prepared,
    combinations: Sequence[Values],
    pool: Pool,
    memory: Path,
    *,
    progress: Progress = lambda _done, _total: None,
) -> Sweep:
    """Try `combinations` and return what came of them, best first. Results are kept in `memory` as they come.

    Raises:
        ConfigError: If the rule itself fails.
        BotboxError: As the pool does.
    """
    known = {_name(t.values): t for t in remembered(memory)}
    wanted = {_name(values): values for values in combinations}
    missing = [values for name, values in wanted.items() if name not in known]
    known_before = len(wanted) - len(missing)
    ready = known_before
    progress(ready, len(wanted))
    memory.parent.mkdir(parents=True, exist_ok=True)
    with memory.open("a", encoding="utf-8") as file:
        if _ends_within_a_line(memory):
            file.write("\n")
        for done in _all_tried(pool, missing):
            for tried in done:
                known[_name(tried.values)] = tried
                file.write(tried.line() + "\n")
            file.flush()
            ready += len(done)
            progress(ready, len(wanted))
    rows = sorted((known[name] for name in wanted), key=lambda t: -t.before.score)
    return Sweep(
        prepared.job.rule,
        prepared.job.interval,
        ask.start_ms,
        prepared.job.split_ms,
        ask.end_ms + ask.interval.length_ms,
        len(known),
        known_before,
        tuple(rows),
        _best(prepared.job, rows, list(known.values())),
        prepared.coverage,
        prepared.skipped,
    )


def remembered(memory: Path) -> Iterator[Tried]:
    """Yield what an earlier run has written; a line that it did not finish is passed over."""
    if not memory.exists():
        return
    for line in memory.read_text("utf-8").splitlines():
        try:
            yield Tried.of_line(line)
        except (ValueError, KeyError, TypeError):
            continue


def _ends_within_a_line(memory: Path) -> bool:
    data = memory.read_bytes()[-1:]
    return bool(data) and data != b"\n"


def _name(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


def _all_tried(pool: Pool, missing: Sequence[Values]) -> Iterator[list[Tried]]:
    """Yield results as they come. Only a few batches are under way, so that their number does not fill memory.

    What a lost worker had in hand is tried again, at most `TRIES` times in all.
    """
    batches = [missing[i : i + BATCH] for i in range(0, len(missing), BATCH)]
    waiting = list(reversed(batches))
    tries: dict[int, int] = {}
    running: dict[Future[list[Tried]], Sequence[Values]] = {}
    while waiting or running:
        while waiting and len(running) < 3 * pool.size:
            batch = waiting.pop()
            running[pool.submit(batch)] = batch
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            batch = running.pop(future)
            try:
                yield future.result()
            except BotboxError:
                raise
            except (BrokenProcessPool, CancelledError):
                tries[id(batch)] = tries.get(id(batch), 0) + 1
                if tries[id(batch)] >= TRIES:
                    raise
                waiting.append(batch)


def _best(job: Job, rows: Sequence[Tried], all_tried: Sequence[Tried]) -> Best | None:
    if not rows or rows[0].before.n < LEAST_TRADES:
        return None
    values = rows[0].values
    rule = _rule(job, values)
    early, late = r_of_account(job, rule, (_mapped(p.path) for p in job.packs))
    # Sorted, so that the order in which results came changes no digit.
    ratios = np.sort([t.before.ratio for t in all_tried])
    deviation = float(early.std(ddof=1))
    return Best(
        identity(rule),
        values,
        summary(early),
        summary(late),
        deflated_probability(early, len(all_tried), ratios),
        luck(len(all_tried), ratios) * deviation,
    )
