"""Some hundreds of whole days in each test run; `make simulate` runs as many as wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.day import Day

SEEDS = 240
IN_SQL = 12
BATCH = 20


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_days_end_settled(first: int) -> None:
    bad = {seed: found for seed in range(first, first + BATCH) if (found := Day(seed).run().violations)}

    assert bad == {}, f"replay with: python -m tests.simulation --seed {min(bad, default=0)}"


@pytest.mark.parametrize("seed", range(IN_SQL))
def test_days_on_a_database_end_settled(seed: int) -> None:
    assert Day(seed, in_sql=True).run().violations == []


@pytest.mark.parametrize("seed", [3, 17])
def test_a_day_is_a_matter_of_its_seed_alone(seed: int) -> None:
    told: list[list[str]] = [[], []]

    for lines in told:
        Day(seed, trace=lines.append).run()

    assert told[0] == told[1]


def test_a_day_is_the_same_in_every_process() -> None:
    told = [_told_by_a_process(hash_seed) for hash_seed in ("1", "2")]

    assert told[0] == told[1]
    assert len(told[0].splitlines()) > 100


def _told_by_a_process(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", "26"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
