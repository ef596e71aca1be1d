"""The exchange changes the rules of a pair while botbox holds it: the position is not left alone for that."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import CLOSED_BY_HAND
from botbox_cli.services.monitor import monitor
from tests.support.faults import Faults, Send, code
from tests.support.verdict import (
    exit_code_of,
    only_trade,
    open_trade,
    orders_of,
    settle,
    tell_close,
    tell_execute,
    truth,
)
from tests.support.world import World
from tests.unit.services.test_protect_stop import by_hand, live_stops


def change_rules(world: World, **changes: str) -> None:
    """Change `tickSize` or a lot size filter of BTCUSDT on the exchange."""
    rows = deepcopy(list(world.market.rows()))
    row = next(r for r in rows if r["symbol"] == "BTCUSDT")
    for name, value in changes.items():
        row["priceFilter" if name == "tickSize" else "lotSizeFilter"][name] = value
    world.market._rows = rows
    world.engine.pairs.forget()


def test_lot_that_grew_after_the_entry_leaves_the_position_protected(world: World) -> None:
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    change_rules(world, basePrecision="0.001")

    assert exit_code_of(monitor(world.desk)) == 0
    [alive] = live_stops(world)
    assert truth(world).by_link[alive].qty % Decimal("0.001") == 0
    assert exit_code_of(monitor(world.desk)) == 0
    assert live_stops(world) == [alive]


def test_tick_that_grew_after_the_entry_moves_the_stop_nearer_to_it(world: World) -> None:
    told = tell_execute(world.desk, world.add_setup(stop="58003.7").id)
    world.pass_time(60)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    change_rules(world, tickSize="10")

    assert told.exit_code == 0
    assert exit_code_of(monitor(world.desk)) == 0
    [alive] = live_stops(world)
    assert truth(world).by_link[alive].trigger == Decimal(58010)
    assert only_trade(world).initial_stop == Decimal("58003.7")
    assert settle(world) == []


def test_rules_that_change_between_entry_and_stop_do_not_leave_it_naked(world: World) -> None:
    def change_then(send: Send) -> Any:
        change_rules(world, basePrecision="0.001", tickSize="10")
        return send()

    Faults(world).on("place_order", change_then, link="stop")

    told = tell_execute(world.desk, world.add_setup(stop="58003.7").id)

    assert told.exit_code == 0
    assert len(live_stops(world)) == 1


def test_lot_that_grew_is_no_reason_to_stay_in(world: World) -> None:
    trade = open_trade(world)
    change_rules(world, basePrecision="0.001")

    told = tell_close(world.desk, trade.id)

    assert (told.exit_code, told.success) == (0, True)
    assert only_trade(world).close_reason == CLOSED_BY_HAND
    assert orders_of(world, Role.EXIT)[-1].qty % Decimal("0.001") == 0


def delist(world: World) -> None:
    world.market._rows = [r for r in world.market.rows() if r["symbol"] != "BTCUSDT"]
    world.engine.pairs.forget()


def test_pair_that_is_traded_no_more_leaves_the_position_bare_and_that_is_told(world: World) -> None:
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    delist(world)

    assert [exit_code_of(monitor(world.desk)) for _ in range(2)] == [10, 10]
    assert tell_close(world.desk, 1).exit_code == 10


def test_pair_without_a_price_is_no_such_alarm_while_the_stop_rests(world: World) -> None:
    open_trade(world)
    Faults(world).on("get_tickers", code(170121), times=99)

    assert exit_code_of(monitor(world.desk)) == 4
    assert len(live_stops(world)) == 1
