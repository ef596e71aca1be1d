"""An entry under every class of answer: exactly once, and the exit code says the truth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.monitor import monitor
from tests.support.faults import (
    LOOK_UPS,
    READS,
    Action,
    Faults,
    after,
    broken,
    code,
    code_after,
    http,
    no_json,
    nothing,
)
from tests.support.verdict import only_trade, orders_of, settle, tell_execute, told_truly, truth
from tests.support.world import World


def entries(world: World) -> list[str]:
    return [o.link for o in truth(world).orders if "-entry" in o.link]


NOT_TAKEN = {
    "R clock": code(10002),
    "R expired": code(-1),
    "W rate": code(10006),
    "W load": code(429),
    "W new orders": code(170005),
    "http 429": http(429),
    "refused": broken("refused"),
}
LOST = {
    "U timeout": code(10000),
    "U server": code(10016),
    "U backend": code(170007),
    "unlisted": code(987654),
    "http 502": http(502),
    "timeout": broken("timeout"),
    "reset": broken("reset"),
}
PASSING = NOT_TAKEN | LOST
LANDED = {
    "U timeout": code_after(10000),
    "U server": code_after(10016),
    "U backend": code_after(170007),
    "U submitted": code_after(170035),
    "unlisted": code_after(987654),
    "http 504": after(http(504)),
    "timeout": after(broken("timeout")),
    "reset": after(broken("reset")),
    "truncated": after(broken("truncated")),
    "no json": no_json,
}
REFUSED = {"P balance": code(170131), "P minimum": code(170140), "P parameter": code(10001)}
FATAL = {"F key": code(10003), "F permission": code(10005), "F address": code(10010), "http 401": http(401)}
KNOWN_ALREADY = {"I spot": code(170141), "I unified": code(110072), "I request": code(10014)}


@pytest.mark.parametrize("action", PASSING.values(), ids=PASSING.keys())
def test_entry_that_did_not_land_at_first_is_sent_again_with_its_id(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", action, link="entry")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert entries(world) == ["bb-test01-1-entry1"]
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", LANDED.values(), ids=LANDED.keys())
def test_entry_that_landed_without_an_answer_is_found_and_not_sent_again(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", action, link="entry")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert [o.sends for o in orders_of(world, Role.ENTRY)] == [1]
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", REFUSED.values(), ids=REFUSED.keys())
def test_refused_entry_fails_and_leaves_the_setup_approved(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", action, link="entry")
    setup = world.add_setup()

    told = told_truly(world, lambda: tell_execute(world.desk, setup.id))

    assert told.exit_code == 5
    assert not told.success
    assert only_trade(world).status is TradeStatus.FAILED
    with world.store.read(world.account) as books:
        assert books.setup(setup.id).status is SetupStatus.APPROVED
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", FATAL.values(), ids=FATAL.keys())
def test_key_trouble_at_the_entry_is_a_setting_to_mend(world: World, faults: Faults, action: Action) -> None:
    faults.on("place_order", action, link="entry")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 3
    assert entries(world) == []
    assert only_trade(world).status is TradeStatus.FAILED
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_entry_that_is_never_taken_is_given_up_as_not_placed(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", action, link="entry", times=99)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 6
    assert only_trade(world).status is TradeStatus.FAILED
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", LOST.values(), ids=LOST.keys())
def test_entry_that_is_lost_each_time_is_unknown_until_a_later_pass_proves_its_absence(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", action, link="entry", times=99)
    started = world.clock.now()

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 7
    assert (world.clock.now() - started).total_seconds() <= 30
    assert [o.sends for o in orders_of(world)] == [3]
    assert settle(world, faults) == []
    assert only_trade(world).status is TradeStatus.FAILED


@pytest.mark.parametrize("action", KNOWN_ALREADY.values(), ids=KNOWN_ALREADY.keys())
def test_answer_that_the_id_is_known_means_that_an_earlier_send_landed(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", after(action), link="entry")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert entries(world) == ["bb-test01-1-entry1"]
    assert settle(world, faults) == []


def test_id_said_to_be_known_but_found_nowhere_blocks_its_symbol_only(world: World, faults: Faults) -> None:
    world.set_price("ETHUSDT", "3000")
    faults.on("place_order", code(170141), link="entry")
    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))
    faults.clear()

    again = tell_execute(world.desk, world.add_setup().id)
    elsewhere = world.add_setup(symbol="ETHUSDT", entry="3000", stop="2900", tp1="3200", tp2=None)
    other = tell_execute(world.desk, elsewhere.id)

    assert told.exit_code == 7
    assert again.exit_code == 7
    assert again.trade_id is None
    assert other.exit_code == 0


def test_entry_that_nobody_could_look_up_for_a_day_stays_unknown(world: World, faults: Faults) -> None:
    """By then the exchange has forgotten an order that ended without a fill: finding nothing proves nothing."""
    faults.on("place_order", broken("timeout"), link="entry", times=99)
    faults.on(LOOK_UPS, http(502), times=9999)
    assert tell_execute(world.desk, world.add_setup().id).exit_code == 7
    faults.clear()
    world.pass_time(25 * 3600)

    result = monitor(world.desk)
    again = tell_execute(world.desk, world.add_setup().id)

    assert [e.error.exit_code for e in result.errors] == [7]
    assert only_trade(world).status is TradeStatus.OPENING
    assert again.exit_code == 7
    assert entries(world) == []


def test_entry_in_doubt_before_the_fence_is_unknown_not_failed(world: World, faults: Faults) -> None:
    faults.on("place_order", after(broken("timeout")), link="entry")
    faults.on(LOOK_UPS, http(502), times=999)
    setup = world.add_setup()

    told = told_truly(world, lambda: tell_execute(world.desk, setup.id))

    assert told.exit_code == 7
    assert only_trade(world).status is TradeStatus.OPENING
    assert orders_of(world)[0].status is OrderStatus.UNKNOWN
    assert settle(world, faults) == []
    assert only_trade(world).status is TradeStatus.OPEN


@pytest.mark.parametrize("number", [10003, 10005, 10010, 10001, 10006])
def test_look_ups_that_are_refused_after_the_send_leave_the_entry_unknown(
    world: World, faults: Faults, number: int
) -> None:
    """A key that was bound to another address meanwhile says nothing about the order that is out there."""
    faults.on("place_order", after(broken("timeout")), link="entry")
    faults.on(LOOK_UPS, code(number), times=999)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 7
    assert settle(world, faults) == []


@pytest.mark.parametrize("number", [10003, 10001])
def test_acknowledged_entry_that_can_not_be_looked_up_is_unknown(
    world: World, faults: Faults, number: int
) -> None:
    faults.on(LOOK_UPS, code(number), times=999)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 7
    assert settle(world, faults) == []


def test_refusal_before_anything_is_saved_leaves_the_setup_as_it_was(world: World, faults: Faults) -> None:
    faults.on(READS, broken("refused"), times=999)
    setup = world.add_setup(approved=False)

    told = told_truly(world, lambda: tell_execute(world.desk, setup.id, approve=True))

    assert told.exit_code == 6
    assert told.trade_id is None
    with world.store.read(world.account) as books:
        assert books.setup(setup.id).status is SetupStatus.ACTIVE
        assert books.trades() == []


def test_entry_in_doubt_is_looked_for_ever_more_seldom_until_the_fence(world: World, faults: Faults) -> None:
    """The exchange limits how often it may be asked; a fill that shows at once must still get its stop at once."""
    asked: list[float] = []
    start = world.clock.now()

    def note(send: Callable[[], Any]) -> Any:
        asked.append((world.clock.now() - start).total_seconds())
        return send()

    faults.on("place_order", broken("timeout"), link="entry", times=99)
    faults.on("get_open_orders", note, link="entry", times=10)

    tell_execute(world.desk, world.add_setup().id)

    gaps = [round(later - earlier, 6) for earlier, later in pairwise(asked)]
    assert gaps[:5] == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert max(gaps) <= 1


def test_entry_whose_end_shows_before_its_executions_is_asked_for_them_alone(
    world: World, faults: Faults
) -> None:
    """An end with fills can't change any more: each further question for the row would only delay the stop."""
    asked: list[str] = []

    def note(name: str) -> Action:
        def act(send: Callable[[], Any]) -> Any:
            asked.append(name)
            return send()

        return act

    faults.on("get_executions", nothing, link="entry", times=3)
    faults.on("get_open_orders", note("row"), link="entry", times=99)
    faults.on("get_executions", note("executions"), link="entry", times=99)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert faults.met[:5] == ["get_open_orders", *["get_executions"] * 3, "get_executions"]
    assert asked == ["row", "executions"]


def test_entry_shown_as_ended_without_a_fill_is_looked_for_again(world: World, faults: Faults) -> None:
    """Its fills may surface after its end, in its row too."""

    def unfilled(send: Callable[[], Any]) -> Any:
        body = send()
        row = body["result"]["list"][0] | {"orderStatus": "Cancelled", "cumExecQty": "0", "cumExecValue": "0"}
        return body | {"result": body["result"] | {"list": [row]}}

    faults.on("get_open_orders", unfilled, link="entry")
    faults.on("get_executions", nothing, link="entry", times=5)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert (told.exit_code, only_trade(world).status) == (0, TradeStatus.OPEN)
