"""What look-ups tell: an order that one view alone shows, a stop that nobody has seen yet, a fill that two saw."""

from __future__ import annotations

import pytest

from botbox_cli.domain.order import Role
from botbox_cli.exchange.paper.state import Lag
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from tests.support.faults import LOOK_UPS, Faults, after, broken, http
from tests.support.process import Process, at
from tests.support.verdict import open_trade, orders_of, settle, tell_execute, told_truly, truth
from tests.support.world import World
from tests.unit.services.test_protect_stop import ending

LONG_MS = 60_000


@pytest.mark.parametrize(
    "lag",
    [Lag(LONG_MS, 0, 0), Lag(LONG_MS, 0, LONG_MS), Lag(LONG_MS, LONG_MS, 0), Lag(0, LONG_MS, LONG_MS)],
    ids=["not in open orders", "in history only", "in executions only", "in open orders only"],
)
def test_entry_without_an_answer_is_not_taken_for_absent_while_any_view_shows_it(
    world: World, lag: Lag
) -> None:
    faults = Faults(world)
    faults.on("place_order", after(broken("timeout")), link="entry")
    ending(world, lag=lag)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code in (0, 7)
    assert [o.sends for o in orders_of(world, Role.ENTRY)] == [1]
    world.pass_time(LONG_MS / 1000)
    assert settle(world, faults) == []
    assert [o.link for o in truth(world).orders if "-entry" in o.link] == ["bb-test01-1-entry1"]


def test_accepted_stop_that_can_not_be_seen_is_not_taken_for_protection(world: World) -> None:
    faults = Faults(world)
    faults.on(LOOK_UPS, http(502), link="stop", times=999)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 10
    assert settle(world, faults) == []


def test_fill_that_another_process_has_just_booked_is_booked_once(world: World) -> None:
    """A pass over another trade books every execution of ours that it sees, between our reading it and our booking."""
    open_trade(world)
    setup = world.add_setup()
    other = world.new_desk("other")
    booked: list[int] = []

    def pass_over() -> None:
        monitor(other)
        with world.store.read(world.account) as books:
            booked.append(len(books.fills([2])))

    process = Process(
        world.desk, world.session, "slow", at("told get_executions bb-test01-2-entry1", pass_over)
    )
    outcome = process.run(lambda desk: execute(desk, setup.id))

    assert booked == [1]
    assert outcome.error is None
    assert outcome.trade.position.entered == truth(world).by_link["bb-test01-2-entry1"].filled
    assert settle(world) == []
