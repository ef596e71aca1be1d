"""The doctor and an exchange that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from botbox_cli.bootstrap import Access, Wiring
from botbox_cli.cli.commands.doctor import _wired_findings
from botbox_cli.config import Settings
from tests.support.faults import Faults, silence
from tests.support.verdict import open_trade
from tests.support.world import World, a_world


def wiring_of(world: World) -> Wiring:
    """Return a testnet account's wiring on the world's store, exchange and clock, and let the world work on it."""
    values: dict[str, Any] = {"BOTBOX_MODE": "testnet", "BYBIT_API_KEY": "key", "BYBIT_API_SECRET": "secret"}
    settings = Settings(**values)
    desk = world.desk
    wiring = Wiring(
        settings, world.store, desk.candles, desk.exchange, world.clock, world.account.venue, desk.holder,
        Access("key", "secret", world.account.user_id), lambda: None,
    )  # fmt: skip
    world.account = wiring.account()
    world.desk = world.new_desk("desk")
    return wiring


def test_the_doctor_ends_in_time_although_each_look_waits_for_an_answer() -> None:
    with a_world() as world:
        wiring = wiring_of(world)
        open_trade(world)

        @contextmanager
        def wired() -> Iterator[Wiring]:
            yield wiring

        session: Any = SimpleNamespace(settings=wiring.settings, wired=wired)
        Faults(world).on("get_server_time get_api_key_information get_open_orders", silence(world), times=999)
        started = world.clock.now()

        found = {f.check: f.status for f in _wired_findings(session)}

        assert (found["clock"], found["key"], found["stops"]) == ("failed", "failed", "failed")
        assert world.clock.now() - started <= timedelta(seconds=30)
