"""A position larger than the exchange takes at once: its rules were changed after the entry, or nobody can say why."""

from __future__ import annotations

from decimal import Decimal

import pytest

from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import CLOSED_BY_HAND, STOP_FAILED, STOP_LOSS_HIT, TradeStatus
from botbox_cli.exchange.paper.protocol import Request
from botbox_cli.services.desk import Policy
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from botbox_cli.services.reconcile import reconcile
from tests.support.faults import Faults, code
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
from tests.unit.services.test_pair_rules import change_rules
from tests.unit.services.test_protect_stop import by_hand, live_stops
from tests.unit.services.test_shorts import LEVELS

HELD = Decimal("0.016649")
TOO_LARGE = (170124, 170135, 170341, 170381, 170382, 170197, 170198, 170228, 170229)


def cancel_stop(world: World, number: int = 1) -> None:
    by_hand(world, "cancel", orderLinkId=f"bb-test01-1-stop{number}", orderFilter="tpslOrder")


def refuse_above(faults: Faults, limit: str, link: str, number: int = 170381) -> None:
    """The exchange refuses orders above a limit that its rules don't tell."""
    faults.on(
        "place_order",
        code(number),
        link=link,
        times=99,
        where=lambda params: Decimal(params["qty"]) > Decimal(limit),
    )


def exits(world: World) -> list[Decimal]:
    sent = [truth(world).by_link.get(o.order_link_id) for o in orders_of(world, Role.EXIT)]
    return [order.filled for order in sent if order is not None]


# -- planning


def test_short_is_no_larger_than_what_can_be_bought_back_at_once(world: World) -> None:
    world.engine.handle(Request("POST", "/v5/spot-margin-trade/switch-mode", {"spotMarginMode": "1"}))
    change_rules(world, maxMarketOrderQty="0.01")
    desk = world.new_desk("shorts", shorts=True)

    outcome = execute(desk, world.add_setup(**LEVELS).id)

    assert outcome.error is None
    [stop] = orders_of(world, Role.STOP)
    assert outcome.trade.position.entered < stop.qty <= Decimal("0.01")


# -- leaving


@pytest.mark.parametrize("largest", ["0.016", "0.01", "0.005", "0.0012"])
def test_close_sells_in_as_many_orders_as_the_exchange_wants(world: World, largest: str) -> None:
    trade = open_trade(world)
    change_rules(world, maxMarketOrderQty=largest)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert (told.exit_code, told.success) == (0, True)
    assert sum(exits(world)) == HELD
    assert max(exits(world)) <= Decimal(largest)
    assert only_trade(world).close_reason == CLOSED_BY_HAND
    assert settle(world) == []


@pytest.mark.parametrize("number", TOO_LARGE)
def test_close_goes_on_in_halves_where_no_rule_tells_what_is_too_large(
    world: World, faults: Faults, number: int
) -> None:
    trade = open_trade(world)
    refuse_above(faults, "0.003", "exit", number)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert (told.exit_code, told.success) == (0, True)
    assert sum(exits_filled := [e for e in exits(world) if e]) == HELD
    assert max(exits_filled) <= Decimal("0.003")
    assert settle(world, faults) == []


def test_order_that_is_too_large_at_any_size_is_given_up(world: World, faults: Faults) -> None:
    trade = open_trade(world)
    faults.on("place_order", code(170381), link="exit", times=99)

    told = told_truly(world, lambda: tell_close(world.desk, trade.id))

    assert told.exit_code == 5
    assert len(live_stops(world)) == 1
    assert settle(world, faults) == []


def test_target_is_taken_in_parts(world: World) -> None:
    open_trade(world)
    change_rules(world, maxMarketOrderQty="0.01")
    world.set_price("BTCUSDT", "62500")

    assert exit_code_of(monitor(world.desk)) == 0

    assert only_trade(world).status is TradeStatus.CLOSED
    assert sum(exits(world)) == HELD
    assert settle(world) == []


# -- stops


def test_stop_covers_as_much_as_one_order_may_and_each_pass_says_what_is_bare(world: World) -> None:
    open_trade(world)
    cancel_stop(world)
    change_rules(world, maxMarketOrderQty="0.01")

    codes = [exit_code_of(monitor(world.desk)) for _ in range(3)]

    assert codes == [10, 10, 10]
    [alive] = live_stops(world)
    assert truth(world).by_link[alive].qty == Decimal("0.01")
    assert "0.01 of 0.016649 BTC" in only_trade(world).detail
    assert len(orders_of(world, Role.STOP)) <= 3, (
        "a stop that is as large as can be is not replaced on each pass"
    )


def test_stop_is_as_large_as_is_taken_where_no_rule_tells(world: World, faults: Faults) -> None:
    open_trade(world)
    cancel_stop(world)
    refuse_above(faults, "0.005", "stop")

    codes = [exit_code_of(monitor(world.desk)) for _ in range(3)]

    assert codes == [10, 10, 10]
    [alive] = live_stops(world)
    assert Decimal("0.004") < truth(world).by_link[alive].qty <= Decimal("0.005")
    assert len([o for o in orders_of(world, Role.STOP) if o.exchange_order_id]) == 2


@pytest.mark.parametrize("number", TOO_LARGE)
def test_stop_that_is_called_too_large_once_is_tried_again_in_full(
    world: World, faults: Faults, number: int
) -> None:
    faults.on("place_order", code(number), link="stop")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert (told.exit_code, told.success) == (0, True)
    [alive] = live_stops(world)
    assert truth(world).by_link[alive].qty == HELD
    assert settle(world, faults) == []


def test_stop_covers_all_again_once_the_exchange_takes_it(world: World) -> None:
    open_trade(world)
    cancel_stop(world)
    change_rules(world, maxMarketOrderQty="0.01")
    monitor(world.desk)
    change_rules(world, maxMarketOrderQty="1")
    world.store.save_instruments(
        world.account.venue, list(world.desk.exchange.instruments("BTCUSDT").values()), world.clock.now()
    )

    assert exit_code_of(monitor(world.desk)) == 0
    [alive] = live_stops(world)
    assert truth(world).by_link[alive].qty == HELD
    assert only_trade(world).detail == ""
    assert settle(world) == []


def test_what_the_stop_did_not_cover_is_sold_when_it_has_fired(world: World) -> None:
    open_trade(world)
    cancel_stop(world)
    change_rules(world, maxMarketOrderQty="0.01")
    monitor(world.desk)
    world.set_price("BTCUSDT", "57900")
    world.pass_time(1)

    monitor(world.desk)

    trade = only_trade(world)
    assert (trade.status, trade.close_reason) == (TradeStatus.CLOSED, STOP_LOSS_HIT)
    assert settle(world) == []


def test_position_that_one_stop_can_not_cover_is_closed_if_the_person_wants_it() -> None:
    with a_world(policy=Policy(close_when_stop_fails=True)) as world:
        open_trade(world)
        cancel_stop(world)
        change_rules(world, maxMarketOrderQty="0.01")

        assert exit_code_of(monitor(world.desk)) == 0

        assert (only_trade(world).status, only_trade(world).close_reason) == (TradeStatus.CLOSED, STOP_FAILED)
        assert settle(world) == []


def test_entry_whose_stop_is_refused_in_full_says_that_a_part_is_bare(world: World, faults: Faults) -> None:
    refuse_above(faults, "0.01", "stop")

    told = told_truly(world, lambda: tell_execute(world.desk, world.add_setup().id))

    assert (told.exit_code, told.success) == (10, True)
    assert len(live_stops(world)) == 1


# -- comparing


def test_reconcile_says_what_to_do_about_the_part_that_has_no_stop(world: World) -> None:
    open_trade(world)
    cancel_stop(world)
    change_rules(world, maxMarketOrderQty="0.01")
    monitor(world.desk)

    [difference] = reconcile(world.desk).differences

    assert difference.kind == "stop_differs"
    assert "close 1" in difference.remedy
    assert "adopt" not in difference.remedy


def test_stop_for_what_is_left_of_the_coins_is_right(world: World) -> None:
    open_trade(world)
    cancel_stop(world)
    world.engine._books.begin().ledger.of("BTC").wallet -= Decimal("0.01")
    assert exit_code_of(monitor(world.desk)) == 8

    differences = reconcile(world.desk).differences

    assert [d.kind for d in differences] == ["position_smaller"]


def test_coins_that_no_order_could_sell_are_no_difference(world: World) -> None:
    open_trade(world)
    wallet = world.engine._books.begin().ledger.of("BTC")
    too_little = wallet.wallet % Decimal("0.000001")
    wallet.wallet -= too_little

    assert too_little > 0
    assert reconcile(world.desk).differences == ()


def test_stop_for_what_is_left_beside_another_trades_coins_is_right(world: World) -> None:
    open_trade(world)
    open_trade(world)
    cancel_stop(world)
    world.engine._books.begin().ledger.of("BTC").wallet -= Decimal("0.01")
    assert exit_code_of(monitor(world.desk)) == 8

    differences = reconcile(world.desk).differences

    assert [d.kind for d in differences] == ["position_smaller"]


@pytest.mark.parametrize(
    ("change", "has_adopt"),
    [({"qty": "0.01"}, False), ({"triggerPrice": "58500"}, True)],
    ids=["qty", "price"],
)
def test_remedy_of_a_stop_that_was_changed_by_hand_fits_the_change(
    world: World, change: dict[str, str], has_adopt: bool
) -> None:
    open_trade(world)
    by_hand(world, "amend", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder", **change)

    [difference] = reconcile(world.desk).differences

    assert difference.kind == "stop_differs"
    assert "monitor" in difference.remedy
    assert ("adopt" in difference.remedy) is has_adopt
    assert exit_code_of(monitor(world.desk)) == 0
    assert reconcile(world.desk).differences == ()


def test_stop_after_a_part_was_taken_at_the_target_is_right(world: World) -> None:
    desk = world.new_desk("parts", tp1_fraction=Decimal("0.5"))
    told = tell_execute(desk, world.add_setup().id)
    world.pass_time(60)
    world.set_price("BTCUSDT", "62500")
    assert exit_code_of(monitor(desk)) == 0

    assert told.exit_code == 0
    assert only_trade(world).tp1_done
    assert reconcile(desk).differences == ()
