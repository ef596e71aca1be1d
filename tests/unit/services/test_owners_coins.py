"""The owner's own coins beside botbox's: what they sell of their own is theirs, stop or no stop."""

from __future__ import annotations

from decimal import Decimal

import pytest

from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.monitor import monitor
from tests.support.verdict import only_trade, open_trade, orders_of, settle
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
