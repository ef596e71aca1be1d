"""A database restored from an older copy of itself meets the orders of its own future, by the same ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal

import pytest

from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.close import close
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from tests.support.faults import LOOK_UPS, Faults, code
from tests.support.process import Process, at, die
from tests.support.verdict import only_trade, open_trade, settle, tell_execute, truth
from tests.support.world import World, a_world
from tests.unit.services.test_protect_stop import by_hand


def test_order_of_an_earlier_life_is_never_taken_for_ours() -> None:
    with a_world() as world:
        close(world.desk, execute(world.desk, world.add_setup().id).trade.trade.id)
        world.pass_time(3600)
        _, before = world.engine.look()
        restored = World()
        try:
            restored.session.engine = world.engine
            restored.clock.sleep(3600)

            outcome = execute(restored.desk, restored.add_setup().id)
            monitor(restored.desk)

            assert not outcome.success
            assert outcome.error is not None
            assert outcome.error.exit_code == 5
            assert (
                outcome.error.hint
                == "setup 1 may have been traded already: `botbox reconcile` shows what these books lack"
            )
            assert outcome.trade.trade.status is TradeStatus.FAILED
            assert outcome.trade.position.entered == 0
            assert world.engine.look()[1] == before
        finally:
            restored.close()


@contextmanager
def put_back(world: World) -> Iterator[None]:
    """Copy the books at the start, and put that copy back at the end."""
    connection = world.store.database._connections.take()
    with closing(sqlite3.connect(":memory:")) as kept:
        connection.backup(kept)
        yield
        kept.backup(connection)


@pytest.fixture
def rich() -> Iterator[World]:
    """An account with a coin of its own: what is armed or sold beside an order that was lost would meet that."""
    with a_world(balances={"USDT": Decimal(10000), "BTC": Decimal(1)}) as world:
        yield world


def without_stop(world: World) -> None:
    """Enter, and put back a copy of the books that was made while the entry was under way."""
    process = Process(world.desk, world.session, "doomed", at("told place_order", die))
    process.run(lambda desk: execute(desk, world.add_setup().id))
    world.pass_time(16)
    with put_back(world):
        monitor(world.new_desk("pass"))
        assert [o.status for o in truth(world).orders] == ["Filled", "Untriggered"]
    world.pass_time(60)


def coins(world: World) -> Decimal:
    return truth(world).wallet["BTC"]


def test_stop_that_the_copy_lacks_is_taken_over_and_none_is_armed_beside_it(rich: World) -> None:
    without_stop(rich)

    result = monitor(rich.new_desk("restored"))

    assert not result.errors
    assert [o.link for o in truth(rich).orders if o.is_open] == ["bb-test01-1-stop1"]
    assert settle(rich) == []


def test_stop_that_fired_since_the_copy_ends_the_trade_and_nothing_else_is_sold(rich: World) -> None:
    without_stop(rich)
    rich.set_price("BTCUSDT", "57900")
    rich.pass_time(1)

    monitor(rich.new_desk("restored"))

    assert only_trade(rich).status is TradeStatus.CLOSED
    assert coins(rich) >= 1
    assert settle(rich) == []


@pytest.mark.parametrize("price", ["57000", "60000", "63000"])
def test_trade_that_was_closed_since_the_copy_is_not_sold_again(rich: World, price: str) -> None:
    trade = open_trade(rich)
    with put_back(rich):
        assert close(rich.desk, trade.id).success
    rich.set_price("BTCUSDT", price)
    rich.pass_time(3600)

    monitor(rich.new_desk("restored"))

    assert only_trade(rich).status is TradeStatus.CLOSED
    assert coins(rich) >= 1
    assert settle(rich) == []


def test_sale_since_the_copy_that_could_not_be_looked_up_at_first_is_found_by_a_later_pass(
    rich: World,
) -> None:
    trade = open_trade(rich)
    with put_back(rich):
        assert close(rich.desk, trade.id).success
    rich.pass_time(3600)
    faults = Faults(rich)
    faults.on(LOOK_UPS, code(10016), link="-exit1", times=99)
    assert [e.error.exit_code for e in monitor(rich.new_desk("restored")).errors] == [6]
    faults.clear()
    rich.pass_time(3600)

    monitor(rich.new_desk("later"))

    assert only_trade(rich).status is TradeStatus.CLOSED
    assert coins(rich) >= 1
    assert settle(rich) == []


def test_half_that_was_sold_since_the_copy_is_booked(rich: World) -> None:
    desk = rich.new_desk("desk", tp1_fraction=Decimal("0.5"))
    open_trade(rich)
    with put_back(rich):
        rich.set_price("BTCUSDT", "62000")
        monitor(desk)
        assert only_trade(rich).tp1_done
    rich.set_price("BTCUSDT", "60500")
    rich.pass_time(3600)

    monitor(rich.new_desk("restored"))

    assert settle(rich) == []
    assert coins(rich) >= 1


@pytest.mark.parametrize("since", ["closed", "stop fired", "half sold", "stop moved"])
def test_close_after_a_copy_was_put_back_sells_no_more_than_is_held(rich: World, since: str) -> None:
    desk = rich.new_desk("desk", tp1_fraction=Decimal("0.5"))
    trade = open_trade(rich)
    with put_back(rich):
        if since == "closed":
            close(desk, trade.id)
        elif since == "half sold":
            rich.set_price("BTCUSDT", "62000")
            monitor(desk)
        elif since == "stop fired":
            rich.set_price("BTCUSDT", "57900")
            rich.pass_time(1)
            monitor(desk)
        else:
            by_hand(rich, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
            monitor(desk)
    rich.set_price("BTCUSDT", "60500")
    rich.pass_time(3600)

    first = close(rich.new_desk("restored"), trade.id)
    if first.error is not None:
        monitor(rich.new_desk("pass"))
        close_again = close(rich.new_desk("again"), trade.id)
        assert close_again.error is None

    assert only_trade(rich).status is TradeStatus.CLOSED
    assert coins(rich) >= 1
    assert settle(rich) == []


def test_next_entry_settles_the_trade_with_the_stop_that_it_has(rich: World) -> None:
    without_stop(rich)

    told = tell_execute(rich.new_desk("restored"), rich.add_setup().id)

    assert told.exit_code == 0
    assert [o.link for o in truth(rich).orders if o.is_open] == ["bb-test01-1-stop1", "bb-test01-2-stop1"]
    assert settle(rich) == []
