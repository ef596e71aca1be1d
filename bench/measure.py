"""Measuring: medians of five, in this process or of commands in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

RUNS = 5
BOTBOX = str(Path(sys.executable).with_name("botbox"))
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, the values, and what they should reach."""

    what: str
    values: tuple[float, ...]
    limit: float
    unit: str = "s"
    at_least: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def is_reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended well: how long it took, and what it wrote on stdout."""

    seconds: float
    output: str


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def five(work: Callable[[], object]) -> tuple[float, ...]:
    """Return five timings, after one that warms caches up."""
    work()
    return tuple(timed(work) for _ in range(RUNS))


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a command: a home of its own, byte-compiled code, none of this process's settings."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"HOME": str(home), "NO_PROXY": "127.0.0.1"} | settings


def run(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Ended:
    """Run a command to its end.

    Raises:
        RuntimeError: If it fails; with what it said.
    """
    start = time.perf_counter()
    done = subprocess.run(
        command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return Ended(seconds, done.stdout)


def peak_mb(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> float:
    """Return the greatest memory of a command in megabytes.

    It is started by a small process: one that is started by a large one is charged with that one's memory on Linux.
    """
    output = run([sys.executable, "-c", _LAUNCHER, *command], env, cwd).output
    unit = 1 if sys.platform == "darwin" else 1024
    return int(output.splitlines()[-1]) * unit / 1_000_000


_LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print("", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, sep="\\n")
"""


def side_by_side(
    ours: Sequence[str], peer: Sequence[str], env: Mapping[str, str], cwd: Path
) -> tuple[float, ...]:
    """Return five ratios of our time to the peer's, taken in turns, so that a busy machine slows both."""
    run(ours, env, cwd)
    run(peer, env, cwd)
    pairs = [(run(ours, env, cwd).seconds, run(peer, env, cwd).seconds) for _ in range(RUNS)]
    return tuple(our / its for our, its in pairs)
