"""Trade lives a second: days of the simulation one after another, by the processor time that they take."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench.measure import RUNS, Row
from tests.simulation.__main__ import live, prepare

DAYS = 120


def rows() -> Iterator[Row]:
    """Measure the first days, the same in each run, in a process that does nothing else; the first run warms up."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=prepare) as pool:
        speeds = [_speed(pool) for _ in range(RUNS + 1)]
    yield Row("simulation, trade lives a second of one core", tuple(speeds[1:]), 200, "", at_least=True)


def _speed(pool: ProcessPoolExecutor) -> float:
    days = list(pool.map(live, range(DAYS), chunksize=DAYS))
    return sum(result.lives for result, _ in days) / sum(busy_s for _, busy_s in days)
