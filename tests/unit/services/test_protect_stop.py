"""A stop under every class of answer: no position of botbox stays without one, and nobody is told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.trade import STOP_FAILED, STOP_LOSS_HIT, TradeStatus
from botbox_cli.errors import Conflict
from botbox_cli.exchange.paper.protocol import Request
from botbox_cli.exchange.paper.state import Effects, Lag
from botbox_cli.services.desk import Policy
from botbox_cli.services.lease import Budget, Work
from botbox_cli.services.monitor import monitor
from botbox_cli.services.protect import arm
from tests.support.faults import (
    LOOK_UPS,
    READS,
    Action,
    Faults,
    after,
    broken,
    code,
    first,
    http,
    nothing,
    then,
)
from tests.support.verdict import (
    exit_code_of,
    only_trade,
    open_trade,
    orders_of,
    settle,
    tell_close,
    tell_execute,
    told_truly,
    truth,
)
from tests.support.world import World, a_world
from tests.unit.services.test_settle_entry import FATAL, LANDED, LOST, NOT_TAKEN, PASSING, REFUSED


def by_hand(world: World, path: str, **params: str) -> None:
    """Do something as the owner of the account does it on the website."""
    reply = world.engine.handle(
        Request("POST", f"/v5/order/{path}", {"category": "spot", "symbol": "BTCUSDT"} | params)
    )
    assert isinstance(reply.body, dict)
    assert reply.body["retCode"] == 0, reply.body


def live_stops(world: World) -> list[str]:
    return [o.link for o in truth(world).orders if o.is_open]


# -- answers to the stop


@pytest.mark.parametrize("action", [http(502), code(10003)], ids=["away", "revoked key"])
def test_position_that_is_known_to_be_bare_is_told_though_nobody_can_look(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", code(170193), link="stop", times=99)
    assert tell_execute(world.desk, world.add_setup().id).exit_code == 10
    faults.on(READS, action, times=999)

    assert exit_code_of(monitor(world.desk)) == 10
    assert tell_close(world.desk, only_trade(world).id).exit_code == 10
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", PASSING.values(), ids=PASSING.keys())
def test_stop_that_did_not_land_at_first_is_armed_within_the_command(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", action, link="stop")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert live_stops(world) == ["bb-test01-1-stop1"]
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", LANDED.values(), ids=LANDED.keys())
def test_stop_that_landed_without_an_answer_is_found(world: World, faults: Faults, action: Action) -> None:
    faults.on("place_order", action, link="stop")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert live_stops(world) == ["bb-test01-1-stop1"]
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", REFUSED.values(), ids=REFUSED.keys())
def test_stop_refused_once_is_tried_again_under_a_new_id(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", action, link="stop")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert live_stops(world) == ["bb-test01-1-stop2"]
    assert settle(world, faults) == []


@pytest.mark.parametrize("action", (REFUSED | FATAL | NOT_TAKEN | LOST).values())
def test_stop_that_can_not_be_placed_is_shouted_about_and_armed_by_the_next_pass(
    world: World, faults: Faults, action: Action
) -> None:
    faults.on("place_order", action, link="stop", times=999)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 10
    assert told.success
    assert "no stop" in only_trade(world).detail
    assert settle(world, faults) == []
    assert len(live_stops(world)) == 1
    assert only_trade(world).detail == ""


def test_stop_that_can_not_be_placed_is_shouted_about_on_each_pass(world: World, faults: Faults) -> None:
    faults.on("place_order", code(170131), link="stop", times=999)
    tell_execute(world.desk, world.add_setup().id)

    for _ in range(3):
        world.pass_time(60)
        assert exit_code_of(monitor(world.desk)) == 10

    assert settle(world, faults) == []


def test_position_without_a_possible_stop_is_closed_if_the_person_wants_it() -> None:
    with a_world(policy=Policy(close_when_stop_fails=True)) as world:
        faults = Faults(world)
        faults.on("place_order", code(170131), link="stop", times=999)

        told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

        assert told.exit_code == 0
        assert only_trade(world).status is TradeStatus.CLOSED
        assert only_trade(world).close_reason == STOP_FAILED
        assert settle(world, faults) == []


def test_person_can_close_a_position_that_has_no_stop(world: World, faults: Faults) -> None:
    faults.on("place_order", code(170131), link="stop", times=999)
    told = tell_execute(world.desk, world.add_setup().id)

    closed = told_truly(world, lambda: tell_close(world.desk, told.trade_id or 0))

    assert closed.exit_code == 0
    assert settle(world, faults) == []


def test_stop_rejected_after_its_acceptance_is_placed_again(world: World, faults: Faults) -> None:
    faults.on("place_order", first(lambda: ending(world, reject_reason="EC_Others")), link="stop")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert settle(world, faults) == []


def ending(world: World, **effects: Any) -> None:
    """Let the next order that is made have these effects."""
    handle = world.engine.handle

    def handled(request: Request, given: Effects | None = None, at_ms: int | None = None) -> Any:
        if request.path != "/v5/order/create":
            return handle(request, given, at_ms)
        world.engine.handle = handle  # type: ignore[method-assign]
        return handle(request, Effects(**effects), at_ms)

    world.engine.handle = handled  # type: ignore[method-assign]


# -- prices that move meanwhile


def test_price_that_falls_through_the_stop_before_it_is_armed_ends_the_trade(
    world: World, faults: Faults
) -> None:
    """Armed at such a price the stop would wait for a rise: no protection at all."""
    faults.on("place_order", first(lambda: world.set_price("BTCUSDT", "57000")), link="stop")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code in (0, 10)
    if told.exit_code == 0:
        assert only_trade(world).close_reason == STOP_LOSS_HIT
    assert settle(world, faults) == []
    assert only_trade(world).status is TradeStatus.CLOSED


def test_price_that_falls_through_the_stop_before_it_is_armed_again_ends_the_trade(
    world: World, faults: Faults
) -> None:
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    faults.on("place_order", first(lambda: world.set_price("BTCUSDT", "57000")), link="stop")

    result = monitor(world.desk)

    assert only_trade(world).status is TradeStatus.CLOSED or exit_code_of(result) == 10
    assert settle(world, faults) == []


@pytest.mark.parametrize("refusal", [code(10006), code(170145), code(10003), http(502)])
def test_stop_that_waits_for_a_rise_and_can_t_be_cancelled_protects_nothing(
    world: World, faults: Faults, refusal: Action
) -> None:
    faults.on("place_order", first(lambda: world.set_price("BTCUSDT", "57000")), link="stop")
    faults.on("cancel_order", refusal, times=999)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))
    again = monitor(world.desk)

    assert (told.exit_code, exit_code_of(again)) == (10, 10)
    assert settle(world, faults) == []


def test_stop_that_fires_before_its_answer_is_read_ends_the_trade(world: World, faults: Faults) -> None:
    def crash() -> None:
        world.pass_time(0.1)
        world.set_price("BTCUSDT", "57000")
        world.pass_time(0.1)

    faults.on("place_order", then(crash), link="stop")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert only_trade(world).close_reason == STOP_LOSS_HIT
    assert settle(world, faults) == []


def test_stop_that_fills_in_part_leaves_nothing_behind(world: World, faults: Faults) -> None:
    faults.on("place_order", first(lambda: ending(world, fill_fraction=Decimal("0.4"))), link="stop")
    open_trade(world)
    world.set_price("BTCUSDT", "57900")
    world.pass_time(1)

    monitor(world.desk)

    assert only_trade(world).status is TradeStatus.CLOSED
    assert only_trade(world).close_reason == STOP_LOSS_HIT
    assert [o.status for o in orders_of(world, Role.STOP)] == [OrderStatus.PARTIAL_CANCELLED]
    assert settle(world, faults) == []


# -- the owner's hand


def test_stop_cancelled_by_hand_is_told_and_armed_again(world: World) -> None:
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")

    result = monitor(world.desk)

    assert result.trades[0].action == "stop_armed"
    assert "cancelled outside botbox" in result.trades[0].detail
    assert live_stops(world) == ["bb-test01-1-stop2"]
    assert settle(world) == []


@pytest.mark.parametrize(("field", "value"), [("triggerPrice", "50000"), ("qty", "0.001")])
def test_stop_changed_by_hand_is_told_and_put_back(world: World, field: str, value: str) -> None:
    open_trade(world)
    by_hand(world, "amend", orderLinkId="bb-test01-1-stop1", **{field: value})

    result = monitor(world.desk)

    assert "it was replaced" in result.trades[0].detail
    assert settle(world) == []


def test_stop_that_the_exchange_has_forgotten_is_armed_again_once_it_is_certain(
    world: World, faults: Faults
) -> None:
    """Cancelled by hand more than a day ago: it is nowhere any more, and nothing says why."""
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    world.pass_time(25 * 3600)
    faults.on(LOOK_UPS, nothing, link="stop1", times=999)
    faults.on("cancel_order", code(170213), link="stop1", times=999)

    assert exit_code_of(monitor(world.desk)) == 10
    world.pass_time(60)
    assert exit_code_of(monitor(world.desk)) == 0

    assert live_stops(world) == ["bb-test01-1-stop2"]
    assert settle(world) == []


def test_stop_that_is_nowhere_is_not_forgotten_while_a_cancel_calls_it_filled(rich: World) -> None:
    faults = Faults(rich)
    open_trade(rich)
    rich.set_price("BTCUSDT", "57900")
    rich.pass_time(120)
    faults.on("get_executions", nothing, times=999)
    faults.on(LOOK_UPS, nothing, link="stop1", times=999)

    for _ in range(4):
        assert exit_code_of(monitor(rich.desk)) == 10
        rich.pass_time(120)

    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []


# -- lag and silence


@pytest.fixture
def rich() -> Iterator[World]:
    """A world whose owner has a whole bitcoin of their own beside botbox's."""
    with a_world(balances={"USDT": Decimal(10000), "BTC": Decimal(1)}) as made:
        yield made


def own_coins(world: World) -> Decimal:
    return truth(world).wallet["BTC"]


@pytest.mark.parametrize("lag_s", [3, 12, 45, 120])
def test_fired_stop_whose_executions_are_late_is_not_sold_a_second_time(rich: World, lag_s: int) -> None:
    """The order says "filled" long before its executions can be read. The owner's own coins must not pay for it."""
    faults = Faults(rich)
    lag = Lag(executions_ms=lag_s * 1000)
    faults.on("place_order", first(lambda: ending(rich, lag=lag)), link="stop")
    open_trade(rich)
    rich.set_price("BTCUSDT", "57900")
    rich.pass_time(1)

    for _ in range(4):
        monitor(rich.desk)
        rich.pass_time(20)

    assert own_coins(rich) >= 1
    rich.pass_time(lag_s)
    assert settle(rich, faults) == []


def test_fired_stop_that_can_not_be_looked_up_is_not_sold_a_second_time(rich: World) -> None:
    faults = Faults(rich)
    open_trade(rich)
    rich.set_price("BTCUSDT", "57900")
    rich.pass_time(120)
    faults.on("get_order_history", http(502), times=999)
    faults.on("get_executions", http(502), times=999, params={"orderLinkId": "bb-test01-1-stop1"})
    faults.on("get_open_orders", http(502), times=999, params={"orderLinkId": "bb-test01-1-stop1"})

    for _ in range(3):
        monitor(rich.desk)
        rich.pass_time(20)

    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []


def test_fired_stop_is_not_sold_a_second_time_while_only_cancels_are_answered(rich: World) -> None:
    faults = Faults(rich)
    trade = open_trade(rich)
    rich.set_price("BTCUSDT", "57900")
    rich.pass_time(120)
    faults.on(LOOK_UPS, http(502), times=999)

    told_truly(rich, lambda: tell_close(rich.desk, trade.id))
    rich.pass_time(20)
    told_truly(rich, lambda: tell_close(rich.desk, trade.id))

    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []


@pytest.mark.parametrize("lag_s", [1, 5, 30])
def test_stop_that_becomes_visible_late_is_the_only_one(rich: World, lag_s: int) -> None:
    faults = Faults(rich)
    lag = Lag(realtime_ms=lag_s * 1000, history_ms=lag_s * 1000)
    faults.on("place_order", first(lambda: ending(rich, lag=lag)), link="stop")

    told = told_truly(rich, lambda: tell_execute(rich.desk, rich.add_setup().id))

    assert told.exit_code in (0, 10)
    rich.pass_time(lag_s)
    assert settle(rich, faults) == []
    assert [o.link for o in truth(rich).orders if "-stop" in o.link] == ["bb-test01-1-stop1"]


@pytest.mark.parametrize("view", ["realtime_ms", "history_ms", "executions_ms"])
@pytest.mark.parametrize("lag_ms", [400, 4000, 15000])
def test_entry_that_one_view_shows_late_is_entered_once(world: World, view: str, lag_ms: int) -> None:
    faults = Faults(world)
    faults.on("place_order", first(lambda: ending(world, lag=Lag(**{view: lag_ms}))), link="entry")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code in (0, 7)
    world.pass_time(15)
    assert settle(world, faults) == []
    assert len([o for o in truth(world).orders if "-entry" in o.link]) == 1


@pytest.mark.parametrize("lag_ms", [400, 4000])
def test_entry_without_an_answer_that_all_views_show_late_is_entered_once(world: World, lag_ms: int) -> None:
    faults = Faults(world)
    lag = Lag(lag_ms, lag_ms, lag_ms)
    faults.on("place_order", first(lambda: ending(world, lag=lag)), link="entry")
    faults.on("place_order", after(broken("timeout")), link="entry")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert settle(world, faults) == []
    assert len([o for o in truth(world).orders if "-entry" in o.link]) == 1


def test_stop_whose_id_is_an_older_order_s_is_placed_under_the_next(world: World, faults: Faults) -> None:
    faults.on("place_order", code(170141), link="stop1")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert told.exit_code == 0
    assert live_stops(world) == ["bb-test01-1-stop2"]
    assert settle(world, faults) == []


def test_stop_that_a_stale_list_still_shows_is_asked_for_anew_once_the_price_is_through_it(
    world: World, faults: Faults
) -> None:
    """It triggered and was rejected; the list of open orders is from before that."""
    faults.on("place_order", first(lambda: ending(world, reject_reason="EC_Others")), link="stop2")
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    monitor(world.desk)
    listed = world.session.get_open_orders(category="spot", limit=50)
    world.set_price("BTCUSDT", "57900")
    world.pass_time(5)
    faults.on("get_open_orders", lambda send: listed)

    result = monitor(world.desk)

    assert exit_code_of(result) == 0
    assert only_trade(world).status is TradeStatus.CLOSED
    assert settle(world, faults) == []


def test_entry_whose_emergency_exit_is_refused_but_whose_stop_is_back_is_a_success() -> None:
    """BOTBOX_ON_STOP_FAILURE=close: the stop failed, so did the exit, and then the stop could be placed after all."""
    with a_world(policy=Policy(close_when_stop_fails=True)) as world:
        faults = Faults(world)
        faults.on("place_order", code(170131), link="stop", times=3)
        faults.on("place_order", code(170131), link="exit")

        told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

        assert told.exit_code == 0
        assert told.success
        assert settle(world, faults) == []


def test_stop_that_is_nowhere_is_not_forgotten_soon_while_the_owner_has_coins_too(rich: World) -> None:
    """It has fired, and nothing shows it yet. The wallet still holds enough, but that is the owner's own."""
    faults = Faults(rich)
    open_trade(rich)
    rich.set_price("BTCUSDT", "57900")
    rich.pass_time(2)
    faults.on("get_executions", nothing, times=999)
    faults.on(LOOK_UPS, nothing, link="stop1", times=999)
    faults.on("cancel_order", code(170213), link="stop1", times=999)

    for _ in range(3):
        assert exit_code_of(monitor(rich.desk)) == 10
        rich.pass_time(5)

    assert own_coins(rich) >= 1
    assert settle(rich, faults) == []


@pytest.mark.parametrize("asked", ["get_wallet_balance", "get_executions"])
@pytest.mark.parametrize(
    "action", [http(502), code(10005), code(10001)], ids=["down", "forbidden", "refused"]
)
def test_position_gets_its_stop_though_nobody_can_tell_whether_its_coins_were_sold(
    world: World, faults: Faults, asked: str, action: Action
) -> None:
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    faults.on("place_order", code(170131), times=99)
    assert exit_code_of(monitor(world.desk)) == 10
    faults.clear()
    faults.on(asked, action, times=99, params={"orderLinkId": None})

    monitor(world.desk)

    assert len(live_stops(world)) == 1
    assert settle(world, faults) == []


def test_no_stop_is_sent_for_a_trade_that_another_process_has_closed(world: World) -> None:
    """Held up between its look and the stop, a process finds the trade ended."""
    trade = open_trade(world)
    assert tell_close(world.desk, trade.id).exit_code == 0

    with pytest.raises(Conflict):
        arm(Work(world.desk, trade.id, Budget(world.desk.clock)))
    assert len(orders_of(world, Role.STOP)) == 1
    assert settle(world) == []


def test_stop_that_the_exchange_takes_back_each_time_is_given_up(world: World, faults: Faults) -> None:
    def taken_back(send: Callable[[], Any]) -> Any:
        answer = send()
        [link] = live_stops(world)
        by_hand(world, "cancel", orderLinkId=link, orderFilter="tpslOrder")
        return answer

    faults.on("place_order", taken_back, link="stop", times=20)

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert (told.exit_code, told.success) == (10, True)
    assert len(orders_of(world, Role.STOP)) == 3
    assert settle(world, faults) == []
