"""What `reconcile --apply` mends is mended when it returns."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import inf

import pytest

from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.errors import OutcomeUnknown
from botbox_cli.services.execute import execute
from botbox_cli.services.lease import Budget
from botbox_cli.services.monitor import monitor
from botbox_cli.services.reconcile import Difference, _mend, reconcile
from botbox_cli.services.trades import one_trade
from tests.support.faults import LOOK_UPS, READS, Action, Faults, after, broken, code, then
from tests.support.verdict import open_trade, orders_of, settle
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        execute(made.desk, made.add_setup().id)
        made.pass_time(60)
        yield made


def test_a_stop_cancelled_by_hand_is_armed_again(world: World) -> None:
    world.session.cancel_order(
        category="spot", symbol="BTCUSDT", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder"
    )

    result = reconcile(world.desk, apply=True)

    assert result.differences == ()
    assert {d.kind for d in result.applied} == {"missing_stop", "order_missing"}
    stops = [o.order for o in one_trade(world.store, world.account, 1)[0].orders if o.order.role is Role.STOP]
    assert [s.status for s in stops] == [OrderStatus.CANCELLED, OrderStatus.WORKING]


@pytest.mark.parametrize("apply", [False, True])
def test_what_another_process_does_while_both_sides_are_read_is_no_difference(
    apply: bool, world: World
) -> None:
    world.session.cancel_order(
        category="spot", symbol="BTCUSDT", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder"
    )
    faults = Faults(world)
    faults.on("get_open_orders", then(lambda: monitor(world.new_desk("cron"))))

    found = reconcile(world.desk, apply=apply)

    assert faults.met == ["get_open_orders"]
    assert (found.differences, found.applied) == ((), ())


def test_a_stop_that_fired_is_booked_to_its_end(world: World) -> None:
    world.set_price("BTCUSDT", "57900")
    world.pass_time(60)

    result = reconcile(world.desk, apply=True)

    assert result.differences == ()
    view = one_trade(world.store, world.account, 1)[0]
    assert (view.trade.status, view.trade.close_reason) == (TradeStatus.CLOSED, "Stop loss hit")


def test_an_entry_that_got_no_answer_is_taken_over_and_protected_at_once() -> None:
    with a_world() as world:
        faults = Faults(world)
        faults.on("place_order", after(broken("timeout")), link="entry")
        faults.on(LOOK_UPS, broken("timeout"), times=inf)
        error = execute(world.desk, world.add_setup().id).error
        assert error is not None
        assert error.exit_code == 7
        faults.clear()
        world.pass_time(60)

        result = reconcile(world.desk, apply=True)

        assert result.differences == ()
        orders = one_trade(world.store, world.account, 1)[0].orders
        assert [(o.order.role, o.order.status) for o in orders] == [
            (Role.ENTRY, OrderStatus.FILLED),
            (Role.STOP, OrderStatus.WORKING),
        ]


@pytest.mark.parametrize("action", [broken("reset"), code(10003), code(10001)])
def test_what_was_mended_and_can_not_be_compared_is_no_certainty(world: World, action: Action) -> None:
    world.session.cancel_order(
        category="spot", symbol="BTCUSDT", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder"
    )
    faults = Faults(world)
    faults.on("place_order", then(lambda: faults.on(READS, action, times=inf)), link="stop")

    with pytest.raises(OutcomeUnknown, match="can't be compared"):
        reconcile(world.desk, apply=True)

    assert settle(world, faults) == []


def by_hand(world: World, link: str, side: str, qty: str, **more: str) -> None:
    """Trade at market under an id of botbox's that its books do not know, as after a database was restored."""
    world.session.place_order(
        category="spot", symbol="BTCUSDT", side=side, orderType="Market", qty=qty, marketUnit="baseCoin",
        orderLinkId=link, **more,
    )  # fmt: skip


def test_a_lost_exit_that_has_filled_is_shown_and_taken_back_into_its_trade(world: World) -> None:
    world.session.cancel_order(
        category="spot", symbol="BTCUSDT", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder"
    )
    by_hand(world, "bb-test01-1-exit1", "Sell", "0.01")

    found = reconcile(world.desk)
    result = reconcile(world.desk, apply=True)

    assert [d.theirs for d in found.differences if d.kind == "unknown_order"] == [
        "sell 0.01 BTCUSDT (bb-test01-1-exit1)"
    ]
    assert result.differences == ()
    view = one_trade(world.store, world.account, 1)[0]
    exits = [o for o in view.orders if o.order.role is Role.EXIT]
    assert [(str(o.order.status), o.filled_qty) for o in exits] == [("FILLED", Decimal("0.01"))]


def test_a_lost_entry_that_has_filled_is_shown_although_no_trade_can_take_it(world: World) -> None:
    by_hand(world, "bb-test01-77-entry1", "Buy", "0.01")
    by_hand(world, "bb-other1-77-entry1", "Buy", "0.01")

    result = reconcile(world.desk, apply=True)

    [left] = result.differences
    assert (left.kind, left.trade_id, left.theirs) == (
        "unknown_order", 77, "buy 0.01 BTCUSDT (bb-test01-77-entry1)",
    )  # fmt: skip
    assert "--apply" not in left.remedy


def test_an_order_that_vanished_before_it_was_adopted_is_no_bug(world: World) -> None:
    lost = Difference(1, "unknown_order", "not in the books", "buy 0.01 BTCUSDT (bb-test01-1-exit7)", "")

    _mend(world.desk, lost, Budget(world.clock))


def test_an_order_older_than_the_trade_of_its_number_is_not_adopted(world: World) -> None:
    by_hand(world, "mine", "Buy", "0.02")
    by_hand(world, "bb-test01-2-stop9", "Sell", "0.01", orderFilter="tpslOrder", triggerPrice="50000")
    world.pass_time(60)
    open_trade(world)

    result = reconcile(world.desk, apply=True)

    [left] = [d for d in result.differences if d.kind == "unknown_order"]
    assert "--apply" not in left.remedy
    assert all(o.order_link_id != "bb-test01-2-stop9" for o in orders_of(world))
