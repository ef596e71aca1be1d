"""A copy of the package to break, and the two opponents of what was broken: the tests and the simulation.

Only a failed assertion, a wrong error or a violation counts as noticing. A mutant that can't be imported, tests that
can't be collected, or code that stumbles over its own names prove nothing: those are errors of the lab.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.simulation.mutants.mutant import PACKAGE, ROOT, Mutant

LIMIT_S = 600.0
TESTS_FAILED = 1
"""pytest's exit code for: all was collected and run, and a test failed."""
SLIPS = r"NameError|UnboundLocalError|ImportError|ModuleNotFoundError|SyntaxError|IndentationError"
"""What broken code raises that is no program any more; it would fail whatever the tests said."""

IMPORT = f"""\
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(sys.modules[{PACKAGE!r}].__file__)
"""


class Ruling(Enum):
    """What came of it."""

    CAUGHT = "caught"
    UNNOTICED = "not noticed"
    BROKEN = "broken"
    """Nothing is proved: the mutant or the lab does not work."""
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ruling, and the test that failed, the day that went wrong or what is broken."""

    ruling: Ruling
    by: str = ""


def ruling_of_tests(code: int, out: str) -> Verdict:
    """Read what pytest said."""
    failed = re.search(r"^FAILED (.+?)(?: - (.*))?$", out, re.MULTILINE)
    if code == 0:
        return Verdict(Ruling.UNNOTICED)
    if code != TESTS_FAILED or failed is None or re.search(r"^ERROR ", out, re.MULTILINE):
        return Verdict(Ruling.BROKEN, f"pytest ended with {code}: {_last_line(out)}")
    if re.match(SLIPS, failed[2] or ""):
        return Verdict(Ruling.BROKEN, f"{failed[1]} failed by {failed[2]}")
    return Verdict(Ruling.CAUGHT, failed[1])


def ruling_of_days(code: int, err: str) -> Verdict:
    """Read what the simulation said."""
    found = re.search(r"^seed (\d+): (.*)", err, re.MULTILINE)
    if code == 0 and found is None:
        return Verdict(Ruling.UNNOTICED)
    if found is None:
        return Verdict(Ruling.BROKEN, f"the simulation ended with {code}: {_last_line(err)}")
    if slip := re.search(rf"^(?:{SLIPS})\b.*", err, re.MULTILINE):
        return Verdict(Ruling.BROKEN, f"seed {found[1]} failed by {slip[0]}")
    return Verdict(Ruling.CAUGHT, f"seed {found[1]}: {found[2]}")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


class Lab:
    """A directory with a copy of package and tests; `with lab.of(mutant)` breaks it for a while."""

    def __init__(self, root: Path = ROOT) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="botbox-mutants-")
        self.path = Path(self._home.name)
        ignored = shutil.ignore_patterns("__pycache__")
        for name in (PACKAGE, "tests"):
            shutil.copytree(root / name, self.path / name, ignore=ignored)
        for name in ("pyproject.toml", "cassettes"):
            (self.path / name).symlink_to(root / name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._home.cleanup()

    @contextmanager
    def of(self, mutant: Mutant) -> Iterator[None]:
        """Break the copy as the mutant says, and mend it afterwards. Raises Outdated."""
        broken = mutant.sources(self.path)
        whole = {path: (self.path / PACKAGE / path).read_text("utf-8") for path in broken}
        try:
            self._write(broken)
            yield
        finally:
            self._write(whole)

    def _write(self, sources: dict[str, str]) -> None:
        for path, source in sources.items():
            (self.path / PACKAGE / path).write_text(source, "utf-8")

    def load(self, mutant: Mutant) -> Verdict:
        """See that the changed modules are the copy's and can be imported; BROKEN if not, else NOT_RUN."""
        ran = self._run(["-c", IMPORT, *mutant.modules])
        if ran is None or ran.returncode != 0:
            return Verdict(Ruling.BROKEN, f"can't be imported: {_last_line(ran.stderr) if ran else 'no end'}")
        if Path(ran.stdout.strip()).parent.resolve() != self.path.resolve() / PACKAGE:
            return Verdict(Ruling.BROKEN, f"another package was imported: {ran.stdout.strip()}")
        return Verdict(Ruling.NOT_RUN)

    def test(self, tests: Sequence[str], *options: str) -> Verdict:
        """Run tests up to the first that fails."""
        quiet = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-m", "not postgres"]
        ran = self._run(["-m", "pytest", *quiet, *options, *tests])
        return _endless(tests) if ran is None else ruling_of_tests(ran.returncode, ran.stdout + ran.stderr)

    def simulate(self, seeds: int) -> Verdict:
        """Live days until one goes wrong."""
        arguments = ["-m", "tests.simulation", "--until-bad", "--jobs", "1", "--seeds", str(seeds)]
        ran = self._run(arguments)
        return _endless(["the simulation"]) if ran is None else ruling_of_days(ran.returncode, ran.stderr)

    def _run(self, arguments: list[str]) -> subprocess.CompletedProcess[str] | None:
        """Run Python in the copy; None if it does not end."""
        environment = os.environ | {
            "PYTHONPATH": str(self.path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "COLUMNS": "500",
        }
        try:
            return subprocess.run(
                [sys.executable, *arguments],
                cwd=self.path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None


def _endless(what: Sequence[str]) -> Verdict:
    return Verdict(Ruling.BROKEN, f"no end after {LIMIT_S:.0f} s: {', '.join(what)}")
