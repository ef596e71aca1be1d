"""Accounts on both databases, and processes to race on them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.forkserver import Forkserver, a_forkserver
from tests.support.stage import HttpHost, HttpStage, quick_folder

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
MakeStage = Callable[..., HttpStage]


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Forkserver]:
    with a_forkserver() as server:
        yield server


@pytest.fixture(scope="session")
def host() -> Iterator[HttpHost]:
    host = HttpHost()
    yield host
    host.close()


@pytest.fixture(params=BOTH)
def make_stage(request: pytest.FixtureRequest, forkserver: Forkserver, host: HttpHost) -> Iterator[MakeStage]:
    """Return an entered stage with botbox's database ready on SQLite or PostgreSQL; `wall`: on the wall's clock."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    numbers = count()
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        stages = []

        def make(*, wall: bool) -> HttpStage:
            stage = HttpStage(forkserver, Path(folder) / str(next(numbers)), host, url=url, wall=wall)
            stage.build()
            stages.append(stage.__enter__())
            return stage

        yield make
        for stage in stages:
            stage.__exit__(None, None, None)
