"""A copy of the package to break, and the two opponents of what was broken: the simulation and the unit tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.mutants.catalogue import Edit, Mutant

ROOT = Path(__file__).resolve().parents[2]
UNIT = tuple(
    f"tests/unit/services/{name}.py"
    for name in ("test_settle_entry", "test_protect_stop", "test_leave_exit", "test_races")
)


class Outdated(Exception):
    """The code has moved on: the text that a mutant replaces is not there exactly once."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an opponent noticed, and by what."""

    is_caught: bool
    by: str


def broken(edit: Edit, source: str) -> str:
    """Return the source with the edit made. Raises Outdated."""
    found = source.count(edit.old)
    if found != 1:
        raise Outdated(f"{edit.path}: found {found} times, not once: {edit.old!r}")
    return source.replace(edit.old, edit.new)


def check(mutant: Mutant) -> None:
    """See that a mutant can be made of the present code. Raises Outdated."""
    sources: dict[str, str] = {}
    for edit in mutant.edits:
        source = sources.get(edit.path) or (ROOT / "botbox_cli" / edit.path).read_text("utf-8")
        sources[edit.path] = broken(edit, source)


class Lab:
    """A directory with a copy of package and tests; `with lab.of(mutant)` breaks it for a while."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="botbox-mutants-")
        self.path = Path(self._home.name)
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("botbox_cli", "tests"):
            shutil.copytree(ROOT / name, self.path / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._home.cleanup()

    @contextmanager
    def of(self, mutant: Mutant) -> Iterator[None]:
        """Break the copy as the mutant says, and mend it afterwards."""
        whole = {path: (self.path / "botbox_cli" / path).read_text("utf-8") for path, _, _ in mutant.edits}
        sources = dict(whole)
        for edit in mutant.edits:
            sources[edit.path] = broken(edit, sources[edit.path])
        try:
            for path, source in sources.items():
                (self.path / "botbox_cli" / path).write_text(source, "utf-8")
            yield
        finally:
            for path, source in whole.items():
                (self.path / "botbox_cli" / path).write_text(source, "utf-8")

    def simulate(self, seeds: int, first: int = 0) -> Verdict:
        """Live days until one goes wrong."""
        arguments = ["-m", "tests.simulation", "--until-bad", "--jobs", "1"]
        ran = self._run([*arguments, "--seeds", str(seeds), "--first", str(first)])
        found = re.search(r"^seed (\d+): (.*)", ran.stderr, re.MULTILINE)
        if found is not None:
            return Verdict(True, f"seed {found[1]}: {found[2]}")
        return Verdict(ran.returncode != 0, "" if ran.returncode == 0 else ran.stderr.strip()[-200:])

    def test(self) -> Verdict:
        """Run the unit tests until one fails."""
        ran = self._run(["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *UNIT])
        found = re.search(r"^(?:FAILED|ERROR) \S+::(\S+)", ran.stdout, re.MULTILINE)
        return Verdict(ran.returncode != 0, found[1] if found else ran.stdout.strip()[-200:])

    def _run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(self.path), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
