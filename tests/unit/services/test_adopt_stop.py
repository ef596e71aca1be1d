"""`trade ID --adopt-stop`: a stop that was moved by hand becomes the recorded one, if it protects the position."""

from __future__ import annotations

from decimal import Decimal

import pytest

from botbox_cli.domain.trade import Trade
from botbox_cli.errors import Conflict, Denied, NotFound
from botbox_cli.services.adopt_stop import adopt_stop
from botbox_cli.services.close import close
from botbox_cli.services.monitor import monitor
from tests.support.verdict import only_trade, open_trade, settle, truth
from tests.support.world import World
from tests.unit.services.test_protect_stop import by_hand, live_stops

STOP = "bb-test01-1-stop1"


@pytest.fixture
def trade(world: World) -> Trade:
    return open_trade(world)


def test_stop_moved_by_hand_becomes_the_recorded_one(world: World, trade: Trade) -> None:
    by_hand(world, "amend", orderLinkId=STOP, triggerPrice="59000")

    adopted = adopt_stop(world.desk, trade.id)
    result = monitor(world.desk)

    assert (adopted.stop_loss, adopted.initial_stop) == (Decimal(59000), Decimal(58000))
    assert [t.action for t in result.trades] == ["none"]
    assert live_stops(world) == [STOP]
    assert truth(world).by_link[STOP].trigger == Decimal(59000)
    assert settle(world) == []


def test_adopted_stop_is_armed_again_at_its_new_level(world: World, trade: Trade) -> None:
    by_hand(world, "amend", orderLinkId=STOP, triggerPrice="59000")
    adopt_stop(world.desk, trade.id)
    by_hand(world, "cancel", orderLinkId=STOP, orderFilter="tpslOrder")

    monitor(world.desk)

    [stop] = live_stops(world)
    assert truth(world).by_link[stop].trigger == Decimal(59000)
    assert settle(world) == []


def test_stop_that_does_not_protect_is_not_adopted(world: World, trade: Trade) -> None:
    """Moved above the price: it would sell on a rise."""
    by_hand(world, "amend", orderLinkId=STOP, triggerPrice="61000")

    with pytest.raises(Denied, match="does not protect"):
        adopt_stop(world.desk, trade.id)

    assert only_trade(world).stop_loss == trade.stop_loss
    assert settle(world) == []


def test_stop_that_is_gone_is_not_adopted(world: World, trade: Trade) -> None:
    by_hand(world, "cancel", orderLinkId=STOP, orderFilter="tpslOrder")

    with pytest.raises(NotFound, match="no stop alive"):
        adopt_stop(world.desk, trade.id)

    assert settle(world) == []


def test_closed_trade_has_no_stop_to_adopt(world: World, trade: Trade) -> None:
    close(world.desk, trade.id)

    with pytest.raises(Conflict, match="CLOSED"):
        adopt_stop(world.desk, trade.id)
