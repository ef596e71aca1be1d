"""Whatever the person, the market, the exchange and the machine do, in whatever order: exactly once, never naked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from botbox_cli.domain.number import plain
from botbox_cli.domain.trade import LIVING_TRADES, Trade
from botbox_cli.errors import BotboxError
from botbox_cli.exchange.paper.protocol import Reply, Request
from botbox_cli.exchange.paper.state import Effects, Lag
from botbox_cli.services.close import close
from botbox_cli.services.decide import approve
from botbox_cli.services.desk import Desk
from botbox_cli.services.execute import execute
from botbox_cli.services.halt import halt, resume
from botbox_cli.services.monitor import monitor
from tests.simulation.checkers import case_of, judge_once, judge_pass
from tests.simulation.truth import TrueOrder, name_of
from tests.support.faults import READS, Action, Faults, after, broken, code, code_after, http, no_json
from tests.support.process import Process, kill_at
from tests.support.verdict import exit_code_of, settle, tell_close, tell_execute, told_truly, truth
from tests.support.world import World

SYMBOL = "BTCUSDT"
FENCE_S = 30

LOST = {
    "timeout before": broken("timeout"),
    "refused": broken("refused"),
    "reset after": after(broken("reset")),
    "truncated": after(broken("truncated")),
    "gateway before": http(502),
    "gateway after": after(http(504)),
    "no json": no_json,
    "unknown before": code(10000),
    "unknown after": code_after(170007),
}
REFUSED = {
    "clock": code(10002),
    "rate": code(10006),
    "balance": code(170131),
    "parameter": code(10001),
    "permission": code(10005),
}
WRITE_FAULTS: dict[str, Action] = LOST | REFUSED
READ_FAULTS: dict[str, Action] = {
    "timeout": broken("timeout"),
    "gateway": http(502),
    "rate": code(10006),
    "permission": code(10005),
}
EFFECTS = {
    "rejected later": Effects(reject_reason="EC_Others"),
    "fills nothing": Effects(fill_fraction=Decimal(0)),
    "fills in part": Effects(fill_fraction=Decimal("0.4")),
    "all views late": Effects(lag=Lag(3000, 3000, 3000)),
    "realtime late": Effects(lag=Lag(realtime_ms=4000)),
    "executions late": Effects(lag=Lag(executions_ms=15000)),
}


@dataclass(frozen=True)
class Fails:
    """Requests of this name fail, after `skip` of them."""

    name: str
    kind: str
    link: str = ""
    skip: int = 0
    times: int = 1

    @property
    def action(self) -> Action:
        return (READ_FAULTS if self.name in READS else WRITE_FAULTS)[self.kind]


@dataclass(frozen=True)
class Badly:
    """The next order of a role fares badly."""

    role: str
    kind: str


Trouble = Fails | Badly
ROLES = ["entry", "stop", "exit"]

failed_writes = st.builds(
    Fails,
    name=st.sampled_from(["place_order", "place_order", "cancel_order"]),
    kind=st.sampled_from(sorted(WRITE_FAULTS)),
    link=st.sampled_from(["", *ROLES]),
    times=st.sampled_from([1, 1, 2, 9]),
)
failed_reads = st.builds(
    Fails,
    name=st.sampled_from(READS.split()),
    kind=st.sampled_from(sorted(READ_FAULTS)),
    skip=st.integers(0, 6),
    times=st.sampled_from([1, 3, 12]),
)
bad_orders = st.builds(Badly, role=st.sampled_from(ROLES), kind=st.sampled_from(sorted(EFFECTS)))
some_trouble = st.lists(failed_writes | failed_reads | bad_orders, max_size=2)


class TradeLife(RuleBasedStateMachine):
    """Setups, trades and their orders on one account, while everything around them may fail at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = count()
        self.setups: list[int] = []

    @initialize(
        own=st.sampled_from(["0", "1"]),
        tp1_fraction=st.sampled_from(["1", "0.5"]),
        close_when_stop_fails=st.booleans(),
        is_in_trade=st.sampled_from([True, True, False]),
    )
    def begin(self, own: str, tp1_fraction: str, close_when_stop_fails: bool, is_in_trade: bool) -> None:
        self.world = World(balances={"USDT": Decimal(10000), "BTC": Decimal(own)})
        self.world.policy = replace(
            self.world.policy, tp1_fraction=Decimal(tp1_fraction), close_when_stop_fails=close_when_stop_fails
        )
        self.faults = Faults(self.world)
        if is_in_trade:
            self.trade(has_tp2=True, troubles=[])
            self.world.pass_time(60)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.faults.clear()
            self._expect_nothing()
            self.world.pass_time(FENCE_S)
            assert settle(self.world) == []
        finally:
            self.world.close()

    @invariant()
    def nothing_happens_twice(self) -> None:
        if hasattr(self, "world"):
            case = case_of(truth(self.world), self.world.store, self.world.account)
            assert list(judge_once(case)) == []

    # -- the person

    @rule(has_tp2=st.booleans(), troubles=some_trouble)
    def trade(self, has_tp2: bool, troubles: list[Trouble]) -> None:
        self.propose(has_tp2)
        self._trouble(troubles)
        told_truly(self.world, lambda: tell_execute(self._desk(), self.setups[-1], approve=True))

    @rule(has_tp2=st.booleans())
    def propose(self, has_tp2: bool) -> None:
        price = self._price()
        levels = [price, price * Decimal("0.97"), price * Decimal("1.03"), price * Decimal("1.06")]
        entry, stop, tp1, tp2 = (plain(level.quantize(Decimal(1))) for level in levels)
        setup = self.world.add_setup(
            approved=False, entry=entry, stop=stop, tp1=tp1, tp2=tp2 if has_tp2 else None
        )
        self.setups.append(setup.id)

    @precondition(lambda self: self.setups)
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        self._try(lambda: approve(self._desk(), data.draw(st.sampled_from(self.setups)), note=""))

    @precondition(lambda self: self.setups)
    @rule(data=st.data(), approves=st.sampled_from([True, True, False]), troubles=some_trouble)
    def execute(self, data: st.DataObject, approves: bool, troubles: list[Trouble]) -> None:
        self._trouble(troubles)
        setup_id = data.draw(st.sampled_from(self.setups[::-1]))
        told_truly(self.world, lambda: tell_execute(self._desk(), setup_id, approve=approves))

    @rule(troubles=some_trouble)
    def monitor(self, troubles: list[Trouble]) -> None:
        """A pass without a complaint, and with nobody else's lease in its way, leaves nothing without its stop."""
        self._trouble(troubles)
        result = monitor(self._desk())
        if exit_code_of(result) == 0 and all(t.action != "busy" for t in result.trades):
            assert judge_pass(case_of(truth(self.world), self.world.store, self.world.account)) == []

    @precondition(lambda self: self._living())
    @rule(data=st.data(), troubles=some_trouble)
    def close(self, data: st.DataObject, troubles: list[Trouble]) -> None:
        self._trouble(troubles)
        trade_id = data.draw(st.sampled_from([t.id for t in self._living()]))
        told_truly(self.world, lambda: tell_close(self._desk(), trade_id))

    @rule(is_on=st.sampled_from([False, False, True]))
    def halt_or_resume(self, is_on: bool) -> None:
        world = self.world
        if is_on:
            halt(world.store, world.account, world.clock, reason="")
        else:
            resume(world.store, world.account, world.clock)

    # -- the machine

    @rule(data=st.data(), command=st.sampled_from(["execute", "monitor", "close"]), step=st.integers(0, 25))
    def process_dies(self, data: st.DataObject, command: str, step: int) -> None:
        """The power goes; somebody is back at the desk before or after the dead process's lease has expired."""
        ids = self.setups if command == "execute" else [t.id for t in self._living()]
        if command != "monitor" and not ids:
            return
        chosen = 0 if command == "monitor" else data.draw(st.sampled_from(ids))
        acts: dict[str, Callable[[Desk], Any]] = {
            "execute": lambda desk: execute(desk, chosen, approve=True),
            "monitor": monitor,
            "close": lambda desk: close(desk, chosen),
        }
        process = Process(self.world.desk, self.world.session, f"doomed{next(self.tokens)}", kill_at(step))
        self._try(lambda: process.run(acts[command]))
        self.world.pass_time(data.draw(st.sampled_from([0, 3, 16, 40])))

    @rule(seconds=st.sampled_from([1, 6, 30, 300, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    # -- the market

    @rule(percent=st.sampled_from(["-8", "-3.1", "-1", "-0.2", "0.2", "1", "3.1", "8"]))
    def price_moves(self, percent: str) -> None:
        """By a little, to a stop or a target, or over a gap."""
        self.world.pass_time(1)
        price = self._price() * (1 + Decimal(percent) / 100)
        self.world.set_price(SYMBOL, price.quantize(Decimal(1)))
        self.world.pass_time(1)

    # -- the exchange and the way there

    @rule()
    def faults_end(self) -> None:
        self.faults.clear()

    def _trouble(self, troubles: list[Trouble]) -> None:
        for trouble in troubles:
            if isinstance(trouble, Badly):
                self._fare_badly(trouble.kind, trouble.role)
            else:
                self.faults.on(
                    trouble.name, trouble.action, link=trouble.link, skip=trouble.skip, times=trouble.times
                )

    def _fare_badly(self, kind: str, role: str) -> None:
        """Let the next order of a role be accepted, and then not do or show at once what it should."""
        engine = self.world.engine
        self._expect_nothing()
        handle = engine.handle

        def handled(request: Request, effects: Effects | None = None, at_ms: int | None = None) -> Reply:
            if request.path != "/v5/order/create" or f"-{role}" not in request.params.get("orderLinkId", ""):
                return handle(request, effects, at_ms)
            self._expect_nothing()
            return handle(request, EFFECTS[kind], at_ms)

        engine.handle = handled  # type: ignore[method-assign]

    def _expect_nothing(self) -> None:
        vars(self.world.engine).pop("handle", None)

    # -- the owner, by hand on the website

    @precondition(lambda self: self._stops())
    @rule(data=st.data(), act=st.sampled_from(["cancel", "lower", "halve", "sell", "sell half"]))
    def owner_takes_a_hand(self, data: st.DataObject, act: str) -> None:
        stop = data.draw(st.sampled_from(self._stops()))
        half = plain((stop.qty / 2).quantize(Decimal("0.000001")))
        match act:
            case "lower":
                lower = plain((stop.trigger * Decimal("0.99")).quantize(Decimal(1)))
                self._post("amend", orderLinkId=stop.link, triggerPrice=lower)
            case "halve":
                self._post("amend", orderLinkId=stop.link, qty=half)
            case _:
                self._post("cancel", orderLinkId=stop.link, orderFilter="tpslOrder")
        if act.startswith("sell"):
            qty = half if act == "sell half" else plain(stop.qty)
            self._post("create", side="Sell", orderType="Market", marketUnit="baseCoin", qty=qty)

    # -- helpers

    def _post(self, what: str, **params: str) -> None:
        """Ask for something on the website; what the exchange refuses is simply not done."""
        request = Request("POST", f"/v5/order/{what}", {"category": "spot", "symbol": SYMBOL} | params)
        self.world.engine.handle(request)

    def _try(self, act: Callable[[], Any]) -> None:
        """Do what may be refused."""
        try:
            act()
        except BotboxError:
            return

    def _desk(self) -> Desk:
        return self.world.new_desk(f"desk{next(self.tokens)}")

    def _price(self) -> Decimal:
        price = self.world.market.last(SYMBOL, round(self.world.clock.now().timestamp() * 1000))
        assert price is not None
        return price

    def _living(self) -> list[Trade]:
        with self.world.store.read(self.world.account) as books:
            return books.trades(LIVING_TRADES)

    def _stops(self) -> list[TrueOrder]:
        """Return the stops that rest on the exchange."""
        orders = truth(self.world).orders
        return [o for o in orders if o.is_open and (name := name_of(o.link)) and name.role == "stop"]


def test_trade_survives_whatever_happens_in_its_life() -> None:
    run_state_machine_as_test(
        TradeLife, settings=settings(max_examples=40, stateful_step_count=25, deadline=None)
    )
