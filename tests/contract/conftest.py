"""The `scene` of a test: its behaviour on each exchange; `paper` where no captured answer exists."""

from collections.abc import Iterator

import pytest

from tests.contract.cassettes import STORIES
from tests.contract.scenes import PaperScene, Scene, cassette_scene, paper_scene


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "situation(name): what the scene shows; recorded in the cassette of this name"
    )


PAPER = ["paper in process", "paper over HTTP"]


@pytest.fixture(params=[*PAPER, "recorded"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The exchange in the situation that the test's `situation` mark names (a cassette of that name)."""
    situation = request.node.get_closest_marker("situation").args[0]
    if request.param == "recorded":
        with cassette_scene(situation) as recorded:
            yield recorded
    else:
        over_http = request.param == "paper over HTTP"
        with paper_scene(over_http=over_http, wrong_secret=situation == "wrong_secret") as paper:
            paper.arrange(situation)
            yield paper


@pytest.fixture(params=PAPER)
def paper(request: pytest.FixtureRequest) -> Iterator[PaperScene]:
    with paper_scene(over_http=request.param == "paper over HTTP") as opened:
        yield opened


@pytest.fixture(params=sorted(STORIES))
def story(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
