"""Break each guarantee on purpose, and show which test and which simulated day notices.

Each mutant meets the tests that are named for it, then some days of the simulation. Ends with 0 if each was noticed by
a test or a day, 1 if one survived both, 3 if the unbroken code fails (nothing is proved then), 4 if a mutant could not
be tried: it is out of date, can't be imported, or stumbled over itself.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import SimpleQueue

from tests.simulation.mutants.catalogue import MUTANTS, PROMISES
from tests.simulation.mutants.lab import Lab, Ruling, Verdict
from tests.simulation.mutants.mutant import Mutant, Outdated

DAYS, DAYS_LONG = 40, 400
"""How many simulated days a mutant has to survive."""
SURVIVED, VOID, BROKEN = 1, 3, 4
WIDEST_CELL = 110


@dataclass(frozen=True, slots=True)
class Trial:
    """What the two opponents said of one mutant."""

    mutant: Mutant
    tests: Verdict
    days: Verdict

    @property
    def is_broken(self) -> bool:
        return Ruling.BROKEN in (self.tests.ruling, self.days.ruling)

    @property
    def is_caught(self) -> bool:
        return Ruling.CAUGHT in (self.tests.ruling, self.days.ruling)

    @property
    def row(self) -> str:
        return f"| `{self.mutant.name}` | {self.mutant.breaks} | {_cell(self.tests)} | {_cell(self.days)} |"


def main(arguments: list[str] | None = None) -> int:
    """Run the mutants and print the tables."""
    chosen = _options(arguments)
    mutants = [m for m in MUTANTS if not chosen.names or m.name in chosen.names]
    if unknown := set(chosen.names) - {m.name for m in mutants}:
        print(f"error: no such mutant: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    days = chosen.days if chosen.days is not None else DAYS_LONG if chosen.long else DAYS
    with ExitStack() as stack:
        labs: SimpleQueue[Lab] = SimpleQueue()
        for _ in range(chosen.jobs):
            labs.put(stack.enter_context(Lab()))
        if trouble := _trouble_of_the_unbroken(labs, mutants, days, chosen.jobs):
            print(f"error: the unbroken code fails, so this proves nothing: {trouble}", file=sys.stderr)
            return VOID
        pool = stack.enter_context(ThreadPoolExecutor(chosen.jobs))
        trials = _shown(pool.map(lambda mutant: _tried(labs, mutant, days), mutants))
    return _summed_up(trials, days)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="name", help="only these mutants")
    parser.add_argument("--days", type=int, help=f"simulated days for each (default {DAYS}; 0 for none)")
    parser.add_argument("--long", action="store_true", help=f"{DAYS_LONG} simulated days for each")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    return parser.parse_args(arguments)


def _trouble_of_the_unbroken(labs: SimpleQueue[Lab], mutants: Sequence[Mutant], days: int, jobs: int) -> str:
    lab = labs.get()
    try:
        named = {test for mutant in mutants for test in mutant.tests}
        tests = sorted(t for t in named if t.partition("::")[0] not in named - {t})
        side_by_side = ["-p", "xdist.plugin", "-n", str(jobs)] if jobs > 1 else []
        verdicts = [lab.test(tests, *side_by_side)]
        if days:
            verdicts.append(lab.simulate(days))
    finally:
        labs.put(lab)
    return "; ".join(v.by for v in verdicts if v.ruling is not Ruling.UNNOTICED)


def _tried(labs: SimpleQueue[Lab], mutant: Mutant, days: int) -> Trial:
    lab = labs.get()
    try:
        with lab.of(mutant):
            loaded = lab.load(mutant)
            if loaded.ruling is Ruling.BROKEN:
                return Trial(mutant, loaded, loaded)
            tests = lab.test(mutant.tests)
            lived = lab.simulate(days) if days and mutant.in_days else Verdict(Ruling.NOT_RUN)
            return Trial(mutant, tests, lived)
    except Outdated as e:
        verdict = Verdict(Ruling.BROKEN, f"out of date: {e}")
        return Trial(mutant, verdict, verdict)
    finally:
        labs.put(lab)


def _shown(trials: Iterator[Trial]) -> list[Trial]:
    """Print each trial as it ends, in the order of the catalogue, under its promise."""
    done = []
    promise_of = {mutant.name: promise for promise, group in PROMISES.items() for mutant in group}
    heading = ""
    for trial in trials:
        promise = promise_of[trial.mutant.name]
        if promise != heading:
            heading = promise
            print(f"\n## {promise}\n\n| mutant | what it breaks | tests | simulation |\n|---|---|---|---|")
        print(trial.row, flush=True)
        done.append(trial)
    return done


def _summed_up(trials: Sequence[Trial], days: int) -> int:
    broken = [t.mutant.name for t in trials if t.is_broken]
    survivors = [t.mutant.name for t in trials if not t.is_broken and not t.is_caught]
    by_tests = sum(t.tests.ruling is Ruling.CAUGHT for t in trials)
    by_days = sum(t.days.ruling is Ruling.CAUGHT for t in trials)
    lived = sum(t.days.ruling is not Ruling.NOT_RUN for t in trials)
    print(
        f"\n{len(trials)} mutants: {by_tests} noticed by their tests, {by_days} of the {lived} that the simulation "
        f"can see by {days} days of it, {len(survivors)} by neither, {len(broken)} broken; "
        f"{_busy_s():.0f} s of processor time"
    )
    for what, names in (("survived", survivors), ("broken", broken)):
        if names:
            print(f"{what}: {', '.join(names)}", file=sys.stderr)
    return BROKEN if broken else SURVIVED if survivors else 0


def _busy_s() -> float:
    """Return the processor time of all that was run."""
    spent = os.times()
    return spent.children_user + spent.children_system


def _cell(verdict: Verdict) -> str:
    """Return what stands in the table: a test's name without its folders, a violation cut short."""
    if verdict.ruling in (Ruling.NOT_RUN, Ruling.UNNOTICED):
        return "–" if verdict.ruling is Ruling.NOT_RUN else "not noticed"
    text = verdict.by
    if text.startswith("tests/"):
        file, colons, name = text.partition("::")
        text = file.rpartition("/")[2] + colons + name
    if verdict.ruling is Ruling.BROKEN:
        text = f"BROKEN: {text}"
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"


if __name__ == "__main__":
    sys.exit(main())
