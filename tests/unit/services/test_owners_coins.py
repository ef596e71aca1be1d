"""The owner's own coins beside botbox's: what they sell of their own is theirs, stop or no stop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from botbox_cli.documents import trade_document
from botbox_cli.domain.fill import Fill
from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.close import close
from botbox_cli.services.execute import execute
from botbox_cli.services.monitor import monitor
from botbox_cli.services.trades import list_trades
from tests.support.faults import Faults, nothing
from tests.support.process import Process, at
from tests.support.verdict import only_trade, open_trade, orders_of, settle, truth
from tests.support.world import World, a_world
from tests.unit.services.test_leave_exit import sell_by_hand
from tests.unit.services.test_protect_stop import by_hand, live_stops

FEE = "3.98765431"
LOT = Decimal("0.000001")


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


def test_half_of_one_trade_sold_by_hand_is_booked_whole_beside_the_dust_of_another() -> None:
    """What fees left of the two below the lot adds up to more than a lot. The sale shows only after the new stop."""
    with a_world(balances={"USDT": Decimal(9781)}) as world:
        open_trade(world)
        open_trade(world)
        first, second = (v.position.held for v in reversed(list_trades(world.store, world.account)))
        by_hand(world, "cancel", orderLinkId="bb-test01-2-stop1", orderFilter="tpslOrder")
        sell_by_hand(world, "0.008")
        faults = Faults(world)
        faults.on("get_executions", nothing, times=99)

        monitor(world.desk)
        faults.clear()

        assert first % LOT + (second - Decimal("0.008")) % LOT > LOT
        assert settle(world) == []
        [sale] = [o for o in orders_of(world, Role.EXIT) if not o.sends]
        assert sale.qty == Decimal("0.008")
        stop = orders_of(world, Role.STOP)[-1]
        assert stop.qty == (second - sale.qty) // LOT * LOT


def test_sale_by_hand_is_found_however_many_exits_have_passed_it_on() -> None:
    """Coins of the owner's cover a part of it, and each exit sells what another trade has bought at that moment."""
    with a_world(balances={"USDT": Decimal(10000), "BTC": Decimal("0.01")}) as world:
        open_trade(world)
        by_hand(world, "cancel", orderLinkId="bb-test01-1-stop1", orderFilter="tpslOrder")
        sell_by_hand(world, "0.016649")
        world.pass_time(60)
        for former in (1, 2):
            closing = at("told place_order", lambda: close(world.new_desk("closing"), former))  # noqa: B023
            entering = Process(world.desk, world.session, f"entering {former}", closing)
            outcome = entering.run(lambda desk: execute(desk, world.add_setup().id))
            assert outcome.error.exit_code == 8
            world.pass_time(60)

        assert settle(world) == []
        closed = [v.trade.status for v in list_trades(world.store, world.account)]
        assert closed == [TradeStatus.OPEN, TradeStatus.CLOSED, TradeStatus.CLOSED]
        assert [o.trade_id for o in orders_of(world, Role.EXIT) if not o.sends] == [3]


@pytest.mark.parametrize(("count", "price"), [(2, "60001.7"), (3, "60000.1"), (7, "59999.9")])
def test_shares_of_one_sale_by_hand_add_up_to_it_to_the_last_digit(count: int, price: str) -> None:
    with a_world() as world:
        for _ in range(count):
            open_trade(world)
        for link in live_stops(world):
            by_hand(world, "cancel", orderLinkId=link, orderFilter="tpslOrder")
        world.set_price("BTCUSDT", price)
        total = sum((o.qty for o in orders_of(world, Role.STOP)), Decimal(0))
        sell_by_hand(world, str(total))
        # Bybit rounds what it takes: the fee need not be a multiple of what was sold.
        Faults(world).on("get_executions", lambda send: with_fee(send(), FEE), times=99)

        monitor(world.desk)

        [sale] = [f for f in truth(world).fills if not f.link.startswith("bb-")]
        documents = [trade_document(v) for v in list_trades(world.store, world.account)]
        exits = [o for d in documents for o in d["orders"] if o["exchange_order_id"] == sale.order_id]
        assert len(exits) == count
        assert sum(Decimal(o["filled_qty"]) for o in exits) == sale.qty
        assert {Decimal(o["avg_price"]) for o in exits} == {sale.price}
        assert sum(Decimal(o["fees"]["USDT"]) for o in exits) == Decimal(FEE)
        assert sum(v.pnl.fees for v in list_trades(world.store, world.account)) == sum(
            f.fees_quote or 0 for f in all_fills(world)
        )
        assert max(len(o["fees"]["USDT"]) for o in exits) <= 20, "no more digits than fees have"


def with_fee(body: Any, fee: str) -> Any:
    rows = [row | {"execFee": fee} if row["side"] == "Sell" else row for row in body["result"]["list"]]
    return body | {"result": body["result"] | {"list": rows}}


def all_fills(world: World) -> list[Fill]:
    with world.store.read(world.account) as books:
        return books.fills([t.id for t in books.trades()])
