"""`make simulate SEEDS=10000`: many days, a table of what happened in them, and how to see a bad one again."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from tests.simulation.day import Day, DayResult

SHOWN = 20
"""How many bad days are listed."""


@dataclass
class Total:
    """Many days added up. `busy_s` is processor time, of all cores together."""

    days: int = 0
    lives: int = 0
    busy_s: float = 0.0
    longest_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    exit_codes: Counter[str] = field(default_factory=Counter)
    bad: list[DayResult] = field(default_factory=list)

    def add(self, result: DayResult, busy_s: float) -> None:
        """Add one day."""
        self.days += 1
        self.lives += result.lives
        self.busy_s += busy_s
        self.longest_s = max(self.longest_s, result.longest_s)
        self.counts += result.counts
        self.faults += result.faults
        self.ends += result.ends
        self.exit_codes += result.exit_codes
        if result.violations:
            self.bad.append(result)

    def table(self) -> str:
        """Return the table that the guarantees show, in Markdown."""
        rows: list[tuple[str, int | str]] = [
            ("trading days", self.days),
            ("trade lives (entry filled)", self.lives),
            ("of them short", self.counts["short"]),
            ("of them with TP1 taken, the rest run on at break-even", self.counts["tp1"]),
            ("commands", self.counts["command"]),
            ("requests", self.counts["request"]),
            ("faults", self.faults.total()),
            ("processes killed at a commit or request", self.counts["kill"]),
            ("processes frozen for 3 to 40 s", self.counts["freeze"]),
            ("races of 2 or 3 commands, step by step", self.counts["race"]),
            ("commands run between two steps of another", self.counts["intrusion"]),
            ("acts of the owner's hand", self.counts["hand"]),
            ("restarts of the exchange", self.counts["restart"]),
            ("nights without a pass", self.counts["night"]),
            ("**days with a violation**", f"**{len(self.bad)}**"),
        ]
        tables = [
            _table("what", rows),
            _table("how lives ended", self.ends.most_common()),
            _table("what commands said", self.exit_codes.most_common()),
            _table("fault", self.faults.most_common()),
        ]
        return "\n\n".join(tables)


def _table(heading: str, rows: Iterable[tuple[str, int | str]]) -> str:
    lines = [f"| {heading} | how many |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {what} | {_spelled(many)} |" for what, many in rows)])


def _spelled(number: int | str) -> str:
    return f"{number:,}" if isinstance(number, int) else number


def live(seed: int, *, in_sql: bool = False) -> tuple[DayResult, float]:
    """Live one day and return it with the processor time that it took."""
    started = time.process_time()
    result = Day(seed, in_sql=in_sql).run()
    return result, time.process_time() - started


def live_all(seeds: Iterable[int], jobs: int, *, in_sql: bool) -> Iterator[tuple[DayResult, float]]:
    """Yield the days of `seeds`, in their order."""
    work = partial(live, in_sql=in_sql)
    if jobs == 1:
        yield from map(work, seeds)
        return
    with ProcessPoolExecutor(jobs, initializer=prepare) as pool:
        yield from pool.map(work, seeds, chunksize=8)


def prepare() -> None:
    """Take what is imported out of the garbage collector's sight: it is looked through again and again else.

    A day first, for what is imported when it is needed. A day leaves some 6,000 objects for the collector.
    """
    Day(0).run()
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def main(arguments: list[str] | None = None) -> int:
    """Run the simulation. Returns 1 if anything was wrong on any day."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many days")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="one day, told step by step")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--sql", action="store_true", help="on a SQLite database in memory: slower")
    parser.add_argument("--until-bad", action="store_true", help="stop at the first bad day")
    chosen = parser.parse_args(arguments)
    if chosen.seed is not None:
        return _one(chosen.seed, in_sql=chosen.sql)
    prepare()
    total, started = Total(), time.perf_counter()
    for result, busy_s in live_all(
        range(chosen.first, chosen.first + chosen.seeds), chosen.jobs, in_sql=chosen.sql
    ):
        total.add(result, busy_s)
        if result.violations:
            _tell(result)
            if chosen.until_bad:
                return 1
    wall_s = time.perf_counter() - started
    print(total.table())
    print(
        f"\n{total.lives / total.busy_s:.0f} trade lives a second of one core; {wall_s:.0f} s on {chosen.jobs}"
    )
    return 1 if total.bad else 0


def _one(seed: int, *, in_sql: bool) -> int:
    result = Day(seed, in_sql=in_sql, trace=print).run()
    _tell(result)
    return 1 if result.violations else 0


def _tell(result: DayResult) -> None:
    for violation in result.violations[:SHOWN]:
        print(f"seed {result.seed}: {violation}", file=sys.stderr)
    if result.violations:
        print(
            f"replay: .venv/bin/python -m tests.simulation --seed {result.seed}", file=sys.stderr, flush=True
        )


if __name__ == "__main__":
    sys.exit(main())
