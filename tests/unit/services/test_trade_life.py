"""A trade's life on the paper exchange: entry, stop, exit, and what the books say of it."""

from __future__ import annotations

from decimal import Decimal

from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.setup import SetupStatus
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.close import close
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from botbox_cli.services.trades import one_trade
from tests.support.world import World


def test_execute_enters_once_and_protects(world: World) -> None:
    setup = world.add_setup()

    outcome = execute(world.desk, setup.id)

    assert outcome.error is None
    assert outcome.success
    assert outcome.setup.status is SetupStatus.TRIGGERED
    assert outcome.trade.trade.status is TradeStatus.OPEN
    stop = next(o for o in outcome.trade.orders if o.order.role is Role.STOP)
    assert stop.order.status is OrderStatus.WORKING
    assert stop.order.trigger_price == 58000
    assert stop.order.qty <= outcome.trade.position.held


def test_price_through_the_stop_closes_with_stop_loss_hit(world: World) -> None:
    outcome = execute(world.desk, world.add_setup().id)
    world.pass_time(60)
    world.set_price("BTCUSDT", "57900")
    world.pass_time(60)

    result = monitor(world.desk)

    assert result.closed == 1
    view, _, _ = one_trade(world.store, world.account, outcome.trade.trade.id)
    assert view.trade.close_reason == "Stop loss hit"
    assert view.pnl.pnl is not None
    assert view.pnl.pnl < 0


def test_target_closes_with_take_profit_hit(world: World) -> None:
    execute(world.desk, world.add_setup().id)
    world.pass_time(60)
    world.set_price("BTCUSDT", "62000")

    result = monitor(world.desk)

    assert [t.action for t in result.trades] == ["closed"]
    assert result.trades[0].detail == "Take profit hit"
    assert not result.errors


def test_tp1_fraction_keeps_the_rest_at_break_even(world: World) -> None:
    desk = world.new_desk("half", tp1_fraction=Decimal("0.5"))
    trade_id = execute(desk, world.add_setup().id).trade.trade.id
    world.pass_time(60)
    world.set_price("BTCUSDT", "62000")

    assert monitor(desk).trades[0].action == "partly_closed"
    view, _, _ = one_trade(world.store, world.account, trade_id)
    assert view.trade.status is TradeStatus.OPEN
    assert view.trade.stop_loss >= view.position.entry_price
    world.set_price("BTCUSDT", "64000")
    assert monitor(desk).trades[0].action == "closed"


def test_quiet_pass_asks_little(world: World) -> None:
    for _ in range(3):
        execute(world.desk, world.add_setup().id)
    world.pass_time(60)
    monitor(world.desk)
    world.session.asked.clear()

    monitor(world.desk)

    assert sum(world.session.asked.values()) <= 4


def test_close_by_hand_sells_and_cancels_the_stop(world: World) -> None:
    trade_id = execute(world.desk, world.add_setup().id).trade.trade.id

    outcome = close(world.desk, trade_id)

    assert outcome.success
    assert outcome.error is None
    assert outcome.trade.trade.close_reason == "Closed by hand"
    orders, _ = world.engine.look()
    assert all(o["orderStatus"] not in ("New", "Untriggered") for o in orders)
