"""The brakes: each stops entries, also when it is tripped between plan and intent, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from botbox_cli.domain.account import Account
from botbox_cli.domain.trade import TradeStatus
from botbox_cli.errors import Denied, ExchangeUnavailable
from botbox_cli.ports import Books, Store
from botbox_cli.services.close import close
from botbox_cli.services.desk import Policy
from botbox_cli.services.execute import execute
from botbox_cli.services.halt import halt
from botbox_cli.services.lease import LEASE_TTL_S, lease_name
from botbox_cli.services.monitor import monitor
from tests.support.faults import LOOK_UPS, Faults, after, first, http
from tests.support.verdict import open_trade, settle, tell_execute
from tests.support.world import World, a_world
from tests.unit.services.test_intent_checks import entries

# A trade of 1,000 USDT of an equity of 10,000 loses about 0.36 % of it at its stop, fees included.
NIGHT_S = 13 * 3600


def a_world_with(**policy: Any) -> Any:
    return a_world(policy=Policy(**policy))


class Meddled:
    """A store in which something happens after the plan of an entry has stored its pair, and before its intent."""

    def __init__(self, store: Store, do: Callable[[], object]) -> None:
        self._store, self._do = store, do
        self.is_planned = self.is_met = False

    def save_instruments(self, *args: Any) -> None:
        self.is_planned = True
        self._store.save_instruments(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def write(self, account: Account, *, durable: bool = True) -> Iterator[Books]:
        if self.is_planned and not self.is_met:
            self.is_met = True
            self._do()
        with self._store.write(account, durable=durable) as books:
            yield books


def lose(world: World) -> None:
    """Open a trade and let its stop be hit."""
    open_trade(world)
    hit_the_stop(world)


def hit_the_stop(world: World) -> None:
    world.set_price("BTCUSDT", "57900")
    world.pass_time(1)
    monitor(world.new_desk("watcher"))
    world.set_price("BTCUSDT", "60000")
    world.pass_time(1)


def win(world: World) -> None:
    """Open a trade and let it meet its target."""
    open_trade(world)
    world.set_price("BTCUSDT", "62000")
    world.pass_time(1)
    monitor(world.new_desk("watcher"))
    world.set_price("BTCUSDT", "60000")
    world.pass_time(1)


def refusal(world: World) -> str:
    """Execute a new setup, see that it is refused and nothing sent, and return the code of the refusal."""
    setup, before = world.add_setup(), entries(world)
    with pytest.raises(Denied) as refused:
        execute(world.desk, setup.id)
    assert entries(world) == before
    return refused.value.code


def test_day_loss_stops_entries_until_midnight() -> None:
    with a_world_with(max_day_loss_percent=Decimal("0.5")) as world:
        lose(world)
        lose(world)

        assert refusal(world) == "day_loss"
        world.pass_time(NIGHT_S)
        assert tell_execute(world.desk, world.add_setup().id).exit_code == 0


def test_loss_that_no_pass_has_seen_yet_counts() -> None:
    with a_world_with(max_day_loss_percent=Decimal("0.3")) as world:
        open_trade(world)
        world.set_price("BTCUSDT", "57900")
        world.pass_time(1)
        world.set_price("BTCUSDT", "60000")
        world.pass_time(1)

        assert refusal(world) == "day_loss"
        assert settle(world) == []


def test_position_whose_stop_has_fired_is_not_counted_beside_its_proceeds() -> None:
    with a_world() as world:
        open_trade(world)
        world.set_price("BTCUSDT", "57900")
        world.pass_time(1)
        world.set_price("BTCUSDT", "60000")
        world.pass_time(1)

        trade_id = tell_execute(world.desk, world.add_setup().id).trade_id

        with world.store.read(world.account) as books:
            [planned] = [e for e in books.log_of(trade_id=trade_id) if e.event == "planned"]
        assert planned.data is not None
        assert Decimal(planned.data["sizing"]["equity"]) < 10000


def test_entry_is_refused_when_nobody_can_say_what_the_stops_have_sold() -> None:
    with a_world() as world:
        open_trade(world)
        Faults(world).on("get_executions", http(502), times=99)
        setup, before = world.add_setup(), entries(world)

        with pytest.raises(ExchangeUnavailable):
            execute(world.desk, setup.id)

        assert entries(world) == before


def test_loss_streak_stops_entries_until_midnight() -> None:
    with a_world_with(max_loss_streak=2) as world:
        lose(world)
        lose(world)

        assert refusal(world) == "loss_streak"
        world.pass_time(NIGHT_S)
        assert tell_execute(world.desk, world.add_setup().id).exit_code == 0


def test_gain_ends_a_loss_streak() -> None:
    with a_world_with(max_loss_streak=2) as world:
        lose(world)
        win(world)
        lose(world)

        assert tell_execute(world.desk, world.add_setup().id).exit_code == 0


def test_open_risk_of_all_trades_together_is_capped() -> None:
    with a_world_with(max_open_risk_percent=Decimal("0.5")) as world:
        open_trade(world)

        assert refusal(world) == "open_risk"


TWO_PAIRS: dict[str, Decimal | str] = {"BTCUSDT": "60000", "ETHUSDT": "60000"}


def test_risk_of_an_entry_under_way_in_another_process_counts() -> None:
    with a_world(policy=Policy(max_open_risk_percent=Decimal("0.5")), prices=TWO_PAIRS) as world:
        setup, other = world.add_setup(), world.add_setup(symbol="ETHUSDT")
        told = []
        rival = world.new_desk("rival")
        Faults(world).on("place_order", first(lambda: told.append(tell_execute(rival, other.id))))

        assert tell_execute(world.desk, setup.id).exit_code == 0

        assert [t.exit_code for t in told] == [4]
        assert [e.partition("-entry")[0] for e in entries(world)] == ["bb-test01-1"]
        assert settle(world) == []


def test_risk_of_an_entry_in_doubt_counts() -> None:
    with a_world(policy=Policy(max_open_risk_percent=Decimal("0.5")), prices=TWO_PAIRS) as world:
        setup, other = world.add_setup(), world.add_setup(symbol="ETHUSDT")
        faults = Faults(world)
        faults.on("place_order", after(http(502)))
        faults.on(LOOK_UPS, http(502), times=99)
        assert tell_execute(world.desk, setup.id).exit_code == 7

        with pytest.raises(Denied) as refused:
            execute(world.new_desk("rival"), other.id)

        assert refused.value.code == "open_risk"
        assert settle(world, faults) == []


@pytest.mark.parametrize(
    "policy", [{"max_day_loss_percent": Decimal("0.3")}, {"max_loss_streak": 1}], ids=["day loss", "streak"]
)
def test_loss_of_a_trade_that_another_process_is_about_to_close_counts(policy: dict[str, Any]) -> None:
    with a_world(policy=Policy(**policy), prices=TWO_PAIRS) as world:
        trade = open_trade(world)
        world.set_price("BTCUSDT", "57900")
        world.pass_time(1)
        holder = world.new_desk("monitor").holder
        world.store.take_lease(lease_name(trade.id), holder, world.clock.now(), LEASE_TTL_S)
        setup = world.add_setup(symbol="ETHUSDT")

        assert tell_execute(world.desk, setup.id).exit_code == 4

        assert settle(world) == []


def enter_another(world: World) -> None:
    assert tell_execute(world.new_desk("another"), world.add_setup().id).exit_code == 0


@pytest.mark.parametrize(
    ("policy", "meanwhile"),
    [
        ({"max_day_loss_percent": Decimal("0.3")}, hit_the_stop),
        ({"max_loss_streak": 1}, hit_the_stop),
        ({"max_open_risk_percent": Decimal("0.8")}, enter_another),
    ],
    ids=["day loss", "loss streak", "open risk"],
)
def test_brake_that_is_tripped_after_the_plan_was_made_stops_the_entry(
    policy: dict[str, Any], meanwhile: Callable[[World], object]
) -> None:
    with a_world_with(**policy) as world:
        open_trade(world)
        setup = world.add_setup()

        store = Meddled(world.store, lambda: meanwhile(world))
        told = tell_execute(replace(world.desk, store=cast(Store, store)), setup.id)

        assert store.is_met
        assert told.exit_code == 4
        with world.store.read(world.account) as books:
            assert setup.id not in [t.setup_id for t in books.trades()]
        assert settle(world) == []


def test_setup_that_has_expired_is_not_traded() -> None:
    with a_world() as world:
        setup = world.add_setup()
        world.pass_time(24 * 3600)

        assert tell_execute(world.desk, setup.id).exit_code == 4
        assert entries(world) == []


@pytest.mark.parametrize("price", ["2890", "3200", "3000"], ids=["stop", "target", "by hand"])
def test_brakes_hold_up_no_exit(price: str) -> None:
    with a_world_with(max_day_loss_percent=Decimal("0.3"), max_loss_streak=1) as world:
        world.set_price("ETHUSDT", "3000")
        setup = world.add_setup(symbol="ETHUSDT", entry="3000", stop="2900", tp1="3200", tp2=None)
        kept = tell_execute(world.desk, setup.id).trade_id
        assert kept is not None
        lose(world)
        halt(world.store, world.account, world.clock, reason="enough")
        world.set_price("ETHUSDT", price)
        world.pass_time(1)

        if price == "3000":
            assert close(world.desk, kept).success
        else:
            monitor(world.desk)

        with world.store.read(world.account) as books:
            assert books.trade(kept).status is TradeStatus.CLOSED
        assert settle(world) == []
