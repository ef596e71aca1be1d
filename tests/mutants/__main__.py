"""`make mutants`: break each guarantee, and show which test notices. Ends with 1 if one survives."""

from __future__ import annotations

import argparse
import sys

from tests.mutants.catalogue import MUTANTS
from tests.mutants.lab import Lab, Verdict

SEEDS = 400
"""How many days the simulation may take to notice."""


def main(arguments: list[str] | None = None) -> int:
    """Run the mutants. Returns 1 if one survives both opponents."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--no-unit", action="store_true", help="the simulation alone")
    chosen = parser.parse_args(arguments)
    print("| mutant | what it breaks | simulation | unit tests |\n|---|---|---|---|", flush=True)
    survivors = []
    with Lab() as lab:
        for mutant in MUTANTS:
            if chosen.names and mutant.name not in chosen.names:
                continue
            with lab.of(mutant):
                days = lab.simulate(chosen.seeds)
                unit = Verdict(False, "not run") if chosen.no_unit else lab.test()
            if not (days.is_caught or unit.is_caught):
                survivors.append(mutant.name)
            cells = (f"`{mutant.name}`", mutant.breaks, _cell(days), _cell(unit))
            print(f"| {' | '.join(cells)} |", flush=True)
    if survivors:
        print(f"\nsurvived: {', '.join(survivors)}", file=sys.stderr)
    return 1 if survivors else 0


def _cell(verdict: Verdict) -> str:
    if not verdict.is_caught:
        return verdict.by or "not noticed"
    return verdict.by.splitlines()[-1].replace("|", "\\|")[:110]


if __name__ == "__main__":
    sys.exit(main())
