"""The world that most of these tests begin with; a file that needs another one makes its own."""

from collections.abc import Iterator

import pytest

from tests.support.faults import Faults
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


@pytest.fixture
def faults(world: World) -> Faults:
    return Faults(world)
