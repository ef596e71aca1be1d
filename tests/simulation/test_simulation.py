"""Some hundreds of simulated days keep every promise. More of them: `make simulate SEEDS=10000`."""

from __future__ import annotations

import pytest

from tests.simulation.day import Day

DAYS, BATCH = 200, 10


@pytest.mark.parametrize("first", range(1, DAYS + 1, BATCH))
def test_days_keep_every_promise(first: int) -> None:
    """A broken day is replayed, every step printed, with `python -m tests.simulation --seed N`."""
    broken = {seed: found for seed in range(first, first + BATCH) if (found := Day(seed).run().violations)}

    assert broken == {}


def test_same_seed_is_the_same_day() -> None:
    told: list[list[str]] = [[], []]
    for lines in told:
        Day(7, trace=lines.append).run()

    assert told[0] == told[1]
