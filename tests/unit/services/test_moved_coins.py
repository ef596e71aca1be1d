"""Coins of botbox's that were moved away or spent without a sale: what is left stays protected and can be sold."""

from __future__ import annotations

from decimal import Decimal

import pytest

from botbox_cli.domain.order import Role, Side
from botbox_cli.domain.trade import CLOSED_BY_HAND, STOP_LOSS_HIT, TAKE_PROFIT_HIT, TradeStatus
from botbox_cli.exchange.paper.state import Lag
from botbox_cli.exchange.paper.trading import Terms
from botbox_cli.services.monitor import monitor
from tests.support.faults import Faults, code, nothing
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
from tests.support.world import World, a_world
from tests.unit.services.test_leave_exit import sell_by_hand
from tests.unit.services.test_protect_stop import by_hand, live_stops


def move_away(world: World, qty: str, *, stop: str = "bb-test01-1-stop1") -> None:
    """Cancel the stop and move coins to another account, which leaves no execution."""
    by_hand(world, "cancel", orderLinkId=stop, orderFilter="tpslOrder")
    world.engine._books.begin().ledger.of("BTC").wallet -= Decimal(qty)


def held(world: World) -> Decimal:
    return world.engine._books.begin().ledger.of("BTC").wallet


def test_stop_covers_what_is_left_and_each_pass_says_that_coins_are_missing(world: World) -> None:
    open_trade(world)
    before = orders_of(world, Role.STOP)[0].qty
    move_away(world, "0.01")

    codes = [exit_code_of(monitor(world.desk)) for _ in range(3)]

    assert codes == [8, 8, 8]
    [alive] = live_stops(world)
    assert truth(world).by_link[alive].qty == before - Decimal("0.01")
    assert len(truth(world).by_link) <= 4, "a stop that covers all there is must not be replaced on each pass"


@pytest.mark.parametrize("qty", ["0.01", "0.016649"])
def test_sale_by_hand_that_is_seen_late_is_booked_after_all(world: World, qty: str) -> None:
    """At first the coins are only missing: what is left is protected. Once the sale is seen, nothing is missing."""
    faults = Faults(world)
    open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    sell_by_hand(world, qty)
    faults.on("get_executions", nothing, times=99)

    assert exit_code_of(monitor(world.desk)) == 8
    faults.clear()

    assert exit_code_of(monitor(world.desk)) == 0
    assert settle(world) == []


def test_what_is_left_of_one_trade_is_not_what_another_holds(world: World) -> None:
    """The coins of the other trade lie beside it, locked by its stop: they can't protect this one."""
    open_trade(world)
    open_trade(world)
    first, second = [o for o in truth(world).orders if "-stop" in o.link]
    move_away(world, "0.01", stop=first.link)

    assert exit_code_of(monitor(world.desk)) == 8
    stops = [truth(world).by_link[link].qty for link in live_stops(world)]
    assert sorted(stops) == sorted([first.qty - Decimal("0.01"), second.qty])


def test_coins_that_come_back_are_covered_again(world: World) -> None:
    open_trade(world)
    before = orders_of(world, Role.STOP)[0].qty
    move_away(world, "0.01")
    monitor(world.desk)
    world.engine._books.begin().ledger.of("BTC").wallet += Decimal("0.01")

    assert exit_code_of(monitor(world.desk)) == 0
    [alive] = live_stops(world)
    assert truth(world).by_link[alive].qty == before


def test_stop_of_what_is_left_ends_the_trade_when_it_fires(world: World) -> None:
    open_trade(world)
    move_away(world, "0.01")
    monitor(world.desk)
    world.set_price("BTCUSDT", "57900")

    monitor(world.desk)

    trade = only_trade(world)
    assert (trade.status, trade.close_reason) == (TradeStatus.CLOSED, STOP_LOSS_HIT)
    assert exit_code_of(monitor(world.desk)) == 0
    assert live_stops(world) == []


def test_close_sells_what_is_left_and_ends_the_trade(world: World) -> None:
    trade = open_trade(world)
    move_away(world, "0.01")

    told = tell_close(world.desk, trade.id)

    assert (told.exit_code, told.success) == (0, True)
    assert only_trade(world).close_reason == CLOSED_BY_HAND
    assert "0.01" in only_trade(world).detail
    assert held(world) < Decimal("0.000001")
    assert live_stops(world) == []


def test_close_just_after_the_entry_sells_what_is_left_but_does_not_end_the_trade_yet(world: World) -> None:
    told = tell_execute(world.desk, world.add_setup().id)
    move_away(world, "0.01")

    assert tell_close(world.desk, told.trade_id or 0).exit_code == 8
    assert held(world) < Decimal("0.000001")
    assert only_trade(world).status is TradeStatus.OPEN
    world.pass_time(60)
    assert tell_close(world.desk, told.trade_id or 0).exit_code == 0
    assert only_trade(world).status is TradeStatus.CLOSED


def test_close_ends_a_trade_of_which_nothing_is_left(world: World) -> None:
    trade = open_trade(world)
    move_away(world, str(held(world)))
    assert exit_code_of(monitor(world.desk)) == 8

    told = tell_close(world.desk, trade.id)

    assert (told.exit_code, told.success) == (0, True)
    assert exit_code_of(monitor(world.desk)) == 0


def test_target_sells_what_is_left(world: World) -> None:
    open_trade(world)
    move_away(world, "0.01")
    monitor(world.desk)
    world.set_price("BTCUSDT", "62500")

    monitor(world.desk)

    assert only_trade(world).close_reason == TAKE_PROFIT_HIT
    assert held(world) < Decimal("0.000001")


def test_owners_coins_are_never_taken_for_those_that_are_missing() -> None:
    with a_world(balances={"USDT": Decimal(10000), "BTC": Decimal(1)}) as world:
        trade = open_trade(world)
        move_away(world, "0.5")  # Whose they were, nobody can tell: the owner's, as long as there are enough.

        assert exit_code_of(monitor(world.desk)) == 0
        assert tell_close(world.desk, trade.id).exit_code == 0
        assert held(world) >= Decimal("0.5")


def test_refusal_for_lack_of_coins_alone_ends_nothing(world: World) -> None:
    """The wallet shows all the coins: the refusal is the exchange's slip."""
    faults = Faults(world)
    trade = open_trade(world)
    faults.on("place_order", code(170131), link="exit", times=9)

    assert tell_close(world.desk, trade.id).exit_code == 5
    assert only_trade(world).status is TradeStatus.OPEN
    assert len(live_stops(world)) == 1


def test_what_stops_of_others_have_sold_unseen_is_not_taken_off_the_account_twice(world: World) -> None:
    """Their coins are gone from the wallet, and nobody has booked it yet: this trade's own coins are still there."""
    faults = Faults(world)
    first, _ = open_trade(world), open_trade(world)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    world.set_price("BTCUSDT", "50000")
    faults.on("get_executions", nothing, times=99)
    faults.on("place_order", code(170131), link="1-exit", times=9)

    assert tell_close(world.desk, first.id).exit_code != 0
    with world.store.read(world.account) as books:
        assert books.trade(first.id).status is not TradeStatus.CLOSED
    faults.clear()
    assert exit_code_of(monitor(world.desk)) == 0
    assert settle(world) == []


def test_sale_by_hand_just_before_the_exit_is_booked_with_it() -> None:
    """Its coins are gone at once, its executions show later: they are waited for before the rest is given up."""
    with a_world(terms=Terms(lag=Lag(executions_ms=2000))) as world:
        trade = open_trade(world)
        by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
        sell_by_hand(world, "0.01")

        assert tell_close(world.desk, trade.id).success
        with world.store.read(world.account) as books:
            sold = sum(f.qty for f in books.fills([trade.id]) if f.side is Side.SELL)
        assert sold == orders_of(world, Role.STOP)[0].qty
        world.pass_time(60)
        assert settle(world) == []


def test_wallet_that_lags_behind_a_fresh_entry_ends_nothing(world: World) -> None:
    """Just after the entry both the wallet and the refusal may be early: nothing is concluded from them yet."""
    faults = Faults(world)
    told = tell_execute(world.desk, world.add_setup().id)
    faults.on("place_order", code(170131), link="exit", times=9)
    faults.on("get_wallet_balance", lambda send: _without_btc(send()), times=99)

    assert tell_close(world.desk, told.trade_id or 0).exit_code != 0
    assert only_trade(world).status is TradeStatus.OPEN
    faults.clear()
    world.pass_time(60)
    assert exit_code_of(monitor(world.desk)) == 0
    assert len(live_stops(world)) == 1


def test_wallet_that_lags_is_no_reason_to_leave_a_position_without_its_stop(world: World) -> None:
    faults = Faults(world)
    open_trade(world)
    before = orders_of(world, Role.STOP)[0].qty
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    faults.on("get_wallet_balance", lambda send: _without_btc(send()), times=99)

    assert exit_code_of(monitor(world.desk)) == 0
    [alive] = live_stops(world)
    assert truth(world).by_link[alive].qty == before


def _without_btc(body: dict[str, object]) -> dict[str, object]:
    [account] = body["result"]["list"]  # type: ignore[index]
    account["coin"] = [c for c in account["coin"] if c["coin"] != "BTC"]
    return body
