"""An entry that is shown as ended without a fill, and whose fills surface a moment later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from botbox_cli.domain.trade import TradeStatus
from botbox_cli.services.execute import execute
from tests.support.world import START, World, a_world

HIDDEN_FOR = timedelta(seconds=1)


def hiding_fills(world: World) -> Callable[[str, dict[str, Any], Callable[[], Any]], Any]:
    """Show the entry as cancelled without a fill, and no execution, for a second."""

    def hook(name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
        body = send()
        if world.clock.now() >= START + HIDDEN_FOR or "entry" not in str(params.get("orderLinkId")):
            return body
        if name == "get_executions":
            return body | {"result": body["result"] | {"list": []}}
        if name in ("get_open_orders", "get_order_history"):
            unfilled = {
                "orderStatus": "Cancelled",
                "cumExecQty": "0",
                "cumExecValue": "0",
                "cumFeeDetail": {},
            }
            rows = [row | unfilled for row in body["result"]["list"]]
            return body | {"result": body["result"] | {"list": rows}}
        return body

    return hook


def test_entry_whose_fills_surface_after_its_end_is_booked_and_protected() -> None:
    with a_world() as world:
        world.session.hook = hiding_fills(world)

        outcome = execute(world.desk, world.add_setup().id)

        assert outcome.error is None
        assert outcome.trade.trade.status is TradeStatus.OPEN
        assert outcome.trade.orders[-1].order.trigger_price == outcome.trade.trade.stop_loss
