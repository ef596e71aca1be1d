"""The owner's own coins beside botbox's: what they sell of their own is theirs, stop or no stop."""

from __future__ import annotations

from decimal import Decimal

import pytest

from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.monitor import monitor
from tests.support.verdict import only_trade, open_trade, orders_of, settle, truth
from tests.support.world import a_world
from tests.unit.services.test_leave_exit import sell_by_hand
from tests.unit.services.test_protect_stop import by_hand, live_stops


@pytest.mark.parametrize("qty", ["0.7", "0.01"])
def test_owners_own_coins_sold_while_our_stop_was_gone_are_not_ours(qty: str) -> None:
    with a_world(balances={"USDT": Decimal(10000), "BTC": Decimal(1)}) as world:
        open_trade(world)
        by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
        sell_by_hand(world, qty)

        monitor(world.desk)

        assert only_trade(world).status is TradeStatus.OPEN
        assert live_stops(world) == ["bb-test01-1-stop2"]
        assert orders_of(world, Role.EXIT) == []
        assert settle(world) == []


def test_sale_by_hand_pays_for_one_trade_only() -> None:
    """The coins of one trade were sold, those of the other moved away: its books must not borrow the same sale."""
    with a_world() as world:
        open_trade(world)
        open_trade(world)
        first, second = [o for o in truth(world).orders if "-stop" in o.link]
        for stop in (first, second):
            by_hand(world, "cancel", orderLinkId=stop.link, orderFilter="tpslOrder")
        sell_by_hand(world, str(first.qty))
        world.engine._books.begin().ledger.of("BTC").wallet -= second.qty

        result = monitor(world.desk)

        assert [e.error.exit_code for e in result.errors] == [8]
        assert sum(order.qty for order in orders_of(world, Role.EXIT)) == first.qty
