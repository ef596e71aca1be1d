"""Who acts on a price goes first, and holds nobody up for long."""

from __future__ import annotations

import threading
import time

import pytest

from botbox_cli.services import right_of_way
from botbox_cli.services.right_of_way import RightOfWay
from tests.support.sockets import PATIENCE_S
from tests.support.world import World


def test_what_heeds_it_waits_before_each_step_until_the_first_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(right_of_way, "HOLD_MAX_S", 10 * PATIENCE_S)
    way, done = RightOfWay(time.monotonic), threading.Event()
    desk = way.heeded_by(world.desk)

    def look() -> None:
        with desk.store.read(desk.account) as books:
            books.trades()
        done.set()

    with way.taken():
        other = threading.Thread(target=look)
        other.start()
        assert not done.wait(0.05)
    other.join(PATIENCE_S)

    assert done.is_set()


def test_nobody_waits_longer_than_the_limit_however_long_it_is_taken() -> None:
    now = 0.0
    way = RightOfWay(lambda: now)
    with way.taken():
        now = right_of_way.HOLD_MAX_S
        began_s = time.monotonic()
        for _ in range(1_000):
            way.wait()
        assert time.monotonic() - began_s < 1_000 * right_of_way.HOLD_MAX_S


def test_desk_that_heeds_it_works_as_ever(world: World) -> None:
    desk = RightOfWay(time.monotonic).heeded_by(world.desk)

    assert desk.store.installation == world.store.installation
    assert desk.exchange.quotes(["BTCUSDT"]) == world.desk.exchange.quotes(["BTCUSDT"])
