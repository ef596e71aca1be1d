"""Each mutant still fits the source: one that the source has moved away from would prove nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.patches import MUTANTS, Edit, Mutant, NotFound

ROOT = Path(__file__).resolve().parents[2]


def broken_sources(mutant: Mutant) -> dict[str, str]:
    sources: dict[str, str] = {}
    for edit in mutant.edits:
        source = sources.get(edit.file) or (ROOT / edit.file).read_text(encoding="utf-8")
        sources[edit.file] = edit.applied_to(source)
    return sources


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits_the_source_and_its_tests_are_there(mutant: Mutant) -> None:
    for file, source in broken_sources(mutant).items():
        ast.parse(source, file)

    for test in mutant.tests:
        file, _, function = test.partition("::")
        assert f"def {function}" in (ROOT / file).read_text(encoding="utf-8")


def test_names_of_mutants_differ() -> None:
    names = [mutant.name for mutant in MUTANTS]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("source", ["", "old old"])
def test_patch_that_does_not_fit_exactly_once_is_an_error(source: str) -> None:
    with pytest.raises(NotFound):
        Edit("file.py", "old", "new").applied_to(source)
