"""A hand on a trade: the lease is written as seldom as is safe, and who has lost it stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest

from botbox_cli.domain.trade import Trade
from botbox_cli.errors import Conflict
from botbox_cli.ports import Holder, Store
from botbox_cli.services.lease import LEASE_TTL_S, Budget, Work, lease_name, working_on
from tests.support.verdict import open_trade
from tests.support.world import World

OTHER = Holder("elsewhere", 7, "then", "other")


class Counting:
    """A store that counts how often a lease is written."""

    def __init__(self, store: Store) -> None:
        self._store, self.taken = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def take_lease(self, name: str, holder: Holder, now: datetime, ttl_s: float) -> Holder | None:
        self.taken += 1
        return self._store.take_lease(name, holder, now, ttl_s)


@pytest.fixture
def trade(world: World) -> Trade:
    return open_trade(world)


def work_on(world: World, trade: Trade) -> Work:
    return Work(world.new_desk("mine"), trade.id, Budget(world.clock))


def other_takes(world: World, trade: Trade) -> Holder | None:
    return world.store.take_lease(lease_name(trade.id), OTHER, world.clock.now(), LEASE_TTL_S)


def test_lease_that_was_just_renewed_is_not_written_again(world: World, trade: Trade) -> None:
    store = Counting(world.store)
    desk = replace(world.new_desk("mine"), store=cast("Store", store))
    with working_on(desk, trade.id, Budget(world.clock)) as work:
        for _ in range(3):
            work.renew()
            world.clock.sleep(0.3)
        assert store.taken == 1

        world.clock.sleep(0.1)
        assert work.renew() == world.clock.now()
        assert store.taken == 2


def test_lease_that_was_given_back_is_written_again_at_once(world: World, trade: Trade) -> None:
    work = work_on(world, trade)
    work.renew()
    work.release()
    assert other_takes(world, trade) is None

    with pytest.raises(Conflict):
        work.renew()


def test_who_slept_longer_than_the_lease_stops_if_it_was_taken(world: World, trade: Trade) -> None:
    work = work_on(world, trade)
    work.renew()
    world.clock.sleep(LEASE_TTL_S)
    assert other_takes(world, trade) is None

    with pytest.raises(Conflict):
        work.renew()
    with pytest.raises(Conflict), work.write():
        pass


def test_clock_that_was_put_back_renews(world: World, trade: Trade) -> None:
    work = work_on(world, trade)
    work.renew()
    work._renewed_at = world.clock.now().replace(year=2100)
    world.store.free_lease(lease_name(trade.id), work.desk.holder)
    assert other_takes(world, trade) is None

    with pytest.raises(Conflict):
        work.renew()


def test_transaction_takes_the_lease_with_what_it_writes(world: World, trade: Trade) -> None:
    work = work_on(world, trade)
    with work.write() as books:
        books.update_trade(trade.id, detail="noted")

    assert work.is_held
    assert other_takes(world, trade) == work.desk.holder


def test_transaction_that_is_undone_takes_no_lease(world: World, trade: Trade) -> None:
    work = work_on(world, trade)
    with pytest.raises(ZeroDivisionError), work.write():
        1 / 0  # noqa: B018

    assert not work.is_held
    assert other_takes(world, trade) is None


def test_transaction_writes_nothing_while_the_trade_is_in_other_hands(world: World, trade: Trade) -> None:
    assert other_takes(world, trade) is None
    work = work_on(world, trade)
    with pytest.raises(Conflict), work.write() as books:
        books.update_trade(trade.id, detail="noted")

    assert work.read().trade.detail == trade.detail
