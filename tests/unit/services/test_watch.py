"""The live desk on the paper exchange: what streams makes it act at once, and nothing makes it act twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
import requests

from botbox_cli.domain.account import Account
from botbox_cli.domain.order import Role
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import ConfigError, StorageError
from botbox_cli.ports import Books, Holder, Store, StreamState
from botbox_cli.services import watch_events as e
from botbox_cli.services.monitor import monitor
from botbox_cli.services.tally import latency_of
from botbox_cli.storage.process import current_holder
from tests.support.faults import Faults, broken, code
from tests.support.verdict import only_trade, open_trade, orders_of, settle
from tests.support.watching import Watching
from tests.support.world import World

CROSSES_AT = 10.0


@pytest.fixture
def trade(world: World) -> Trade:
    """A long from 60000 with its stop at 58000 and its target at 62000."""
    return open_trade(world)


def streaming(world: World, token: str = "watch", **sight: Any) -> Watching:
    """Return a watch whose public stream comes up after half a second."""
    watching = Watching(world, token, **sight)
    watching.stream.at(0.5, watching.stream.up)
    return watching


def moves(watching: Watching, price: str, *, symbol: str = "BTCUSDT") -> Callable[[], None]:
    """Return what moves the price on the exchange and streams it."""

    def move() -> None:
        watching.world.set_price(symbol, price)
        watching.stream.price(symbol, price)

    return move


def cancel_stop_by_hand(world: World) -> None:
    link = orders_of(world, Role.STOP)[-1].order_link_id
    world.session.cancel_order(category="spot", symbol="BTCUSDT", orderLinkId=link, orderFilter="tpslOrder")


def exits(world: World) -> int:
    return len(orders_of(world, Role.EXIT))


# -- prices


def test_time_from_price_to_request_is_kept_for_the_metrics(world: World, trade: Trade) -> None:
    watching = streaming(world)
    watching.stream.at(CROSSES_AT, moves(watching, "62000"))

    watching.run(20)

    with world.store.read(world.desk.account) as books:
        latency = latency_of(books)
    assert sum(latency.counts) == 1
    assert latency.sum_s < 0.5


def test_price_that_crosses_the_target_acts_at_once(world: World, trade: Trade) -> None:
    watching = streaming(world)
    asked: list[str] = []
    watching.stream.at(CROSSES_AT, moves(watching, "62000"))
    watching.stream.at(CROSSES_AT, lambda: setattr(world.session, "hook", noting(asked)))

    watching.run(20)

    assert asked[0] == "cancel_order"
    assert only_trade(world).close_reason == "Take profit hit"
    [(at, crossed)] = [(s, x) for s, x in watching.told if isinstance(x, e.Crossed)]
    assert at - CROSSES_AT < 0.5
    assert crossed == e.Crossed(trade.id, "BTCUSDT", "target", Decimal(62000), Decimal(62000))
    assert [a.action.action for a in watching.events(e.Acted)] == ["closed"]
    assert settle(world) == []


def test_one_transaction_lies_between_a_price_and_its_request(world: World, trade: Trade) -> None:
    """It leases the trade, judges it and saves the decision: each more would make every exit later."""
    watching = streaming(world)
    steps: list[str] = []
    watching.watch.desk = replace(watching.watch.desk, store=cast("Store", Stepping(world.store, steps)))
    watching.stream.at(CROSSES_AT, steps.clear)
    watching.stream.at(CROSSES_AT, moves(watching, "62000"))
    watching.stream.at(CROSSES_AT, lambda: setattr(world.session, "hook", noting(steps)))

    watching.run(CROSSES_AT + 5)

    assert steps[: steps.index("cancel_order")] == ["write"]
    assert settle(world) == []


class Stepping:
    """A store that notes what it is used for."""

    def __init__(self, store: Store, steps: list[str]) -> None:
        self._store, self._steps = store, steps

    def __getattr__(self, name: str) -> Any:
        self._steps.append(name)
        return getattr(self._store, name)


def test_trade_of_a_dead_process_is_left_at_its_target_at_once(world: World, trade: Trade) -> None:
    watching = streaming(world)
    dead = replace(current_holder("dead"), started="1")
    name = f"trade:{trade.id}"
    watching.stream.at(CROSSES_AT - 1, lambda: world.store.take_lease(name, dead, world.clock.now(), 3600))
    watching.stream.at(CROSSES_AT, moves(watching, "62000"))

    watching.run(CROSSES_AT + 1)

    assert only_trade(world).close_reason == "Take profit hit"
    assert settle(world) == []


def test_prices_of_open_trades_come_first(world: World, trade: Trade) -> None:
    watching = streaming(world, symbols=("BTCUSDT", "ETHUSDT"))

    watching.run(5)

    assert watching.stream.first == {"BTCUSDT"}


def noting(asked: list[str]) -> Callable[..., Any]:
    def hook(name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
        asked.append(name)
        return send()

    return hook


def test_frames_that_come_twice_or_late_do_nothing_twice(world: World, trade: Trade) -> None:
    watching = streaming(world)
    for number in range(5):
        watching.stream.at(CROSSES_AT + number * 0.01, moves(watching, "62000"))
    watching.stream.at(CROSSES_AT + 1, lambda: watching.stream.price("BTCUSDT", "62000", late_s=1))

    watching.run(70)

    assert exits(world) == 1
    assert settle(world) == []


def test_price_older_than_what_was_seen_is_no_news(world: World, trade: Trade) -> None:
    watching = streaming(world)
    watching.stream.at(CROSSES_AT, lambda: watching.stream.price("BTCUSDT", "60000"))
    watching.stream.at(CROSSES_AT + 1, lambda: watching.stream.price("BTCUSDT", "62000", late_s=5))

    watching.run(30)

    assert watching.events(e.Crossed) == []
    assert only_trade(world).status is TradeStatus.OPEN


def test_price_from_the_future_holds_up_none_that_come_after_it(world: World, trade: Trade) -> None:
    watching = streaming(world)
    watching.stream.at(CROSSES_AT, lambda: watching.stream.price("BTCUSDT", "60000", late_s=-3600))
    watching.stream.at(CROSSES_AT + 1, moves(watching, "62000"))

    watching.run(20)

    assert only_trade(world).close_reason == "Take profit hit"


def test_newest_price_of_a_batch_decides(world: World, trade: Trade) -> None:
    watching = streaming(world)

    def spike() -> None:
        watching.stream.price("BTCUSDT", "60000")
        watching.stream.price("BTCUSDT", "62000", late_s=0.05)

    watching.stream.at(CROSSES_AT, spike)

    watching.run(20)

    assert watching.events(e.Crossed) == []


def test_long_is_judged_by_the_bid(world: World, trade: Trade) -> None:
    watching = streaming(world)
    watching.stream.at(CROSSES_AT, lambda: watching.stream.price("BTCUSDT", "61999.9", ask="62000"))

    watching.run(20)

    assert watching.events(e.Crossed) == []


def test_stop_that_was_seen_through_is_booked_by_a_pass(world: World, trade: Trade) -> None:
    watching = streaming(world)
    watching.stream.at(CROSSES_AT, moves(watching, "57900"))

    watching.run(20)

    assert only_trade(world).close_reason == "Stop loss hit"
    assert [c.level_name for c in watching.events(e.Crossed)] == ["stop"]
    closed = next(s for s, x in watching.told if isinstance(x, e.Acted))
    assert closed - CROSSES_AT < 3
    assert exits(world) == 0
    assert settle(world) == []


def test_half_at_the_first_target_and_the_rest_at_the_second(world: World) -> None:
    world.desk = world.new_desk("desk", tp1_fraction=Decimal("0.5"))
    open_trade(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "policy", world.desk.policy)
        watching = streaming(world)
    watching.stream.at(CROSSES_AT, moves(watching, "62000"))
    watching.stream.at(CROSSES_AT + 10, moves(watching, "64000"))

    watching.run(40)

    actions = [a.action.action for a in watching.events(e.Acted)]
    assert [a for a in actions if a.endswith("closed")] == ["partly_closed", "closed"]
    assert settle(world) == []


def test_exit_that_fails_is_not_tried_again_at_each_frame(world: World, trade: Trade) -> None:
    watching = streaming(world)
    faults = Faults(world)
    faults.on("place_order", code(170131), times=99)
    for number in range(100):
        watching.stream.at(CROSSES_AT + number * 0.05, moves(watching, "62000"))

    watching.run(CROSSES_AT + 4.9)

    assert exits(world) <= 2
    assert [t.subject for t in watching.events(e.Trouble)] == [f"trade {trade.id}"]
    faults.clear()
    assert settle(world) == []


# -- others beside it


def test_trade_opened_by_another_command_is_noticed_within_a_second_or_so(world: World) -> None:
    watching = streaming(world)
    watching.stream.at(10, lambda: open_trade(world))
    watching.stream.at(75, moves(watching, "62000"))

    watching.run(90)

    noticed = next(s for s, x in watching.told if isinstance(x, e.TradeMoved))
    assert noticed <= 72, "10 s + the minute that opening takes here + a pulse"
    assert only_trade(world).status is TradeStatus.CLOSED
    assert settle(world) == []


def test_monitor_beside_a_watch_finds_the_trade_busy(world: World, trade: Trade) -> None:
    watching = streaming(world)
    cron: list[str] = []

    def hook(name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
        if name in ("cancel_order", "place_order") and len(cron) < 2:
            cron.append("")
            cron[-1] = monitor(world.new_desk("cron")).trades[0].action
        return send()

    watching.stream.at(CROSSES_AT, lambda: setattr(world.session, "hook", hook))
    watching.stream.at(CROSSES_AT, moves(watching, "62000"))

    watching.run(20)

    assert cron == ["busy", "busy"]
    assert exits(world) == 1
    assert settle(world) == []


def test_trade_that_another_process_works_on_is_left_alone_and_tried_again(
    world: World, trade: Trade
) -> None:
    watching = streaming(world)
    other = Holder("elsewhere", 7, "then", "other")
    name = f"trade:{trade.id}"
    watching.stream.at(9, lambda: world.store.take_lease(name, other, world.clock.now(), 15))
    for number in range(20):
        watching.stream.at(CROSSES_AT + number, moves(watching, "62000"))

    watching.run(40)

    closed = next(s for s, x in watching.told if isinstance(x, e.Acted))
    assert 24 <= closed <= 27
    assert exits(world) == 1


def test_second_watch_looks_on_and_takes_over_when_the_first_has_died(world: World, trade: Trade) -> None:
    other = Holder("elsewhere", 7, "then", "other")
    lease = f"watch:{world.account.id}"
    assert world.store.take_lease(lease, other, world.clock.now(), 15) is None
    watching = streaming(world)
    watching.stream.at(5, moves(watching, "62000"))
    watching.stream.at(20, moves(watching, "62000"))

    watching.run(40)

    assert watching.told[0] == (0.0, e.Standby(other))
    taken = next(s for s, x in watching.told if isinstance(x, e.Leading))
    assert 15 <= taken <= 17
    acted = next(s for s, x in watching.told if isinstance(x, e.Acted))
    assert acted >= taken
    assert exits(world) == 1


def test_watch_that_leads_keeps_the_lead(world: World) -> None:
    watching = streaming(world)
    other = Holder("elsewhere", 7, "then", "other")
    lease = f"watch:{world.account.id}"
    found: list[Holder | None] = []
    for at in (14, 29, 44):
        watching.stream.at(
            at, lambda: found.append(world.store.take_lease(lease, other, world.clock.now(), 15))
        )

    watching.run(50)

    assert found == [watching.watch.desk.holder] * 3
    assert watching.events(e.Standby) == []


def test_lead_of_a_machine_that_dies_moves_within_fifteen_seconds(world: World) -> None:
    first, second = streaming(world, "first"), Watching(world, "second")
    first.watch._give_up_lead = lambda: None  # type: ignore[method-assign]  # It dies.
    first.run(30)
    died_at = world.clock.now()
    second.run(60)

    taken = next(s for s, x in second.told if isinstance(x, e.Leading))
    assert (second.stream.began - died_at).total_seconds() + taken <= 13.5


def test_naked_position_of_a_machine_that_died_is_protected_as_soon_as_its_trade_is_free(
    world: World, trade: Trade
) -> None:
    dead = Holder("elsewhere", 7, "then", "dead")
    watching = streaming(world)
    watching.stream.at(59, lambda: cancel_stop_by_hand(world))
    watching.stream.at(59, lambda: world.store.take_lease(f"trade:{trade.id}", dead, world.clock.now(), 15))

    watching.run(78)

    assert any(x.action.action == "stop_armed" for x in watching.events(e.Acted))
    assert settle(world) == []


def test_watch_that_ends_gives_its_lead_back(world: World) -> None:
    streaming(world).run(5)

    other = Holder("elsewhere", 7, "then", "other")
    assert world.store.take_lease(f"watch:{world.account.id}", other, world.clock.now(), 15) is None


# -- the private stream


def test_news_of_an_order_make_a_pass(world: World, trade: Trade) -> None:
    watching = streaming(world)
    watching.stream.at(20, lambda: world.set_price("BTCUSDT", "57900"))
    watching.stream.at(20, lambda: watching.stream.order("BTCUSDT", "whatever"))

    watching.run(25)

    assert only_trade(world).close_reason == "Stop loss hit"


def test_socket_that_comes_up_again_is_followed_by_a_look_over_rest(world: World, trade: Trade) -> None:
    watching = streaming(world)
    watching.stream.at(20, lambda: watching.stream.down("private"))
    watching.stream.at(25, world.session.asked.clear)
    watching.stream.at(26, lambda: watching.stream.up("private"))

    watching.run(30)

    assert world.session.asked["get_open_orders"] == 1
    assert world.session.asked["get_executions"] >= 1


# -- faults


def test_dead_stream_falls_back_to_polling_and_comes_back(world: World, trade: Trade) -> None:
    watching = streaming(world)
    for second in range(2, 20, 3):
        watching.stream.at(second, moves(watching, "60000"))
    watching.stream.at(20, watching.stream.down)
    watching.stream.at(30, lambda: world.set_price("BTCUSDT", "62000"))
    watching.stream.at(60, watching.stream.up)
    watching.stream.at(65, world.session.asked.clear)

    watching.run(100)

    assert [(s, x.is_on) for s, x in watching.told if isinstance(x, e.Polling)] == [(20, True), (60, False)]
    closed = next(s for s, x in watching.told if isinstance(x, e.Acted))
    assert closed <= 34
    assert world.session.asked["get_tickers"] == 0
    assert settle(world) == []


def test_stream_that_never_comes_up_is_given_up_on_after_a_while(world: World, trade: Trade) -> None:
    watching = Watching(world)
    watching.stream.at(20, lambda: world.set_price("BTCUSDT", "62000"))

    watching.run(30)

    [(at, polling)] = [(s, x) for s, x in watching.told if isinstance(x, e.Polling)]
    assert polling.is_on
    assert 5 <= at <= 7
    assert only_trade(world).status is TradeStatus.CLOSED


def test_symbol_whose_subscription_is_refused_is_polled(world: World, trade: Trade) -> None:
    watching = Watching(world)
    up = StreamState("public", True, "refuses", world.clock.now(), ("BTCUSDT",))
    watching.stream.at(0.5, lambda: watching.stream.push(up))
    watching.stream.at(20, lambda: world.set_price("BTCUSDT", "62000"))

    watching.run(30)

    [(at, polling)] = [(s, x) for s, x in watching.told if isinstance(x, e.Polling)]
    assert (polling.is_on, polling.why) == (True, "no prices stream of BTCUSDT")
    assert at <= 5
    assert only_trade(world).close_reason == "Take profit hit"
    assert settle(world) == []


def test_symbol_that_falls_silent_while_others_stream_is_polled(world: World, trade: Trade) -> None:
    watching = streaming(world, symbols=("BTCUSDT", "ETHUSDT"))
    for second in range(1, 60):
        watching.stream.at(second, lambda: watching.stream.price("ETHUSDT", "2500"))
    watching.stream.at(20, lambda: world.set_price("BTCUSDT", "62000"))
    watching.stream.at(40, lambda: watching.stream.price("BTCUSDT", "60000"))

    watching.run(45)

    polled = [(s, x.is_on) for s, x in watching.told if isinstance(x, e.Polling)]
    assert [is_on for _, is_on in polled] == [True, False]
    assert polled[0][0] <= 13
    acted = next(s for s, x in watching.told if isinstance(x, e.Acted))
    assert acted <= 24
    assert only_trade(world).close_reason == "Take profit hit"


def test_loop_that_was_held_up_itself_does_not_take_the_stream_for_silent(world: World, trade: Trade) -> None:
    watching = streaming(world)

    def hang(name: str, params: dict[str, Any], send: Callable[[], Any]) -> Any:
        if name == "cancel_order":
            world.clock.sleep(12)
            raise requests.exceptions.ReadTimeout
        return send()

    for second in range(1, 40):
        watching.stream.at(second, moves(watching, "60000" if second < CROSSES_AT else "62000"))
    watching.stream.at(CROSSES_AT, lambda: setattr(world.session, "hook", hang))

    watching.run(40)

    assert watching.events(e.Crossed)
    assert watching.events(e.Polling) == []


def test_pass_that_did_not_reach_the_exchange_comes_again_soon(world: World, trade: Trade) -> None:
    watching = streaming(world)
    faults = Faults(world)
    watching.stream.at(55, lambda: cancel_stop_by_hand(world))
    watching.stream.at(55, lambda: faults.on("get_open_orders", broken("refused"), times=10**6))
    watching.stream.at(70, faults.clear)

    watching.run(90)

    assert any(x.action.action == "stop_armed" for x in watching.events(e.Acted))


def test_exchange_down_for_ten_minutes_with_an_open_trade(world: World, trade: Trade) -> None:
    watching = streaming(world)
    faults = Faults(world)
    every = (
        "get_open_orders get_executions get_tickers get_order_history cancel_order place_order "
        "get_server_time get_instruments_info"
    )
    watching.stream.at(20, watching.stream.down)
    watching.stream.at(20, lambda: faults.on(every, broken("refused"), times=10**6))
    watching.stream.at(120, moves(watching, "62000"))
    watching.stream.at(620, faults.clear)
    watching.stream.at(621, watching.stream.up)
    watching.stream.at(622, moves(watching, "62100"))

    watching.run(720)

    told = [
        (s, type(x).__name__)
        for s, x in watching.told
        if isinstance(x, e.Trouble | e.Recovered) and x.subject == "exchange"
    ]
    assert [name for _, name in told] == ["Trouble", "Recovered"]
    assert told[0][0] < 100
    assert 620 <= told[1][0] <= 660
    assert only_trade(world).close_reason == "Take profit hit"
    assert exits(world) == 1
    assert settle(world) == []


NEED_KEY = (
    "get_open_orders get_order_history get_executions get_wallet_balance place_order cancel_order "
    "get_api_key_information get_fee_rates"
)


@pytest.mark.parametrize("price", ["60000", "62000", "57900"])
def test_clock_ahead_of_the_exchange_is_told_once_and_nothing_else(
    price: str, world: World, trade: Trade
) -> None:
    """Whether the price rests, crosses the target or the stop: what needs a signature is refused, prices are not."""
    watching = streaming(world)
    faults = Faults(world)
    watching.stream.at(9, lambda: faults.on(NEED_KEY, code(10002), times=10**6))
    watching.stream.at(CROSSES_AT, moves(watching, price))
    watching.stream.at(200, faults.clear)

    watching.run(250)

    told = [x for x in watching.told if isinstance(x[1], e.Trouble | e.Recovered)]
    assert [(type(x).__name__, x.subject) for _, x in told] == [
        ("Trouble", "exchange"),
        ("Recovered", "exchange"),
    ]
    assert told[0][1].error.code == "clock"
    assert told[1][0] >= 200
    with world.store.read(world.desk.account) as books:
        assert books.log_of(event="stop_missing") == []
    assert settle(world) == []


class GoneStore:
    """A database that is out of reach while `is_gone`."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.is_gone = False

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._store, name)
        if not callable(value):
            return value

        def call(*args: Any, **options: Any) -> Any:
            if self.is_gone:
                raise StorageError("can't reach the database", code="storage_unreachable")
            return value(*args, **options)

        return call

    def read(self, account: Account) -> AbstractContextManager[Books]:
        return self.__getattr__("read")(account)  # type: ignore[no-any-return]


def test_database_gone_for_a_minute(world: World, trade: Trade) -> None:
    store = GoneStore(world.store)
    world.store = store  # type: ignore[assignment]
    watching = streaming(world)
    watching.stream.at(20, lambda: setattr(store, "is_gone", True))
    for second in range(30, 100, 3):
        watching.stream.at(second, moves(watching, "62000"))
    watching.stream.at(80, lambda: setattr(store, "is_gone", False))

    watching.run(150)

    told = [(s, x) for s, x in watching.told if isinstance(x, e.Trouble | e.Recovered)]
    assert [(type(x).__name__, x.subject) for _, x in told] == [
        ("Trouble", "database"),
        ("Recovered", "database"),
    ]
    assert 80 <= told[1][0] <= 82
    closed = next(s for s, x in watching.told if isinstance(x, e.Acted))
    assert 80 <= closed <= 90
    assert exits(world) == 1
    assert settle(world) == []


def test_key_that_is_refused_ends_it(world: World, trade: Trade) -> None:
    watching = streaming(world)
    faults = Faults(world)
    watching.stream.at(20, lambda: faults.on("get_open_orders", code(10003), times=99))

    with pytest.raises(ConfigError):
        watching.run(200)


def test_setup_that_has_gone_stale_is_closed_by_a_pass(world: World) -> None:
    setup = world.add_setup(approved=False)
    world.clock.sleep(timedelta(hours=23, minutes=59, seconds=30).total_seconds())
    watching = streaming(world)

    watching.run(130)

    assert [c.setup_id for c in watching.events(e.SetupClosed)] == [setup.id]
