"""How often a command waits for the exchange: what is independent is asked side by side, over connections that stay."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests

from botbox_cli.domain.order import OrderStatus
from botbox_cli.exchange.bybit import BybitExchange
from botbox_cli.services.desk import Desk
from botbox_cli.services.execute import Outcome, execute
from tests.support.world import World

OUTLOOK = ("get_instruments_info", "get_tickers", "get_wallet_balance")
LOOK = ("get_open_orders", "get_executions")
PATIENCE_S = 60.0
"""Never waited for unless the code is wrong."""


class Turns:
    """In front of the exchange: each question of a group is answered once all of the group have been asked.

    Were they asked one after another, the first would wait for the second, and fail when its patience ends.
    """

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.threads: set[int] = set()
        self._barriers = {
            name: barrier for group in (OUTLOOK, LOOK) for barrier in [_barrier(group)] for name in group
        }
        self._lock = threading.Lock()

    def __call__(self, name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
        is_alone = name not in self._barriers or "-stop" in params.get("orderLinkId", "")
        is_first = is_alone or self._barriers[name].wait(PATIENCE_S) == 0
        with self._lock:
            self.threads.add(threading.get_ident())
            if is_first:
                self.taken.append(name)
            return send()


def _barrier(group: tuple[str, ...]) -> threading.Barrier:
    return threading.Barrier(len(group))


@contextmanager
def far(world: World) -> Iterator[Desk]:
    """Give a desk whose exchange is far away."""
    exchange = BybitExchange(world.session, world.clock, is_far=True)
    yield replace(world.desk, exchange=exchange)
    exchange.close()


def is_protected(outcome: Outcome) -> bool:
    statuses = [view.order.status for view in outcome.trade.orders]
    return outcome.error is None and statuses == [OrderStatus.FILLED, OrderStatus.WORKING]


def test_an_entry_is_protected_after_five_turns_over_three_connections(world: World) -> None:
    """Rules, prices and wallet; entry; its row and its fills; stop; the stop as it rests."""
    turns = world.session.hook = Turns()

    with far(world) as desk:
        outcome = execute(desk, world.add_setup().id)

    assert is_protected(outcome)
    assert len(turns.taken) == 5, turns.taken
    assert len(turns.threads) == 3


@pytest.mark.parametrize("how", ["broken", "too early"])
def test_fills_that_were_not_seen_beside_the_row_are_asked_for_again(world: World, how: str) -> None:
    def hook(name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
        if name != "get_executions" or world.session.asked[name] > (3 if how == "broken" else 1):
            return send()
        if how == "broken":
            raise requests.ConnectionError
        return {**send(), "result": {"list": [], "nextPageCursor": ""}}

    world.session.hook = hook

    with far(world) as desk:
        outcome = execute(desk, world.add_setup().id)

    assert is_protected(outcome)
    assert outcome.trade.position.entered > 0


def test_nobody_is_asked_beside_an_exchange_that_is_near(world: World) -> None:
    outcome = execute(world.desk, world.add_setup().id)

    assert is_protected(outcome)
    assert world.session.asked["get_executions"] == 1
