"""Nothing waits longer than 30 s inside one command, however many trades it works on; no naked trade is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.exchange.paper.state import Lag
from botbox_cli.exchange.paper.terms import Terms
from botbox_cli.services.execute import execute, execute_approved
from botbox_cli.services.flatten import NotClosed, flatten
from botbox_cli.services.monitor import monitor
from botbox_cli.services.reconcile import reconcile
from botbox_cli.services.trades import list_trades
from tests.support.faults import LOOK_UPS, READS, Action, Faults, after, broken, silence, then
from tests.support.verdict import exit_code_of, open_trade, orders_of, settle, truth
from tests.support.world import World, a_world
from tests.unit.services.test_protect_stop import by_hand, live_stops

LIMIT = timedelta(seconds=30)
ALWAYS = 9999
SENDS = "place_order cancel_order"


def open_trades(world: World, count: int, *, naked: bool = False) -> None:
    for _ in range(count):
        open_trade(world)
    for link in live_stops(world) if naked else []:
        by_hand(world, "cancel", orderLinkId=link, orderFilter="tpslOrder")


@contextmanager
def in_time(world: World) -> Iterator[None]:
    started = world.clock.now()
    yield
    assert world.clock.now() - started <= LIMIT


def slow(world: World, seconds: float) -> Action:
    """Everything is answered, after a while."""
    return then(lambda: world.pass_time(min(seconds, world.session.patience_s)))


@pytest.mark.parametrize("count", [1, 4, 8])
@pytest.mark.parametrize("silent", [SENDS, f"{SENDS} {LOOK_UPS}"], ids=["sends", "sends and look-ups"])
def test_pass_over_naked_trades_tries_each_of_them_in_time(
    world: World, faults: Faults, count: int, silent: str
) -> None:
    open_trades(world, count, naked=True)
    faults.on(silent, silence(world), link="bb-", times=ALWAYS)

    with in_time(world):
        result = monitor(world.desk)

    assert exit_code_of(result) == (10 if silent == SENDS else 6)
    if silent == SENDS:  # Unless they are seen gone, no other may be sent beside the stops of before.
        assert len([o for o in orders_of(world, Role.STOP) if o.attempt > 1 and o.sends]) == count
    assert settle(world, faults) == []


def test_first_of_many_is_given_the_time_that_a_lost_answer_takes(world: World, faults: Faults) -> None:
    open_trades(world, 8, naked=True)
    faults.on("place_order", broken("timeout"), link="-stop")

    with in_time(world):
        result = monitor(world.desk)

    assert exit_code_of(result) == 0
    assert len(live_stops(world)) == 8


def test_naked_trade_comes_before_those_at_their_target(world: World, faults: Faults) -> None:
    open_trades(world, 3)
    by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
    with world.store.write(world.account) as books:
        books.update_trade(1, take_profit_1=Decimal(100_000))
    world.set_price("BTCUSDT", "62500")
    faults.on("cancel_order", silence(world), times=ALWAYS)

    with in_time(world):
        monitor(world.desk)

    assert "bb-test01-1-stop2" in live_stops(world)


def test_trades_at_their_target_keep_their_stops_while_the_exchange_is_silent(
    world: World, faults: Faults
) -> None:
    open_trades(world, 8)
    world.set_price("BTCUSDT", "62500")
    faults.on(SENDS, silence(world), times=ALWAYS)

    with in_time(world):
        result = monitor(world.desk)

    assert exit_code_of(result) == 7
    assert len(live_stops(world)) == 8
    assert settle(world, faults) == []


@pytest.mark.parametrize("late_s", [0.5 * n for n in range(8)])
def test_exit_is_not_begun_that_views_so_late_would_not_show_in_time(late_s: float) -> None:
    terms = Terms(match_delay_ms=30, cancel_delay_ms=1500, lag=Lag(realtime_ms=900, executions_ms=2500))
    with a_world(terms=terms) as world:
        open_trades(world, 8)
        world.pass_time(60)
        world.set_price("BTCUSDT", "62500")
        Faults(world).on("get_tickers", then(lambda: world.pass_time(late_s)))

        result = monitor(world.desk)

        assert exit_code_of(result) in (0, 6)
        statuses = {v.trade.status for v in list_trades(world.store, world.account)}
        assert statuses <= {TradeStatus.OPEN, TradeStatus.CLOSED}


@pytest.mark.parametrize("action", [silence, lambda world: after(silence(world))], ids=["before", "after"])
def test_close_all_ends_in_time_and_leaves_the_stops_of_what_it_did_not_begin(
    world: World, faults: Faults, action: Any
) -> None:
    open_trades(world, 4)
    faults.on(SENDS, action(world), times=ALWAYS)

    with in_time(world):
        results = flatten(world.desk)

    assert [r.error.exit_code for r in results if r.error is not None][-1] == 6
    assert live_stops(world)
    assert settle(world, faults) == []


def test_close_all_with_a_silent_exchange_ends_in_time(world: World, faults: Faults) -> None:
    open_trades(world, 8)
    faults.on(f"{SENDS} {READS}", silence(world), times=ALWAYS)

    with in_time(world):
        results = flatten(world.desk)

    assert {r.error.exit_code for r in results if r.error} == {6}
    assert settle(world, faults) == []


def test_close_all_of_a_slow_exchange_goes_on_where_it_ended(world: World, faults: Faults) -> None:
    open_trades(world, 4)
    faults.on(f"{SENDS} {READS}", slow(world, 1.5), times=ALWAYS)

    for _ in range(4):
        with in_time(world):
            results = flatten(world.desk)
        not_closed = [r for r in results if isinstance(r, NotClosed) or not r.success]
        if not not_closed:
            break

    assert {v.trade.status for v in list_trades(world.store, world.account)} == {TradeStatus.CLOSED}


@pytest.mark.parametrize("action", [silence, lambda world: after(silence(world))], ids=["before", "after"])
def test_execute_approved_ends_in_time_and_enters_no_more_than_it_can_see_through(
    world: World, faults: Faults, action: Any
) -> None:
    for _ in range(4):
        world.add_setup()
    faults.on("place_order", action(world), times=ALWAYS)

    with in_time(world):
        results = execute_approved(world.desk)

    assert len(results) == 4
    refused = [e for r in results if isinstance(r, tuple) and (e := r[1])]
    assert refused
    assert {e.exit_code for e in refused} <= {6, 7}
    assert settle(world, faults) == []


def test_what_an_earlier_process_left_behind_leaves_no_time_for_an_entry(
    world: World, faults: Faults
) -> None:
    open_trades(world, 4, naked=True)
    faults.on("place_order", silence(world), link="-stop", times=ALWAYS)
    monitor(world.desk)
    setup = world.add_setup()
    before = len(truth(world).orders)

    with in_time(world), pytest.raises(Exception, match="no time"):
        execute(world.desk, setup.id)

    assert len(truth(world).orders) == before


def test_reconcile_ends_in_time(world: World, faults: Faults) -> None:
    open_trades(world, 4, naked=True)
    faults.on("place_order", silence(world), times=ALWAYS)

    with in_time(world):
        reconcile(world.desk, apply=True)

    assert settle(world, faults) == []
