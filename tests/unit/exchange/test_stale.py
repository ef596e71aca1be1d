"""Answers from the past: a copy that something on the way kept proves no absence in the present."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.faults import Faults
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


def test_absence_is_dated_by_the_oldest_of_the_answers(world: World) -> None:
    """The list of open orders is of now; the history is a second old, and so is what it does not show."""
    asked_at = world.clock.now()
    kept = world.session.get_order_history(category="spot", orderLinkId="bb-x")
    world.pass_time(1)
    Faults(world).on("get_order_history", lambda send: kept)

    look = world.desk.exchange.look_up("BTCUSDT", "bb-x", since=asked_at)

    assert look.report is None
    assert look.at == asked_at
