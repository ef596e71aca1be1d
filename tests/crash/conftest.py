"""A warm parent, a sandbox and a folder in memory, for all crash tests of one worker."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.crash.matrix import Row
from tests.crash.situations import Situation
from tests.support.forkserver import Forkserver, a_forkserver
from tests.support.stage import HttpHost, HttpStage, PaperStage, Stage, quick_folder

MakeStage = Callable[[str], Stage]
MakeRow = Callable[[Situation, str], Row]


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Forkserver]:
    with a_forkserver() as server:
        yield server


@pytest.fixture(scope="session")
def host() -> Iterator[HttpHost]:
    host = HttpHost()
    yield host
    host.close()


@pytest.fixture
def make_stage(forkserver: Forkserver, host: HttpHost) -> Iterator[MakeStage]:
    """Return empty stages on a way to the exchange: `http` or `paper`."""
    numbers = count()
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:

        def make(way: str) -> Stage:
            place = Path(folder) / str(next(numbers)) / "prepared"
            return HttpStage(forkserver, place, host) if way == "http" else PaperStage(forkserver, place)

        yield make


@pytest.fixture
def make_row(make_stage: MakeStage) -> MakeRow:
    """Return the prepared row of a situation."""
    return lambda situation, way: Row(situation, make_stage(way))
