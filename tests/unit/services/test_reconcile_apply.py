"""What `reconcile --apply` mends is mended when it returns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.execute import execute
from botbox_cli.services.reconcile import reconcile
from botbox_cli.services.trades import one_trade
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


def test_a_stop_that_fired_is_booked_to_its_end(world: World) -> None:
    world.set_price("BTCUSDT", "57900")
    world.pass_time(60)

    result = reconcile(world.desk, apply=True)

    assert result.differences == ()
    view = one_trade(world.store, world.account, 1)[0]
    assert (view.trade.status, view.trade.close_reason) == (TradeStatus.CLOSED, "Stop loss hit")
