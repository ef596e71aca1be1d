"""One trading day from its seed: commands, prices, faults, deaths, races and the owner's hand, then the judgement."""

from __future__ import annotations

import math
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.setup import Direction, Setup, SetupSource, SetupStatus
from botbox_cli.domain.trade import LIVING_TRADES, Trade, TradeStatus
from botbox_cli.errors import BotboxError, gravest
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.exchange.paper.direct import DirectSession
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.faults import FaultyExchange
from botbox_cli.exchange.paper.instrument import Instrument
from botbox_cli.exchange.paper.limits import LimitRules
from botbox_cli.exchange.paper.market import Book, made_book
from botbox_cli.exchange.paper.protocol import to_ms
from botbox_cli.exchange.paper.scripted import ScriptedMarket
from botbox_cli.exchange.paper.store import MemoryBooks
from botbox_cli.ports import Holder
from botbox_cli.services.close import close
from botbox_cli.services.desk import Desk
from botbox_cli.services.execute import execute, execute_approved
from botbox_cli.services.halt import halt, resume
from botbox_cli.services.monitor import monitor
from botbox_cli.services.reconcile import reconcile
from botbox_cli.storage.store import SqlStore
from tests.simulation.baton import Baton
from tests.simulation.checkers import Told, glance, judge, judge_pass, judge_told
from tests.simulation.owner import Owner
from tests.simulation.storm import Storm
from tests.simulation.truth import truth_of
from tests.simulation.weather import START_PRICES, Weather, weather_of
from tests.support.memory_store import MemoryStore
from tests.support.process import Killed, Process
from tests.support.world import NoCandles

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
TAG = "sim001"
PASSES = 2
"""How often the monitor may run before everything must be settled."""
BETWEEN_PASSES_S = 61.0


@dataclass
class DayResult:
    """What a day came to. `lives` counts trades whose entry filled."""

    seed: int
    violations: list[str] = field(default_factory=list)
    lives: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    exit_codes: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0


class TaskClock:
    """A process's view of time: off by some seconds, and its sleep lets others run."""

    def __init__(self, clock: ManualClock, baton: Baton, skew_s: float) -> None:
        self._clock, self._baton = clock, baton
        self._skew = timedelta(seconds=skew_s)

    def now(self) -> datetime:
        return self._clock.now() + self._skew

    def sleep(self, seconds: float) -> None:
        if self._baton.is_racing:
            self._baton.pause(seconds)
        else:
            self._clock.sleep(seconds)


class SimMarket(ScriptedMarket):
    """Scripted prices whose book has levels of the same worth in every symbol, however small its price."""

    def __init__(self, prices: Mapping[str, Decimal], worth: Decimal | None) -> None:
        super().__init__(prices)
        self._worth = worth

    def book(self, instrument: Instrument, at_ms: int, last: Decimal | None = None) -> Book:
        price = last if last is not None else self.last(instrument.symbol, at_ms)
        if self._worth is None or price is None:
            return super().book(instrument, at_ms, last)
        step = instrument.base_step
        depth = max(step, (self._worth / price / step).to_integral_value() * step)
        return made_book(instrument, price, self.spread_ticks, depth)


class Day:
    """A day of one seed. `trace` gets a line for each thing that happens."""

    def __init__(
        self, seed: int, *, in_sql: bool = False, trace: Callable[[str], None] | None = None
    ) -> None:
        self.rng = Random(seed)
        self.weather: Weather = weather_of(self.rng)
        self.result = DayResult(seed)
        self.clock = ManualClock(START)
        self.market = SimMarket({s: START_PRICES[s] for s in self.weather.symbols}, self.weather.depth)
        opening = {"USDT": self.weather.balance}
        for symbol in self.weather.own_coins:
            opening[symbol.removesuffix("USDT")] = Decimal(500) / START_PRICES[symbol]
        self.engine = PaperExchange(
            MemoryBooks(opening),
            self.market,
            self.clock,
            terms=self.weather.terms,
            limits=LimitRules(is_on=False),
            checks_signature=False,
        )
        self.storm = Storm(self.rng, self.weather.fault_rate)
        self.faulty = FaultyExchange(self.engine, self.storm)
        self.owner = Owner(self.engine, self.rng)
        self.baton = Baton(self.clock, self.rng)
        self.store: Any = SqlStore("sqlite://", new_tag=lambda: TAG) if in_sql else MemoryStore(TAG)
        if isinstance(self.store, MemoryStore):
            self.store.is_dead = lambda h: self.weather.is_dead_known and h.token in self._dead
        self.account = self.store.save_account(Mode.PAPER, "1", "hash", Venue.REPLAY)
        self._trace = trace
        self._dead: set[str] = set()
        self._processes = 0
        self._depth = 0
        self._disturbed = 0
        self._is_calm = False
        self._is_halted = False

    def run(self) -> DayResult:
        """Live the day and judge it."""
        try:
            self._say(f"weather {self.weather}")
            for _ in range(self.weather.events):
                self._event()
            self._settle()
            self._judge()
            self.result.lives = sum(t.status is not TradeStatus.FAILED for t in self._trades())
        finally:
            self.store.close()
        self.result.faults = self.storm.counts
        self.result.counts["request"] = self.storm.requests
        return self.result

    def _say(self, text: str) -> None:
        if self._trace is not None:
            self._trace(f"{self.clock.now():%d %H:%M:%S.%f} {text}")

    def _blame(self, violations: list[str], when: str) -> None:
        self.result.violations += [f"{when}: {each}" for each in violations]
        for each in violations:
            self._say(f"VIOLATION {when}: {each}")

    # -- what happens

    def _event(self) -> None:
        rng = self.rng
        self._let_time_pass(rng.choice((2, 60, 300, 600, 900, 1800)))
        draw = rng.random()
        if draw < self.weather.hand_rate:
            self.result.counts["hand"] += 1
            self._say(f"the owner {self.owner.act(self.weather.symbols)}")
        elif draw < self.weather.hand_rate + 0.01:
            self.result.counts["restart"] += 1
            self.engine.restart()
            self._say("the exchange restarts")
        elif draw < self.weather.hand_rate + 0.015 and not self._is_entry_in_doubt():
            self.result.counts["night"] += 1
            self._let_time_pass(26 * 3600)
        elif rng.random() < self.weather.race_rate:
            self.result.counts["race"] += 1
            acts = [self._command() for _ in range(rng.choice((2, 2, 3)))]
            self._disturbed += 1
            self.baton.run([lambda act=act: self._start(act) for act in acts])  # type: ignore[misc]
        else:
            self._start(self._command())

    def _let_time_pass(self, seconds: float) -> None:
        """Pass time with prices moving in it, a few times at most."""
        ticks = min(4, 1 + int(seconds // 30))
        for _ in range(ticks):
            self.clock.sleep(seconds / ticks)
            self._tick()

    def _tick(self) -> None:
        symbol = self.rng.choice(self.weather.symbols)
        last = self._last(symbol)
        move = self.rng.gauss(0, 0.005)
        if self.rng.random() < 0.06:
            move = self.rng.choice((-1, 1)) * self.rng.uniform(0.01, 0.05)
        start = START_PRICES[symbol]
        price = min(max(float(last) * math.exp(move), float(start) * 0.5), float(start) * 2)
        tick = self._rules(symbol).tick
        rounded = (Decimal(repr(price)) / tick).to_integral_value() * tick
        self.market.set_price(symbol, rounded, to_ms(self.clock.now()))
        self._disturbed += 1
        self._say(f"{symbol} {rounded}")

    def _last(self, symbol: str) -> Decimal:
        last: Decimal | None = self.market.last(symbol, to_ms(self.clock.now()))
        assert last is not None, symbol
        return last

    def _rules(self, symbol: str) -> Any:
        return self.engine.instrument(symbol)

    def _trades(self) -> list[Trade]:
        with self.store.read(self.account) as books:
            return list(books.trades())

    def _living(self) -> list[Trade]:
        with self.store.read(self.account) as books:
            return list(books.trades(LIVING_TRADES))

    def _is_entry_in_doubt(self) -> bool:
        """Tell whether an entry waits to be settled: after a day nobody could say any more whether it had landed."""
        return any(t.status is TradeStatus.OPENING for t in self._living())

    # -- commands

    def _command(self) -> Callable[[Desk], Told]:
        """Choose what somebody types next."""
        rng = self.rng
        living = self._living()
        if self._is_halted and rng.random() < 0.5:
            return self._halt_or_resume
        draw = rng.random()
        if draw < 0.5 or (not living and draw < 0.85):
            setup_id = self._propose()
            return lambda desk: self._execute(desk, setup_id)
        if draw < 0.52:
            return self._execute_approved
        if draw < 0.6 and living:
            trade_id = rng.choice(living).id
            return lambda desk: self._close(desk, trade_id)
        if draw < 0.61:
            return self._reconcile
        if draw < 0.615:
            return self._halt_or_resume
        return self._monitor

    def _propose(self) -> int:
        """Make a setup at the present price, or take one that still waits."""
        rng = self.rng
        with self.store.read(self.account) as books:
            waiting = [s.id for s in books.setups([SetupStatus.APPROVED]) if self._is_fresh(s)]
        if waiting and rng.random() < 0.5:
            return int(rng.choice(waiting))
        symbol = rng.choice(self.weather.symbols)
        now = self.clock.now()
        setup = self._setup_of(symbol, self._last(symbol), now)
        with self.store.write(self.account) as books:
            return int(books.add_setup(setup).id)

    def _is_fresh(self, setup: Setup) -> bool:
        return (
            setup.stop_loss < self._last(setup.symbol) < setup.take_profit_1
            and setup.expires_at > self.clock.now()
        )

    def _setup_of(self, symbol: str, last: Decimal, now: datetime) -> Setup:
        rng, tick = self.rng, self._rules(symbol).tick

        def at(share: float) -> Decimal:
            price: Decimal = (last * Decimal(repr(round(1 + share, 6))) / tick).to_integral_value() * tick
            return price

        return Setup(
            symbol=symbol,
            timeframe="",
            kind="MANUAL",
            direction=Direction.LONG,
            source=SetupSource.MANUAL,
            entry_price=last,
            stop_loss=at(-rng.uniform(0.005, 0.02)),
            take_profit_1=at(rng.uniform(0.005, 0.02)),
            take_profit_2=at(rng.uniform(0.021, 0.04)) if rng.random() < 0.7 else None,
            detected_at=now,
            expires_at=now + timedelta(hours=24),
            status=SetupStatus.APPROVED if rng.random() < 0.8 else SetupStatus.ACTIVE,
        )

    def _execute(self, desk: Desk, setup_id: int) -> Told:
        with desk.store.read(desk.account) as books:
            approve = books.setup(setup_id).status is SetupStatus.ACTIVE
        outcome = execute(desk, setup_id, approve=approve)
        code = outcome.error.exit_code if outcome.error else 0
        return Told("execute", code, outcome.trade.trade.id, outcome.success)

    def _execute_approved(self, desk: Desk) -> Told:
        results = execute_approved(desk)
        codes = [
            r[1].exit_code if isinstance(r, tuple) else r.error.exit_code if r.error else 0 for r in results
        ]
        return Told("execute --approved", gravest(codes))

    def _close(self, desk: Desk, trade_id: int) -> Told:
        try:
            outcome = close(desk, trade_id)
        except BotboxError as e:
            return Told("close", e.exit_code, trade_id)
        return Told("close", outcome.error.exit_code if outcome.error else 0, trade_id, outcome.success)

    def _monitor(self, desk: Desk) -> Told:
        result = monitor(desk)
        busy = any(t.action == "busy" for t in result.trades)
        code = gravest([e.error.exit_code for e in result.errors])
        return Told("monitor (busy)" if busy else "monitor", code)

    def _reconcile(self, desk: Desk) -> Told:
        found = reconcile(desk, apply=self.rng.random() < 0.7)
        return Told("reconcile", 8 if found.differences else 0)

    def _halt_or_resume(self, desk: Desk) -> Told:
        if not resume(desk.store, desk.account, desk.clock):
            halt(desk.store, desk.account, desk.clock, reason="")
        self._is_halted = not self._is_halted
        return Told("halt", 0)

    # -- processes

    def _new_process(self) -> Process:
        self._processes += 1
        token = f"process{self._processes}"
        clock = TaskClock(self.clock, self.baton, self.weather.skew_s)
        desk = Desk(
            self.store,
            NoCandles(),  # type: ignore[arg-type]
            self.account,
            None,  # type: ignore[arg-type]  # the process makes its own
            clock,
            self.weather.policy,
            Holder("host", 1, "then", token),
        )
        session = DirectSession(self.faulty, timestamp=lambda: to_ms(clock.now()))
        process = Process(desk, session, token)
        process.on_step = lambda step: self._step(process, step)
        return process

    def _start(self, act: Callable[[Desk], Told]) -> None:
        """Run a command in a process of its own to its end, or its death, and judge what it said."""
        process = self._new_process()
        token = process.desk.holder.token
        disturbed, started, stale = self._disturbed, self.clock.now(), self.storm.counts["stale"]
        known = len(self.engine._books.begin().orders)
        self.result.counts["command"] += 1
        try:
            told = act(process.desk)
        except Killed:
            self._dead.add(token)
            self.result.counts["kill"] += 1
            self._say(f"{token} is killed")
            return
        except BotboxError as e:
            told = Told("refused", e.exit_code)
            self.result.counts[f"refused {e.code}"] += 1
        except Exception:  # noqa: BLE001  # A traceback is a finding like any other.
            self._blame([traceback.format_exc()], "a bug")
            return
        self.result.exit_codes[f"{told.command} {told.exit_code}"] += 1
        self._say(f"{token} {told}")
        if disturbed == self._disturbed and self._depth == 0 and not self.baton.is_racing:
            self.result.longest_s = max(self.result.longest_s, (self.clock.now() - started).total_seconds())
            # A copy of an old answer may make a pass believe in a stop that has gone: the next pass finds out.
            self._judge_told(told, known, is_fooled=stale != self.storm.counts["stale"])

    def _judge_told(self, told: Told, known: int, *, is_fooled: bool) -> None:
        accepted = [o.link_id for o in list(self.engine._books.begin().orders.values())[known:]]
        if told.command in ("execute", "close"):
            case = glance(self.engine, self.store, self.account, told.trade_id)
            self._blame(judge_told(told, case, accepted=accepted), "told")
        elif told.command == "monitor" and told.exit_code == 0 and not is_fooled:
            for trade in self._living():
                case = glance(self.engine, self.store, self.account, trade.id)
                self._blame(judge_pass(case), "after a pass with exit code 0")

    def _step(self, process: Process, step: str) -> None:
        """Whatever may happen to a process between two of its steps."""
        if self._is_calm:
            return
        rng, weather = self.rng, self.weather
        is_ask = step.startswith("ask")
        if weather.kill_rate and rng.random() < weather.kill_rate:
            self._say(f"dies at {step}")
            raise Killed
        pause_s = rng.uniform(0.002, 0.06) if is_ask else 0.0
        if weather.freeze_rate and rng.random() < weather.freeze_rate:
            pause_s = rng.choice((3.0, 8.0, 16.0, 40.0))
            self._disturbed += 1
            self.result.counts["freeze"] += 1
            self._say(f"{process.desk.holder.token} freezes {pause_s} s at {step}")
        if self.baton.is_racing:
            self.baton.pause(pause_s)
        elif pause_s:
            self.clock.sleep(pause_s)
        if weather.tick_rate and is_ask and rng.random() < weather.tick_rate:
            self._tick()
        if weather.intrude_rate and rng.random() < weather.intrude_rate and self._depth < 2:
            self._intrude(step)
        process.refuse_if_dead()

    def _intrude(self, step: str) -> None:
        """Let another command run from beginning to end between two steps of this one."""
        if self.baton.is_racing:
            return
        self._depth += 1
        self._disturbed += 1
        self.result.counts["intrusion"] += 1
        self._say(f"at {step} another command comes between")
        self._start(self._command())
        self._depth -= 1

    # -- the end

    def _settle(self) -> None:
        """Faults end; a while later the monitor passes twice."""
        self.storm.stop()
        self._is_calm = True
        self._let_time_pass(30)
        for _ in range(PASSES):
            self.clock.sleep(BETWEEN_PASSES_S)
            process = self._new_process()
            result = monitor(process.desk)
            self._say(f"settling: {result}")

    def _judge(self) -> None:
        self._blame(judge(truth_of(self.engine), self.store, self.account), "settled")
        if not self.result.violations:
            found = reconcile(self._new_process().desk)
            self._blame([f"reconcile finds {d}" for d in found.differences], "settled")
