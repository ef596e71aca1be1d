"""The `scene` of a test: its behaviour on each exchange; `paper` where no captured answer exists."""

from collections.abc import Iterator

import pytest

from tests.contract.cassettes import STORIES
from tests.contract.scenes import PaperScene, Scene, Way, cassette_scene, paper_scene

RECORDED = "recorded"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "situation(name): what the scene shows; recorded in the cassette of this name"
    )


@pytest.fixture(params=[*Way, RECORDED])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The exchange in the situation that the test's `situation` mark names (a cassette of that name)."""
    situation = request.node.get_closest_marker("situation").args[0]
    if request.param == RECORDED:
        with cassette_scene(situation) as recorded:
            yield recorded
    else:
        with paper_scene(request.param) as paper:
            paper.arrange(situation)
            yield paper


@pytest.fixture(params=[Way.IN_PROCESS, Way.OVER_HTTP, RECORDED])
def wrongly_signed(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The exchange asked with a secret that does not belong to the key; without pybit nothing is signed."""
    opened = (
        cassette_scene("wrong_secret")
        if request.param == RECORDED
        else paper_scene(request.param, wrong_secret=True)
    )
    with opened as scene:
        yield scene


@pytest.fixture(params=list(Way))
def paper(request: pytest.FixtureRequest) -> Iterator[PaperScene]:
    with paper_scene(request.param) as opened:
        yield opened


@pytest.fixture(params=sorted(STORIES))
def story(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
