"""A stop that the exchange refuses for its distance from the price: told, tried again each pass, and learned from."""

from __future__ import annotations

import pytest

from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import STOP_FAILED, TradeStatus
from botbox_cli.errors import Denied
from botbox_cli.services.desk import Policy
from botbox_cli.services.dry_run import dry_run
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from tests.support.faults import Faults, code
from tests.support.verdict import (
    exit_code_of,
    only_trade,
    orders_of,
    settle,
    tell_execute,
    told_truly,
    truth,
)
from tests.support.world import World, a_world
from tests.unit.services.test_protect_stop import live_stops

FAR = {"stop": "50000"}


def refuse_stops(faults: Faults, number: int = 170204) -> None:
    faults.on("place_order", code(number), link="stop", times=999)


@pytest.mark.parametrize("number", [170203, 170204])
def test_stop_that_is_too_far_is_told_and_tried_again_by_each_pass(
    world: World, faults: Faults, number: int
) -> None:
    refuse_stops(faults, number)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup(**FAR).id))

    assert (told.exit_code, told.success) == (10, True)
    for _ in range(3):
        world.pass_time(60)
        before = len(orders_of(world, Role.STOP))
        assert exit_code_of(monitor(world.desk)) == 10
        assert len(orders_of(world, Role.STOP)) > before
    assert settle(world, faults) == []
    assert len(live_stops(world)) == 1


def test_stop_that_is_too_far_is_a_reason_to_get_out_if_the_person_wants_it() -> None:
    with a_world(policy=Policy(close_when_stop_fails=True)) as world:
        faults = Faults(world)
        refuse_stops(faults)

        told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup(**FAR).id))

        assert told.exit_code == 0
        assert (only_trade(world).status, only_trade(world).close_reason) == (TradeStatus.CLOSED, STOP_FAILED)
        assert settle(world, faults) == []


def test_plan_says_beforehand_that_a_stop_so_far_away_may_be_refused(world: World) -> None:
    near, far = (dry_run(world.desk, world.add_setup(**levels).id) for levels in ({}, FAR))

    assert "may be refused" not in " ".join(c.detail for c in near.checks)
    assert "may be refused" in " ".join(c.detail for c in far.checks)


def test_entry_whose_stop_would_be_refused_like_an_earlier_one_is_refused(
    world: World, faults: Faults
) -> None:
    refuse_stops(faults)
    tell_execute(world.desk, world.add_setup(**FAR).id)
    sent = len(truth(world).orders)

    with pytest.raises(Denied, match="as it did on") as refused:
        execute(world.desk, world.add_setup(**FAR).id)

    assert refused.value.code == "stop_too_far"
    assert len(truth(world).orders) == sent
    assert execute(world.desk, world.add_setup().id).error is not None  # near enough: tried, and here refused


def test_exchange_that_has_taken_so_far_a_stop_after_all_is_believed(world: World, faults: Faults) -> None:
    refuse_stops(faults)
    tell_execute(world.desk, world.add_setup(**FAR).id)
    faults.clear()
    world.pass_time(60)
    assert exit_code_of(monitor(world.desk)) == 0

    assert execute(world.desk, world.add_setup(**FAR).id).error is None
