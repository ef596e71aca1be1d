"""A stop that ended without a fill so long ago that the exchange knows nothing of it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from botbox_cli.services.trades import one_trade
from tests.support.faults import Faults, code
from tests.support.world import World, a_world
from tests.unit.services.test_protect_stop import by_hand, live_stops


def forget_stop(world: World) -> None:
    """Cancel the stop by hand, and let the exchange forget it while the machine is off."""
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    world.pass_time(1)
    world.engine.restart()
    world.pass_time(timedelta(days=2).total_seconds())


def test_stop_forgotten_while_the_machine_was_off_is_armed_again_by_two_passes() -> None:
    with a_world() as world:
        trade_id = execute(world.desk, world.add_setup().id).trade.trade.id
        forget_stop(world)

        monitor(world.desk)
        result = monitor(world.desk)

        assert not result.errors
        view, book, _ = one_trade(world.store, world.account, trade_id)
        assert view.trade.status is TradeStatus.OPEN
        assert [o.status for o in book.of_role(Role.STOP)] == [OrderStatus.CANCELLED, OrderStatus.WORKING]


@pytest.mark.parametrize("number", [110001, 110008, 110010, 170142, 170143, 170190, 170213])
def test_whatever_word_the_cancel_has_for_finished_the_wallet_shows_that_nothing_was_sold(
    number: int,
) -> None:
    with a_world() as world:
        execute(world.desk, world.add_setup().id)
        forget_stop(world)
        Faults(world).on("cancel_order", code(number), times=9)

        monitor(world.desk)

        assert not monitor(world.desk).errors
        assert live_stops(world) == ["bb-test01-1-stop2"]


def test_finished_stop_is_not_taken_for_forgotten_while_coins_are_missing() -> None:
    """A word for any end does not say that nothing was sold, and the wallet says that something is gone."""
    with a_world() as world:
        execute(world.desk, world.add_setup().id)
        forget_stop(world)
        world.engine._books.begin().ledger.of("BTC").wallet -= Decimal("0.01")
        Faults(world).on("cancel_order", code(110008), times=9)

        codes = []
        for _ in range(3):
            codes.append(monitor(world.desk).errors[0].error.exit_code)
            world.pass_time(61)

        assert codes == [10, 10, 10]
        assert live_stops(world) == []


def test_stop_that_the_cancel_calls_filled_is_not_taken_for_forgotten() -> None:
    with a_world() as world:
        execute(world.desk, world.add_setup().id)
        forget_stop(world)
        Faults(world).on("cancel_order", code(170139), times=9)

        assert [monitor(world.desk).errors[0].error.exit_code for _ in range(3)] == [10, 10, 10]
