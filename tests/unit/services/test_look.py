"""Looking an order up: where, how often, and what of it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from botbox_cli.domain.order import Order, Role
from botbox_cli.services.lease import Budget, Work, working_on
from botbox_cli.services.settle import Seen, is_forgotten, look
from tests.support.faults import LOOK_UPS, Faults, broken, code, nothing
from tests.support.verdict import open_trade, tell_execute
from tests.support.world import World


@pytest.fixture
def work(world: World) -> Iterator[Work]:
    """A hand on a trade that is open and protected."""
    trade = open_trade(world)
    with working_on(world.desk, trade.id, Budget(world.clock, 600)) as made:
        yield made


def stop(work: Work) -> Order:
    return work.read().of_role(Role.STOP)[-1]


def asked_at(world: World, faults: Faults, name: str) -> list[float]:
    """Return, once it is filled, how long after now the entry was asked for by this name."""
    asked: list[float] = []
    start = world.clock.now()

    def note(send: Callable[[], Any]) -> Any:
        asked.append(round((world.clock.now() - start).total_seconds(), 3))
        return send()

    faults.on(name, note, link="entry", times=99)
    return asked


def test_new_order_is_looked_for_first_where_it_shows_first(world: World, faults: Faults) -> None:
    """Three questions each time would only use up what the exchange allows; after 0.3 s all places are asked."""
    realtime, history = (asked_at(world, faults, name) for name in ("get_open_orders", "get_order_history"))
    faults.on("place_order", broken("timeout"), link="entry", times=99)

    tell_execute(world.desk, world.add_setup().id)

    assert realtime[:3] == [0, 0.1, 0.3]
    assert history[0] == 0.3


def test_report_that_says_nothing_new_is_not_written(world: World, work: Work) -> None:
    world.pass_time(30)
    before = stop(work)

    sight = look(work, before)

    assert sight.seen is Seen.LIVE
    assert stop(work) == before


def test_stop_that_was_seen_in_between_has_not_been_nowhere_all_the_time(
    world: World, work: Work, faults: Faults
) -> None:
    def is_gone() -> bool:
        return is_forgotten(work, stop(work), look(work, stop(work)))

    faults.on("cancel_order", code(170213), times=99)
    faults.on(LOOK_UPS, nothing, link="stop1", times=3)
    assert not is_gone()
    world.pass_time(50)
    assert look(work, stop(work)).seen is Seen.LIVE

    world.pass_time(50)
    faults.on(LOOK_UPS, nothing, link="stop1", times=99)

    assert not is_gone()
    world.pass_time(61)
    assert is_gone()
