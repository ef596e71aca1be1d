"""What an earlier process left behind, and what the next command does and says about it."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from botbox_cli.errors import BotboxError, OutcomeUnknown, StopMissing, StorageError
from botbox_cli.services.close import close
from botbox_cli.services.execute import execute, execute_approved
from tests.support.faults import LOOK_UPS, READS, Action, Faults, after, broken, code
from tests.support.verdict import open_trade, settle
from tests.support.world import World
from tests.unit.services.test_protect_stop import live_stops


def entry_without_answer(world: World, faults: Faults) -> int:
    """Leave a setup behind whose entry has filled, which nobody could find out."""
    faults.on("place_order", after(broken("timeout")), link="entry")
    faults.on(LOOK_UPS, broken("timeout"), times=inf)
    setup = world.add_setup()
    error = execute(world.desk, setup.id).error
    assert error is not None
    assert error.exit_code == 7
    faults.clear()
    world.pass_time(60)
    return setup.id


@pytest.mark.parametrize(
    ("asked", "action", "exit_code"),
    [
        ("place_order", code(170810), 10),
        ("place_order", code(10027), 10),
        ("get_tickers", code(10001), 10),
        ("get_tickers get_wallet_balance", broken("timeout"), 10),
        (f"place_order {READS}", after(broken("timeout")), 7),
    ],
)
def test_executing_a_setup_again_tells_that_its_position_has_no_stop(
    world: World, faults: Faults, asked: str, action: Action, exit_code: int
) -> None:
    setup_id = entry_without_answer(world, faults)
    faults.on(asked, action, times=inf)

    with pytest.raises(BotboxError) as told:
        execute(world.desk, setup_id)

    assert told.value.exit_code == exit_code
    assert exit_code == 7 or isinstance(told.value, StopMissing)
    assert settle(world, faults) == []


def test_executing_what_is_approved_tells_of_a_position_without_a_stop(world: World, faults: Faults) -> None:
    setup_id = entry_without_answer(world, faults)
    faults.on("place_order", code(170810), link="stop", times=inf)

    [(told_of, error)] = execute_approved(world.desk)

    assert told_of == setup_id
    assert isinstance(error, StopMissing)
    assert settle(world, faults) == []


def test_executing_a_setup_again_that_was_settled_meanwhile_is_refused(world: World, faults: Faults) -> None:
    setup_id = entry_without_answer(world, faults)

    with pytest.raises(BotboxError) as told:
        execute(world.desk, setup_id)

    assert told.value.exit_code == 4
    assert len(live_stops(world)) == 1


def test_a_stop_whose_cancel_nobody_could_follow_is_looked_after_by_the_next_command(
    world: World, faults: Faults
) -> None:
    trade = open_trade(world)
    faults.on(LOOK_UPS, code(170132), times=inf)
    error = close(world.desk, trade.id).error
    assert error is not None
    assert error.exit_code == 7
    assert live_stops(world) == []
    faults.clear()

    assert execute_approved(world.desk) == []

    assert len(live_stops(world)) == 1
    assert settle(world, faults) == []


def test_a_database_that_fails_after_the_stop_was_cancelled_leaves_the_outcome_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = open_trade(world)

    def fails(*_args: object, **_options: object) -> object:
        raise StorageError("the database is busy")

    def cancel_then_fail(name: str, params: dict[str, object], send: Callable[[], object]) -> object:
        if name == "cancel_order":
            for writer in ("write", "free_lease", "take_lease"):
                monkeypatch.setattr(type(world.store), writer, fails)
        return send()

    world.session.hook = cancel_then_fail

    with pytest.raises(OutcomeUnknown):
        close(world.desk, trade.id)

    monkeypatch.undo()
    world.session.hook = None
    assert live_stops(world) == []
    assert settle(world) == []


@pytest.mark.parametrize(("stops", "exit_code"), [(0, 7), (inf, 10)])
def test_a_database_that_fails_once_all_is_done_does_not_hide_what_was_done(
    world: World, faults: Faults, monkeypatch: pytest.MonkeyPatch, stops: float, exit_code: int
) -> None:
    trade = open_trade(world)
    faults.on("place_order", code(170810), link="exit", times=stops)
    faults.on("place_order", code(170810), link="stop", times=stops)

    def fails(*_args: object, **_options: object) -> object:
        raise StorageError("the database is gone")

    monkeypatch.setattr(
        type(world.store), "free_lease", lambda *_: monkeypatch.setattr(type(world.store), "read", fails)
    )

    with pytest.raises(BotboxError) as told:
        close(world.desk, trade.id)

    assert told.value.exit_code == exit_code
    monkeypatch.undo()
    world.pass_time(60)
    assert settle(world, faults) == []
