"""What a mutant is: a guarantee, the edits that break it, and the tests that should tell. Nothing is run here."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "botbox_cli"


class Outdated(Exception):
    """The code has moved on: the text that a mutant replaces is not there exactly once."""


class Edit(NamedTuple):
    """One replacement in a file of the package; `old` occurs exactly once in it."""

    path: str
    old: str
    new: str

    def applied_to(self, source: str) -> str:
        """Return the source with the edit made. Raises Outdated."""
        found = source.count(self.old)
        if found != 1:
            raise Outdated(f"{self.path} has this {found} times, not once: {self.old!r}")
        return source.replace(self.old, self.new)


class Mutant(NamedTuple):
    """A name, what it breaks in words, how, and who is expected to notice.

    `tests` are pytest's ids of files or functions. `in_days`: whether the simulation could tell at all. It
    keeps its books in memory, asks the exchange without HTTP, has one account and pairs whose rules stay, and
    its owner moves no coins away and puts no copy of the books back; nothing is printed, served, streamed or
    told in it, and nobody declares an entry unfilled.
    """

    name: str
    breaks: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    in_days: bool = True

    def sources(self, root: Path) -> dict[str, str]:
        """Return the broken sources by their path below the package. Raises Outdated."""
        sources: dict[str, str] = {}
        for edit in self.edits:
            source = sources.get(edit.path) or (root / PACKAGE / edit.path).read_text("utf-8")
            sources[edit.path] = edit.applied_to(source)
        return sources

    @property
    def modules(self) -> list[str]:
        """Return the names of the modules that it changes."""
        paths = dict.fromkeys(edit.path for edit in self.edits)
        return [f"{PACKAGE}.{path.removesuffix('.py').replace('/', '.')}" for path in paths]
