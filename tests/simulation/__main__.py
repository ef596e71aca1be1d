"""Live through many simulated days: `python -m tests.simulation --seeds 1000`, or one, traced: `--seed 17`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable

from tests.simulation.day import Day, DayResult


def main() -> int:
    """Print what the days came to; 1 if any of them broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many days, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="one day, with every step printed")
    given = parser.parse_args()
    if given.seed is not None:
        result = Day(given.seed, trace=print).run()
        return _told([result], 0.0)
    started = time.perf_counter()
    results = [Day(seed).run() for seed in range(given.first, given.first + given.seeds)]
    return _told(results, time.perf_counter() - started)


def _told(results: list[DayResult], seconds: float) -> int:
    lives = sum(r.lives for r in results)
    rate = f" in {seconds:.1f} s, {lives / seconds:.0f} lives a second" if seconds else ""
    print(f"{len(results)} days, {lives} trade lives{rate}")
    for title, rows in (
        ("happened", _sum(r.counts for r in results)),
        ("faults", _sum(r.faults for r in results)),
        ("exit codes", _sum(r.exit_codes for r in results)),
    ):
        print(f"{title}: " + ", ".join(f"{name} {count}" for name, count in rows))
    broken = [r for r in results if r.violations]
    print(f"violations: {sum(len(r.violations) for r in broken)}")
    for result in broken:
        print(
            f"seed {result.seed}: replay it with `python -m tests.simulation --seed {result.seed}`",
            file=sys.stderr,
        )
        for violation in result.violations:
            print(f"  {violation}", file=sys.stderr)
    return 1 if broken else 0


def _sum(counters: Iterable[Counter[str]]) -> list[tuple[str, int]]:
    total: Counter[str] = Counter()
    for counter in counters:
        total += counter
    return sorted(total.items())


if __name__ == "__main__":
    raise SystemExit(main())
