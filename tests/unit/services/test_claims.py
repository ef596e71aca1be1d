"""A pass gives up what it has not come to, and keeps what it has in hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botbox_cli.ports import Holder
from botbox_cli.services.claims import Claims
from botbox_cli.services.lease import LEASE_TTL_S, lease_name
from botbox_cli.services.monitor import monitor
from tests.support.verdict import only_trade, open_trade, settle
from tests.support.world import World

OTHER = Holder("elsewhere", 7, "then", "other")


def taking_away(world: World, claims: Claims, trade_id: int, during: str) -> list[Holder | None]:
    """Let a trade be wanted for another hand at the first request of one name; return what becomes of that."""
    found: list[Holder | None] = []

    def hook(name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
        if name == during and not found:
            claims.give_up(trade_id)
            now = world.clock.now()
            found.append(world.store.take_lease(lease_name(trade_id), OTHER, now, LEASE_TTL_S))
        return send()

    world.session.hook = hook
    return found


def test_trade_that_waits_for_its_turn_is_given_up_and_left_out(world: World) -> None:
    trade, claims = open_trade(world), Claims()
    world.set_price("BTCUSDT", "62000")
    taken = taking_away(world, claims, trade.id, during="get_tickers")

    result = monitor(world.desk, claims)

    assert taken == [None]
    assert [(a.id, a.action) for a in result.trades] == [(trade.id, "busy")]
    assert world.store.take_lease(lease_name(trade.id), world.desk.holder, world.clock.now(), 15) == OTHER
    world.pass_time(LEASE_TTL_S)
    assert settle(world) == []


def test_trade_that_a_pass_has_in_hand_is_not_given_up(world: World) -> None:
    trade, claims = open_trade(world), Claims()
    world.set_price("BTCUSDT", "62000")
    refused = taking_away(world, claims, trade.id, during="cancel_order")

    result = monitor(world.desk, claims)

    assert refused == [world.desk.holder]
    assert [a.action for a in result.trades] == ["closed"]
    assert only_trade(world).close_reason == "Take profit hit"


def test_nothing_waits_once_a_pass_has_ended(world: World) -> None:
    trade, claims = open_trade(world), Claims()
    monitor(world.desk, claims)
    world.store.take_lease(lease_name(trade.id), world.desk.holder, world.clock.now(), LEASE_TTL_S)

    claims.give_up(trade.id)

    assert world.store.take_lease(lease_name(trade.id), OTHER, world.clock.now(), 15) == world.desk.holder
