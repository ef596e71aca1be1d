"""A stop that ended without a fill so long ago that the exchange knows nothing of it."""

from __future__ import annotations

from datetime import timedelta

from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.exchange.paper.protocol import Request
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from botbox_cli.services.trades import one_trade
from tests.support.world import a_world


def test_stop_forgotten_while_the_machine_was_off_is_armed_again_by_two_passes() -> None:
    with a_world() as world:
        trade_id = execute(world.desk, world.add_setup().id).trade.trade.id
        gone = {
            "category": "spot",
            "symbol": "BTCUSDT",
            "orderLinkId": "bb-test01-1-stop1",
            "orderFilter": "tpslOrder",
        }
        world.engine.handle(Request("POST", "/v5/order/cancel", gone))
        world.engine.restart()
        world.pass_time(timedelta(days=2).total_seconds())

        monitor(world.desk)
        result = monitor(world.desk)

        assert not result.errors
        view, book, _ = one_trade(world.store, world.account, trade_id)
        assert view.trade.status is TradeStatus.OPEN
        assert [o.status for o in book.of_role(Role.STOP)] == [OrderStatus.CANCELLED, OrderStatus.WORKING]
