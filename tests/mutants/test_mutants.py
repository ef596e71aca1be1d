"""The catalogue fits the present code, and a few of its mutants are noticed within seconds; `make mutants` runs all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.lab import Lab, check

QUICK = ("forget-the-base-fee", "no-re-arm", "send-before-saving")
DAYS = 60


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.name for m in MUTANTS])
def test_mutant_can_be_made_of_the_present_code(mutant: Mutant) -> None:
    check(mutant)


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.name in QUICK], ids=QUICK)
def test_simulation_notices(lab: Lab, mutant: Mutant) -> None:
    with lab.of(mutant):
        assert lab.simulate(DAYS).is_caught
