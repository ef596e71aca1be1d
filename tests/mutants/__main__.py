"""Break each guarantee on purpose in a copy of the package, and show which test notices.

python -m tests.mutants                 all of them
python -m tests.mutants "no fence"      those whose name contains this
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.mutants.patches import MUTANTS, Mutant, NotFound

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("botbox_cli", "tests", "pyproject.toml")
LIMIT_S = 600
TESTS_FAILED = 1
"""pytest's exit code when it ran and a test failed; any other is no proof that a test has noticed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one mutant; `caught_by` is the first failing test, "" if none failed."""

    mutant: Mutant
    caught_by: str
    trouble: str
    seconds: float


def main() -> int:
    """Run the mutants and print the table; the exit code is 1 if one survives or can't be tried."""
    options = _options()
    chosen = [m for m in MUTANTS if options.name in m.name]
    with tempfile.TemporaryDirectory() as folder:
        # One copy for all: whoever works on the source meanwhile does not change what is tried.
        source = _copied(ROOT, Path(folder) / "unbroken")
        tests = sorted({test for mutant in chosen for test in mutant.tests})
        if trouble := _trouble_of_the_unbroken(source, tests, options.jobs):
            sys.stderr.write(f"error: the tests fail without any mutant:\n{trouble}\n")
            return 1
        verdicts = []
        with ThreadPoolExecutor(options.jobs) as pool:
            for verdict in pool.map(partial(_tried, source), chosen):
                verdicts.append(verdict)
                _say(_line(verdict))
    missed = [v for v in verdicts if not v.caught_by]
    _say(f"{len(verdicts)} mutants, {len(verdicts) - len(missed)} caught, {len(missed)} not")
    return 1 if missed or not chosen else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", nargs="?", default="", help="part of a mutant's name")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once (default 2)")
    return parser.parse_args()


def _trouble_of_the_unbroken(source: Path, tests: Sequence[str], workers: int) -> str:
    done = _run_tests(source, tests, workers)
    return "" if done.returncode == 0 else done.stdout[-3000:] + done.stderr[-1000:]


def _tried(source: Path, mutant: Mutant) -> Verdict:
    started = time.monotonic()
    caught_by = trouble = ""
    with tempfile.TemporaryDirectory() as folder:
        root = _copied(source, Path(folder) / "broken")
        try:
            for edit in mutant.edits:
                edit.apply(root)
            done = _run_tests(root, mutant.tests)
        except NotFound as e:
            trouble = str(e)
        except subprocess.TimeoutExpired:
            trouble = f"the tests did not end within {LIMIT_S} s"
        else:
            failed = re.search(r"^FAILED (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
            if done.returncode == TESTS_FAILED and failed:
                caught_by = failed[1].removeprefix("tests/unit/services/")
            elif done.returncode:
                trouble = f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-1000:]}"
    return Verdict(mutant, caught_by, trouble, time.monotonic() - started)


def _copied(root: Path, to: Path) -> Path:
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / name, to / name)
    return to


def _run_tests(root: Path, tests: Sequence[str], workers: int = 0) -> subprocess.CompletedProcess[str]:
    """Run tests against the package below `root`, up to the first that fails."""
    quiet = ["-x", "-q", "-p", "no:cacheprovider", "-n", str(workers)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, *tests],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def _line(verdict: Verdict) -> str:
    mutant = verdict.mutant
    outcome = verdict.caught_by or verdict.trouble or "SURVIVED"
    return f"{mutant.name:31} {mutant.guarantee:78} {verdict.seconds:5.1f} s  {outcome}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
