"""Two processes on one account, and processes that stop in the middle: killed, or frozen and woken too late."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from botbox_cli.domain.candle import to_ms
from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.errors import BotboxError
from botbox_cli.services.close import close
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.services.execute import execute
from botbox_cli.services.flatten import NotClosed, flatten
from botbox_cli.services.monitor import monitor
from tests.support.faults import Faults, after, broken, first, nothing
from tests.support.process import Process, at, die, frozen, kill_at
from tests.support.verdict import (
    only_trade,
    open_at_target,
    open_trade,
    open_with_fired_stop,
    orders_of,
    settle,
    tell_close,
    tell_execute,
    told_truly,
    truth,
)
from tests.support.world import World, a_world
from tests.unit.services.test_protect_stop import by_hand, live_stops

Command = Callable[[Desk], Any]


def entries(world: World) -> list[str]:
    return [o.link for o in truth(world).orders if "-entry" in o.link]


# -- each command stopped at each of its steps


def before_execute(world: World) -> None:
    world.add_setup()


def before_close(world: World) -> None:
    open_trade(world)


def with_lost_stop(world: World) -> None:
    open_trade(world)
    world.engine._books.begin()
    account = world.engine._books.begin()
    order = account.by_link["bb-test01-1-stop1"]
    world.engine._desk_of(account)[0]._cancel(order, account.advanced_ms or 0)


SCENES: dict[str, tuple[Callable[[World], None], Command]] = {
    "execute": (before_execute, lambda desk: execute(desk, 1)),
    "close": (before_close, lambda desk: close(desk, 1)),
    "monitor at target": (open_at_target, monitor),
    "monitor after a fired stop": (open_with_fired_stop, monitor),
    "monitor without its stop": (with_lost_stop, monitor),
}


def steps_of(scene: str) -> list[str]:
    prepare, command = SCENES[scene]
    with rich_world() as world:
        prepare(world)
        process = Process(world.desk, world.session, "counted")
        process.run(command)
        return process.steps


def rich_world() -> Any:
    """A world whose owner has a bitcoin of their own, which nothing here may touch."""
    return a_world(balances={"USDT": Decimal(10000), "BTC": Decimal(1)})


def run(process: Process, command: Command) -> None:
    """Run a command that may be refused."""
    try:
        process.run(command)
    except BotboxError:
        return


@pytest.mark.parametrize("scene", SCENES)
def test_command_killed_at_any_step_is_settled_by_the_next_pass(scene: str) -> None:
    prepare, command = SCENES[scene]
    for number, step in enumerate(steps_of(scene)):
        with rich_world() as world:
            prepare(world)
            process = Process(world.desk, world.session, "doomed", kill_at(number))
            run(process, command)

            assert process.is_dead
            assert settle(world) == [], f"killed at step {number}, {step}"
            assert truth(world).wallet["BTC"] >= 1


@pytest.mark.parametrize("seconds", [9, 40])
@pytest.mark.parametrize("scene", SCENES)
def test_command_frozen_at_any_step_does_no_harm_when_it_wakes(scene: str, seconds: float) -> None:
    """A closed lid: the world goes on, the lease may be taken over, and then the process goes on as if nothing were."""
    prepare, command = SCENES[scene]
    for number, step in enumerate(steps_of(scene)):
        with rich_world() as world:
            prepare(world)
            other = world.new_desk("other")
            freeze = frozen(world.clock, seconds, lambda other=other: monitor(other))  # type: ignore[misc]
            process = Process(world.desk, world.session, "sleeper", nth_step(number, freeze))
            run(process, command)

            assert settle(world) == [], f"frozen {seconds} s at step {number}, {step}"
            assert truth(world).wallet["BTC"] >= 1


@pytest.mark.parametrize("scene", SCENES)
def test_another_close_at_any_step_does_no_harm(scene: str) -> None:
    prepare, command = SCENES[scene]
    for number, step in enumerate(steps_of(scene)):
        with rich_world() as world:
            prepare(world)
            other = Process(world.new_desk("other"), world.session, "other")
            process = Process(
                world.desk,
                world.session,
                "first",
                nth_step(number, lambda other=other: run(other, lambda desk: close(desk, 1))),  # type: ignore[misc]
            )
            run(process, command)

            assert settle(world) == [], f"closed by another at step {number}, {step}"
            assert truth(world).wallet["BTC"] >= 1


def test_pass_frozen_while_another_arms_a_stop_and_takes_it_back_ends_as_others_do() -> None:
    scene = "monitor without its stop"
    prepare, command = SCENES[scene]
    for number, step in enumerate(steps_of(scene)):
        with rich_world() as world:
            prepare(world)
            other = world.new_desk("other")

            def meanwhile(other: Desk = other) -> None:
                monitor(other)
                run(Process(other, world.session, "closer"), lambda desk: close(desk, 1))

            freeze = frozen(world.clock, 40, meanwhile)
            process = Process(world.desk, world.session, "sleeper", nth_step(number, freeze))
            run(process, command)

            assert settle(world) == [], f"frozen at step {number}, {step}"


def nth_step(number: int, do: Callable[[], None]) -> Callable[[str], None]:
    """Do something at the step of this number, counted from 0."""
    left = [number]

    def on_step(name: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            do()

    return on_step


# -- the pinned timestamp


@pytest.mark.parametrize(("step", "nth"), [("commit", 2), ("ask place_order", 1)])
def test_entry_sent_by_a_process_that_was_frozen_is_refused_by_the_exchange(
    world: World, step: str, nth: int
) -> None:
    """Saved as sent, then asleep; by the time it is sent, others have taken it for absent. It must not land."""
    setup = world.add_setup()
    other = world.new_desk("other")
    freeze = frozen(world.clock, 30, lambda: monitor(other))
    process = Process(world.desk, world.session, "sleeper", at(step, freeze, nth=nth))

    run(process, lambda desk: execute(desk, setup.id))

    assert "ask place_order bb-test01-1-entry1" in process.steps
    assert entries(world) == []
    assert only_trade(world).status is TradeStatus.FAILED
    assert settle(world) == []


def test_entry_that_arrives_late_but_within_its_window_is_found(world: World) -> None:
    setup = world.add_setup()
    freeze = frozen(world.clock, 4.9)
    process = Process(world.desk, world.session, "slow", at("ask place_order", freeze))

    outcome = process.run(lambda desk: execute(desk, setup.id))

    assert outcome.error is None
    assert len(entries(world)) == 1
    assert settle(world) == []


# -- one setup, several commands


def test_setup_executed_by_two_terminals_is_entered_once() -> None:
    for number in range(len(steps_of("execute"))):
        with a_world() as world:
            world.add_setup()
            other = Process(world.new_desk("other"), world.session, "other")
            process = Process(
                world.desk,
                world.session,
                "first",
                nth_step(
                    number,
                    lambda other=other: run(other, lambda desk: execute(desk, 1)),  # type: ignore[misc]
                ),
            )
            run(process, lambda desk: execute(desk, 1))

            assert len(entries(world)) == 1, number
            assert settle(world) == [], number


def test_later_process_does_not_send_an_old_entry_again(world: World) -> None:
    setup = world.add_setup()
    faults = Faults(world)
    faults.on("place_order", broken("timeout"), link="entry")
    process = Process(world.desk, world.session, "doomed", at("told place_order", die))
    process.run(lambda desk: execute(desk, setup.id))
    faults.clear()
    world.pass_time(60)

    monitor(world.new_desk("later"))

    assert entries(world) == []
    assert only_trade(world).status is TradeStatus.FAILED


def test_setup_can_be_executed_again_once_its_first_entry_is_proved_absent(world: World) -> None:
    setup = world.add_setup()
    faults = Faults(world)
    faults.on("place_order", broken("timeout"), link="entry", times=9)
    assert tell_execute(world.desk, setup.id).exit_code == 7
    faults.clear()
    world.pass_time(10)

    told = tell_execute(world.new_desk("later"), setup.id)

    assert told.exit_code == 0
    assert entries(world) == ["bb-test01-2-entry1"]
    assert settle(world) == []


def test_setup_whose_entry_is_in_doubt_is_not_executed_again(world: World) -> None:
    setup = world.add_setup()
    faults = Faults(world)
    faults.on("place_order", after(broken("timeout")), link="entry")
    faults.on("get_open_orders get_order_history get_executions", broken("timeout"), times=999)
    assert tell_execute(world.desk, setup.id).exit_code == 7

    told = tell_execute(world.new_desk("later"), setup.id)

    assert told.exit_code == 7
    assert len(entries(world)) == 1
    assert settle(world, faults) == []


# -- leases


def test_close_is_refused_while_another_process_works_on_the_trade(world: World) -> None:
    trade = open_trade(world)
    told: list[int] = []
    other = world.new_desk("other")
    process = Process(
        world.desk,
        world.session,
        "first",
        at("ask cancel_order", lambda: told.append(tell_close(other, trade.id).exit_code)),
    )

    process.run(lambda desk: close(desk, trade.id))

    assert told == [4]
    assert settle(world) == []


def test_dead_holder_keeps_others_out_for_15_seconds_only(world: World) -> None:
    trade = open_trade(world)
    process = Process(world.desk, world.session, "doomed", at("ask cancel_order", die))
    process.run(lambda desk: close(desk, trade.id))

    world.pass_time(10)
    early = monitor(world.new_desk("later"))
    world.pass_time(6)
    late = monitor(world.new_desk("later"))

    assert [t.action for t in early.trades] == ["busy"]
    assert [t.action for t in late.trades] != ["busy"]
    assert settle(world) == []


def test_process_that_lost_its_trade_leaves_it_to_the_other(world: World) -> None:
    """It was about to sell; meanwhile the other process decided, and what it decided stays."""
    trade = open_trade(world)
    other = world.new_desk("other")
    process = Process(
        world.desk,
        world.session,
        "sleeper",
        at("told cancel_order", frozen(world.clock, 40, lambda: monitor(other))),
    )

    run(process, lambda desk: close(desk, trade.id))

    exits = orders_of(world, Role.EXIT)
    assert len([o for o in exits if o.status is OrderStatus.FILLED]) <= 1
    assert settle(world) == []


def test_tp1_killed_and_resumed_by_another_keeps_the_share() -> None:
    with a_world(policy=Policy(tp1_fraction=Decimal("0.5"))) as world:
        trade = open_trade(world)
        world.set_price("BTCUSDT", "62000")
        process = Process(world.desk, world.session, "doomed", at("told place_order", die))
        process.run(monitor)
        world.pass_time(20)

        monitor(world.new_desk("later"))

        with world.store.read(world.account) as books:
            assert books.trade(trade.id).tp1_done
            assert books.trade(trade.id).status is TradeStatus.OPEN
        assert settle(world) == []


# -- fills that come late


def test_fill_that_appears_after_its_entry_was_given_up_is_protected(world: World) -> None:
    """Nothing promises that it can't happen: an exchange in trouble. The coins are ours all the same."""
    setup = world.add_setup()
    faults = Faults(world)
    faults.on("get_open_orders get_order_history get_executions", nothing, times=9999)
    process = Process(world.desk, world.session, "doomed", at("told place_order", die))
    process.run(lambda desk: execute(desk, setup.id))
    world.pass_time(30)
    monitor(world.desk)
    assert only_trade(world).status is TradeStatus.FAILED

    assert settle(world, faults) == []

    assert only_trade(world).status is TradeStatus.OPEN


def test_fill_of_an_entry_that_was_given_up_and_made_anew_does_not_stop_the_pass(world: World) -> None:
    """Two entries of one setup: the exchange broke its word. The second stays protected, the first is shouted about."""
    setup = world.add_setup()
    faults = Faults(world)
    faults.on("get_open_orders get_order_history get_executions", nothing, times=9999)
    process = Process(world.desk, world.session, "doomed", at("told place_order", die))
    process.run(lambda desk: execute(desk, setup.id))
    world.pass_time(30)
    monitor(world.desk)
    faults.clear()
    second = tell_execute(world.desk, setup.id)
    stop = f"bb-test01-{second.trade_id}-stop1"
    by_hand(world, "cancel", orderLinkId=stop, orderFilter="tpslOrder")
    world.pass_time(60)

    result = monitor(world.desk)

    assert [(e.trade_id, e.error.exit_code) for e in result.errors] == [(1, 8)]
    assert live_stops(world) == [f"bb-test01-{second.trade_id}-stop2"]


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_process_that_was_asleep_does_not_send_an_entry_of_long_ago(world: World, nth: int) -> None:
    """A laptop that sleeps between plan and order: the price, the size and the setup were right an hour ago."""
    setup = world.add_setup()
    asleep = Process(
        world.desk, world.session, "asleep", at("commit", lambda: world.pass_time(3600), nth=nth)
    )

    told = told_truly(world, lambda: asleep.run(lambda desk: tell_execute(desk, setup.id)))

    intents = {o.order_link_id: o for o in orders_of(world, Role.ENTRY)}
    for link in entries(world):
        assert truth(world).by_link[link].created_ms - to_ms(intents[link].created_at) <= 20_000
    assert told.exit_code in (0, 6, 7)
    assert settle(world) == []


@pytest.mark.parametrize("step", ["told get_tickers", "told get_instruments_info", "told get_wallet_balance"])
def test_process_that_was_asleep_while_it_planned_enters_nothing(world: World, step: str) -> None:
    setup = world.add_setup()
    asleep = Process(world.desk, world.session, "asleep", at(step, lambda: world.pass_time(3600)))

    told = told_truly(world, lambda: asleep.run(lambda desk: tell_execute(desk, setup.id)))

    assert told.exit_code == 6
    assert entries(world) == []
    assert only_setup_status(world, setup.id) is SetupStatus.APPROVED


def only_setup_status(world: World, setup_id: int) -> SetupStatus:
    with world.store.read(world.account) as books:
        return books.setup(setup_id).status


def test_trade_that_another_process_closes_while_all_are_closed_is_no_failure() -> None:
    with a_world() as world:
        one, other = open_trade(world), open_trade(world)
        rival = world.new_desk("rival")
        Faults(world).on("cancel_order", first(lambda: close(rival, other.id)))

        results = flatten(world.desk)

        assert [(r.error, getattr(r, "success", False)) for r in results] == [(None, True)] * 2
        assert [r.trade.trade.id for r in results if not isinstance(r, NotClosed)] == [one.id, other.id]
        assert settle(world) == []
