"""The catalogue fits the code and the promises, and the lab tells a noticed mutant from one that proves nothing.

`make mutants` runs the whole catalogue.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.simulation.mutants.__main__ import BROKEN, SURVIVED, VOID, Trial, main
from tests.simulation.mutants.catalogue import MUTANTS, PROMISES
from tests.simulation.mutants.lab import Lab, Ruling, Verdict, ruling_of_days, ruling_of_tests
from tests.simulation.mutants.mutant import ROOT, Edit, Mutant, Outdated

GUARANTEES = ROOT / "docs" / "guarantees.md"
RESULTS = ROOT / "docs" / "mutants.md"
QUICK_TEST = "tests/unit/test_errors.py"
ERRORS = "errors.py"
SEVERITY = "SEVERITY = (10, 7, 8, 9, 5, 6, 3, 4, 2, 1, 0)"


# -- the catalogue


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_mutant_can_be_made_of_the_present_code(mutant: Mutant) -> None:
    for path, source in mutant.sources(ROOT).items():
        compile(source, path, "exec")
        assert ast.dump(ast.parse(source)) != ast.dump(
            ast.parse((ROOT / "botbox_cli" / path).read_text("utf-8"))
        )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_tests_that_a_mutant_names_are_there(mutant: Mutant) -> None:
    assert mutant.tests
    for test in mutant.tests:
        file, _, function = test.partition("::")
        assert f"def {function or 'test_'}" in (ROOT / file).read_text("utf-8")


def test_mutants_differ() -> None:
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)
    assert len({m.edits for m in MUTANTS}) == len(MUTANTS)


def test_every_promise_has_mutants_and_every_mutant_a_promise() -> None:
    promised = re.findall(r"^\| ([A-Z][^|]*\.) \|", GUARANTEES.read_text("utf-8"), re.MULTILINE)

    assert promised == list(PROMISES)
    assert all(PROMISES.values())


def test_results_are_of_this_catalogue() -> None:
    assert re.findall(r"^\| `([^`]+)` \|", RESULTS.read_text("utf-8"), re.MULTILINE) == [
        m.name for m in MUTANTS
    ]


@pytest.mark.parametrize("source", ["", "old old"])
def test_edit_that_does_not_fit_exactly_once_is_out_of_date(source: str) -> None:
    with pytest.raises(Outdated):
        Edit("file.py", "old", "new").applied_to(source)


# -- what counts as noticing


@pytest.mark.parametrize(
    ("code", "out", "expected"),
    [
        (0, "3 passed in 1 s", Verdict(Ruling.UNNOTICED)),
        (
            1,
            "FAILED tests/a.py::test_b[x y] - assert 1 == 2\n",
            Verdict(Ruling.CAUGHT, "tests/a.py::test_b[x y]"),
        ),
        (
            1,
            "FAILED tests/a.py::test_b - botbox_cli.errors.Denied: no\n",
            Verdict(Ruling.CAUGHT, "tests/a.py::test_b"),
        ),
    ],
)
def test_failed_test_is_noticing(code: int, out: str, expected: Verdict) -> None:
    assert ruling_of_tests(code, out) == expected


@pytest.mark.parametrize(
    ("code", "out"),
    [
        (1, "FAILED tests/a.py::test_b - NameError: name 'replace' is not defined\n"),
        (1, "FAILED tests/a.py::test_b - ImportError: cannot import name 'x'\n"),
        (1, "ERROR tests/a.py::test_b - fixture trouble\n"),
        (1, "no line that says FAILED"),
        (2, "ERROR tests/a.py - SyntaxError: invalid syntax\n"),
        (3, "INTERNALERROR"),
        (4, "ERROR: file or directory not found: tests/a.py"),
        (5, "no tests ran in 0.01s"),
        (-9, ""),
    ],
)
def test_whatever_else_goes_wrong_with_the_tests_is_not_noticing(code: int, out: str) -> None:
    assert ruling_of_tests(code, out).ruling is Ruling.BROKEN


@pytest.mark.parametrize(
    ("code", "err", "expected"),
    [
        (0, "", Ruling.UNNOTICED),
        (1, "seed 7: settled: trade 1 has no stop\nreplay: …\n", Ruling.CAUGHT),
        (1, "Traceback (most recent call last):\nImportError: no\n", Ruling.BROKEN),
        (1, "seed 7: a bug: Traceback (most recent call last):\n  …\nNameError: name 'x'\n", Ruling.BROKEN),
        (2, "error: unrecognized arguments\n", Ruling.BROKEN),
        (-15, "", Ruling.BROKEN),
    ],
)
def test_only_a_violation_of_a_day_is_noticing(code: int, err: str, expected: Ruling) -> None:
    assert ruling_of_days(code, err).ruling is expected


# -- the lab at work


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


def mutant(new: str, *, tests: str = QUICK_TEST) -> Mutant:
    return Mutant("made-up", "the order of severity", (Edit(ERRORS, SEVERITY, new),), (tests,))


def test_lab_tests_its_own_copy_and_mends_it(lab: Lab) -> None:
    whole = (lab.path / "botbox_cli" / ERRORS).read_text("utf-8")
    upside_down = mutant("SEVERITY = (0, 1, 2, 4, 3, 6, 5, 9, 8, 7, 10)")

    with lab.of(upside_down):
        assert lab.load(upside_down).ruling is Ruling.NOT_RUN
        caught = lab.test(upside_down.tests)
    unbroken = lab.test(upside_down.tests)

    assert caught.ruling is Ruling.CAUGHT
    assert caught.by.startswith(f"{QUICK_TEST}::test_pass_ends_with_the_gravest_code")
    assert unbroken.ruling is Ruling.UNNOTICED
    assert (lab.path / "botbox_cli" / ERRORS).read_text("utf-8") == whole


def test_mutant_that_stumbles_over_its_own_names_is_broken(lab: Lab) -> None:
    edit = Edit(ERRORS, "    return min(\n        exit_codes,", "    return smallest(\n        exit_codes,")
    slip = Mutant("made-up", "nothing", (edit,), (QUICK_TEST,))

    with lab.of(slip):
        assert lab.load(slip).ruling is Ruling.NOT_RUN
        assert lab.test(slip.tests).ruling is Ruling.BROKEN


def test_mutant_that_can_not_be_imported_is_broken(lab: Lab) -> None:
    unknown = mutant("SEVERITY = no_such_name")

    with lab.of(unknown):
        assert lab.load(unknown).ruling is Ruling.BROKEN
        assert lab.test(unknown.tests).ruling is Ruling.BROKEN


@pytest.mark.parametrize(
    ("tried", "code"),
    [
        (mutant(SEVERITY + "  # as it was"), SURVIVED),
        (mutant("SEVERITY = no_such_name"), BROKEN),
        (mutant(SEVERITY)._replace(edits=(Edit(ERRORS, "no such text", ""),)), BROKEN),
        (mutant(SEVERITY, tests="tests/unit/no_such_file.py"), VOID),
    ],
    ids=["survived", "not importable", "out of date", "no baseline"],
)
def test_run_ends_with_a_code_that_tells(
    tried: Mutant, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.simulation.mutants.__main__.MUTANTS", (tried,))
    monkeypatch.setattr("tests.simulation.mutants.__main__.PROMISES", {"Severity is kept.": (tried,)})

    assert main(["--days", "0", "--jobs", "1"]) == code
    assert capsys.readouterr().err


def test_row_names_the_test_without_its_folders_and_with_all_its_parameters() -> None:
    by = Verdict(Ruling.CAUGHT, "tests/web/test_page.py::test_nothing_is_done[/api/halt|POST]")
    trial = Trial(mutant(SEVERITY), by, Verdict(Ruling.NOT_RUN))

    assert trial.row == (
        r"| `made-up` | the order of severity | test_page.py::test_nothing_is_done[/api/halt\|POST] | – |"
    )


def test_name_of_no_mutant_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-mutant"]) == 2
    assert "no-such-mutant" in capsys.readouterr().err
