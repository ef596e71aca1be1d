"""A part of the crash matrix at every run of the tests; `python -m tests.crash` runs all of it.

Between two steps that change something lasting, a kill leaves the same books and the same exchange wherever it falls.
So here each of those states is met once; for the command that matters most, each step.
"""

from __future__ import annotations

import pytest

from tests.crash.conftest import MakeRow
from tests.crash.matrix import Row, durable, freezable
from tests.crash.situations import SITUATIONS, Situation

BY_NAME = {s.name: s for s in SITUATIONS}
MAIN = "approve and execute"
IN_PROCESS = (MAIN, "target reached", "close")
ROWS = [(s, way) for s in SITUATIONS for way in s.ways if way == "http" or s.name in IN_PROCESS]
DOUBLY = [(MAIN, "http"), ("target reached", "http"), ("close", "paper")]


def shown(row: Row, way: str, steps: list[str], kill: tuple[int, ...], faults: list[str]) -> list[str]:
    """Return the findings of a cell under the command that meets it again."""
    if not faults:
        return []
    numbers = " ".join(str(n) for n in kill)
    again = f'python -m tests.crash "{row.situation.name}" --way {way} --kill {numbers}'
    return [f"{again}  # {steps[kill[0] - 1]}", *faults]


@pytest.mark.parametrize(("situation", "way"), ROWS, ids=[f"{s.name} by {way}" for s, way in ROWS])
def test_killed_at_a_step_it_is_settled_by_two_passes(
    situation: Situation, way: str, make_row: MakeRow
) -> None:
    row = make_row(situation, way)
    steps = row.steps()
    is_main = (situation.name, way) == (MAIN, "http")
    kills = range(1, len(steps) + 1) if is_main else durable(steps)

    found = [line for n in kills for line in shown(row, way, steps, (n,), row.kill_at(n))]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(("name", "way"), DOUBLY)
def test_the_pass_that_settles_may_be_killed_too(name: str, way: str, make_row: MakeRow) -> None:
    """Each state that the command can leave behind meets one kill of the pass, each time at another of its steps."""
    row = make_row(BY_NAME[name], way)
    steps = row.steps()

    found = []
    for number, first in enumerate(durable(steps)):
        seconds = durable(row.steps_of_monitor(first))
        if seconds:
            kill = (first, seconds[number % len(seconds)])
            found += shown(row, way, steps, kill, row.kill_at(*kill))

    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", [MAIN, "close"])
def test_frozen_past_its_lease_it_does_no_harm_when_it_goes_on(name: str, make_row: MakeRow) -> None:
    """Its late request is refused by the exchange's receive window, and its late commit by the lost lease."""
    row = make_row(BY_NAME[name], "http")
    steps = row.steps()
    points = [n for n in freezable(steps) if n in durable(steps) or "before place" in steps[n - 1]]

    found = [line for n in points for line in shown(row, "http", steps, (n,), row.freeze_at(n))]

    assert not found, "\n".join(found)
