"""A market exit that rests on the book without filling, which no healthy exchange does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botbox_cli.domain.order import OrderStatus, Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.exchange.paper.direct import DirectSession
from botbox_cli.exchange.paper.faults import FaultSchedule, FaultyExchange, Rule
from botbox_cli.services.close import close
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from botbox_cli.services.trades import one_trade
from tests.support.world import a_world


def resting(name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
    """Take the first exit as a limit order far above the market: it is accepted and stays."""
    if name == "place_order" and str(params["orderLinkId"]).endswith("exit1"):
        params.update(orderType="Limit", price="61000")
        params.pop("marketUnit")
    return send()


def test_stuck_exit_is_cancelled_and_the_stop_put_back() -> None:
    with a_world() as world:
        trade_id = execute(world.desk, world.add_setup().id).trade.trade.id
        world.session.hook = resting

        outcome = close(world.desk, trade_id)

        assert outcome.error is not None
        assert outcome.error.exit_code == 5
        view, book, _ = one_trade(world.store, world.account, trade_id)
        assert view.trade.status is TradeStatus.OPEN
        assert [o.status for o in book.of_role(Role.STOP)] == [OrderStatus.CANCELLED, OrderStatus.WORKING]


def test_stuck_exit_of_a_dead_process_is_cancelled_and_sold_anew() -> None:
    with a_world() as world:
        trade_id = execute(world.desk, world.add_setup().id).trade.trade.id
        world.session.hook = resting_then_dying
        try:
            close(world.desk, trade_id)
        except KeyboardInterrupt:
            world.session.hook = None
        world.pass_time(60)

        result = monitor(world.new_desk("another"))

        assert not result.errors
        view, _, _ = one_trade(world.store, world.account, trade_id)
        assert view.trade.status is TradeStatus.CLOSED
        assert view.trade.close_reason == "Closed by hand"


def resting_then_dying(name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
    answer = resting(name, params, send)
    if name == "place_order" and "exit" in str(params["orderLinkId"]):
        raise KeyboardInterrupt
    return answer


def test_a_close_that_sells_only_a_part_says_so() -> None:
    with a_world() as world:
        trade_id = execute(world.desk, world.add_setup().id).trade.trade.id
        rules = [Rule("partial_fill", fraction="0.3", link=f"-1-exit{n}") for n in (1, 2, 3)]
        faulty = FaultyExchange(world.engine, FaultSchedule(rules))
        desk = replace(world.desk, exchange=BybitExchange(DirectSession(faulty), world.clock))

        outcome = close(desk, trade_id)

        assert outcome.error is not None
        assert (outcome.success, outcome.error.exit_code) == (False, 5)
        assert outcome.error.message == (
            "trade 1 was closed only in part: 0.005712334 BTC are left, and have their stop"
        )
        stops = [o for o in outcome.trade.orders if o.order.role is Role.STOP]
        assert [o.order.status for o in stops] == [OrderStatus.CANCELLED, OrderStatus.WORKING]
        assert close(world.desk, trade_id).success
