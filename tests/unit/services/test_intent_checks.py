"""What changes between the plan of an entry and the saving of its intent is checked again in that transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from botbox_cli.services.desk import Policy
from botbox_cli.services.halt import halt
from botbox_cli.services.monitor import monitor
from tests.support.process import Process, at
from tests.support.verdict import settle, tell_execute, truth
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world(policy=Policy(max_open_positions=1)) as made:
        yield made


def execute_while(
    world: World, setup_id: int, do: Callable[[], object], step: str = "told get_wallet"
) -> int:
    """Execute a setup, let something happen once its plan is made, and return the exit code."""
    done = []

    def once() -> None:
        done.append(do())

    process = Process(world.desk, world.session, "planner", at(step, once))
    code = tell_execute(process.desk, setup_id).exit_code
    assert done, process.steps
    return code


def entries(world: World) -> list[str]:
    return [o.link for o in truth(world).orders if "-entry" in o.link]


def test_halt_after_the_plan_was_made_stops_the_entry(world: World) -> None:
    setup = world.add_setup()

    code = execute_while(
        world, setup.id, lambda: halt(world.store, world.account, world.clock, reason="news")
    )

    assert code == 4
    assert entries(world) == []


def test_position_opened_after_the_plan_was_made_counts_to_the_limit(world: World) -> None:
    first, second = world.add_setup(), world.add_setup()
    other = world.new_desk("other")

    code = execute_while(world, first.id, lambda: tell_execute(other, second.id))

    assert code == 4
    assert entries(world) == ["bb-test01-1-entry1"]
    assert settle(world) == []


def test_new_trade_is_leased_from_its_first_moment(world: World) -> None:
    """A pass in the instant after the intent was saved must not take the entry for one that a dead process left."""
    setup = world.add_setup()
    other = world.new_desk("other")
    actions: list[str] = []

    code = execute_while(
        world, setup.id, lambda: actions.extend(t.action for t in monitor(other).trades), "commit"
    )

    assert actions == ["busy"]
    assert code == 0
    assert settle(world) == []
