"""One trading day from its seed: commands, prices, faults, deaths, races and the owner's hand, then the judgement."""

from __future__ import annotations

import math
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.setup import Direction
from botbox_cli.domain.trade import Trade, TradeStatus
from botbox_cli.errors import BotboxError
from botbox_cli.exchange.paper.direct import DirectSession
from botbox_cli.exchange.paper.faults import FaultyExchange
from botbox_cli.exchange.paper.margin import NO_REPAY_MS
from botbox_cli.exchange.paper.protocol import to_ms
from botbox_cli.ports import Holder
from botbox_cli.services.desk import Desk
from botbox_cli.services.monitor import monitor
from botbox_cli.services.reconcile import reconcile
from botbox_cli.storage.store import SqlStore
from tests.simulation.baton import Baton
from tests.simulation.checkers import Case, Told, case_of, glance, judge_case, judge_pass, judge_told
from tests.simulation.gate import (
    entries_sent,
    expiries_of,
    is_hidden,
    is_sale_hidden,
    judge_brakes,
    judge_debts,
    judge_expiry,
    judge_owners_orders,
    judge_sender,
)
from tests.simulation.owner import Owner
from tests.simulation.stage import DayClock, SimMarket, TaskClock, exchange_of
from tests.simulation.storm import Storm
from tests.simulation.truth import truth_of
from tests.simulation.typist import Typist, let_go
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
    ends: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0


class Day:
    """A day of one seed. `trace` gets a line for each thing that happens."""

    def __init__(
        self, seed: int, *, in_sql: bool = False, trace: Callable[[str], None] | None = None
    ) -> None:
        self.rng = Random(seed)
        self.weather: Weather = weather_of(self.rng)
        self.result = DayResult(seed)
        self.clock = DayClock(START, self.weather.skew_s)
        self.market = SimMarket({s: START_PRICES[s] for s in self.weather.symbols}, self.weather.depth)
        self.engine = exchange_of(self.weather, self.market, self.clock)
        self.storm = Storm(self.rng, self.weather.fault_rate)
        self.faulty = FaultyExchange(self.engine, self.storm)
        self.owner = Owner(self.engine, self.rng, only_stops=self.weather.policy.shorts)
        self.baton = Baton(self.clock, self.rng)
        self.store: Any = SqlStore("sqlite://", new_tag=lambda: TAG) if in_sql else MemoryStore(TAG)
        self.account = self.store.save_account(Mode.PAPER, "1", "hash", Venue.REPLAY)
        self.typist = Typist(self.rng, self.weather, self.engine, self.store, self.account)
        clock = TaskClock(self.clock, self.baton)
        self._session = DirectSession(self.faulty, timestamp=lambda: to_ms(clock.now()))
        self._desk = Desk(
            self.store,
            NoCandles(),  # type: ignore[arg-type]
            self.account,
            None,  # type: ignore[arg-type]  # each process makes its own
            clock,
            self.weather.policy,
            Holder("host", 1, "then", "day"),
        )
        self._ticks = {s: self._tick_of(s) for s in self.weather.symbols}
        self._trace = trace
        self._dead: set[str] = set()
        if isinstance(self.store, MemoryStore) and self.weather.is_dead_known:
            self.store.is_dead = partial(_is_one_of, self._dead)
        self._processes = 0
        self._depth = 0
        # What is drawn at each step: below the one it is killed or freezes, above the other another command comes in.
        self._stopped_below = self.weather.kill_rate + self.weather.freeze_rate
        self._intruded_above = 1 - self.weather.intrude_rate
        self._disturbed = 0
        self._is_calm = False

    def run(self) -> DayResult:
        """Live the day and judge it."""
        try:
            self._say("weather", self.weather)
            for _ in range(self.weather.events):
                self._event()
            self._settle()
            self._judge()
            self._count(self._trades())
        finally:
            self.store.close()
        self.result.faults = self.storm.counts
        self.result.counts["request"] = self.storm.requests
        return self.result

    def _count(self, trades: Iterable[Trade]) -> None:
        entered = [t for t in trades if t.status is not TradeStatus.FAILED]
        self.result.lives = len(entered)
        self.result.counts["short"] = sum(t.direction is Direction.SHORT for t in entered)
        self.result.counts["tp1"] = sum(t.tp1_done for t in entered)
        self.result.ends.update(t.close_reason or "still open, protected" for t in entered)

    def _say(self, *what: object) -> None:
        if self._trace is not None:
            self._trace(f"{self.clock.now():%d %H:%M:%S.%f} {' '.join(map(str, what))}")

    def _blame(self, violations: Iterable[str], when: str) -> None:
        for each in violations:
            self.result.violations.append(f"{when}: {each}")
            self._say(f"VIOLATION {when}: {each}")

    # -- what happens

    def _event(self) -> None:
        rng = self.rng
        self._let_time_pass(rng.choice((2, 60, 300, 600, 900, 1800)))
        if self.weather.policy.shorts:
            busy = {trade.symbol for trade in self.typist.living()}
            self.owner.move_away(s for s in self.weather.symbols if s not in busy)
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
            acts = [self.typist.next() for _ in range(rng.choice((2, 2, 3)))]
            self._disturbed += 1
            self.baton.run([lambda act=act: self._start(act) for act in acts])  # type: ignore[misc]
        else:
            self._start(self.typist.next())

    def _let_time_pass(self, seconds: float) -> None:
        """Pass time with prices moving in it, a few times at most."""
        ticks = min(4, 1 + int(seconds // 30))
        for _ in range(ticks):
            self.clock.sleep(seconds / ticks)
            self._tick()

    def _tick(self) -> None:
        symbol = self.rng.choice(self.weather.symbols)
        last = self.typist.last(symbol)
        move = self.rng.gauss(0, 0.005)
        if self.rng.random() < 0.06:
            move = self.rng.choice((-1, 1)) * self.rng.uniform(0.01, 0.05)
        start = START_PRICES[symbol]
        price = min(max(float(last) * math.exp(move), float(start) * 0.5), float(start) * 2)
        tick = self._ticks[symbol]
        rounded = (Decimal(repr(price)) / tick).to_integral_value() * tick
        self.market.set_price(symbol, rounded, to_ms(self.clock.now()))
        self._disturbed += 1
        self._say(symbol, rounded)

    def _tick_of(self, symbol: str) -> Decimal:
        rules = self.engine.instrument(symbol)
        assert rules is not None, symbol
        return rules.tick

    def _trades(self) -> list[Trade]:
        with self.store.read(self.account) as books:
            return list(books.trades())

    def _is_entry_in_doubt(self) -> bool:
        """Tell whether an entry waits to be settled: after a day nobody could say any more whether it had landed."""
        return any(t.status is TradeStatus.OPENING for t in self.typist.living())

    # -- processes

    def _new_process(self) -> Process:
        self._processes += 1
        token = f"process{self._processes}"
        return Process(self._desk, self._session, token, partial(self._step, token))

    def _start(self, act: Callable[[Desk], Told]) -> None:
        """Run a command in a process of its own to its end, or its death, and judge what it said."""
        process = self._new_process()
        token = process.desk.holder.token
        disturbed, started, stale = self._disturbed, self.clock.now(), self.storm.counts["stale"]
        known = len(self.engine._books.begin().orders)
        self.result.counts["command"] += 1
        try:
            told = act(process.desk)
        except Killed as e:
            let_go(e)
            self._dead.add(token)
            self.result.counts["kill"] += 1
            self._say(token, "is killed")
            return
        except BotboxError as e:
            let_go(e)
            told = Told("refused", e.exit_code)
            self.result.counts[f"refused {e.code}"] += 1
        except Exception:  # noqa: BLE001  # A traceback is a finding like any other.
            self._blame([traceback.format_exc()], "a bug")
            return
        self.result.exit_codes[f"{told.command} {told.exit_code}"] += 1
        self._say(token, told)
        sent = entries_sent(process.steps)
        self._blame(judge_sender(told, sent), "told")
        if disturbed == self._disturbed and self._depth == 0 and not self.baton.is_racing:
            self.result.longest_s = max(self.result.longest_s, (self.clock.now() - started).total_seconds())
            if sent:
                self._judge_brakes(told, sent)
            # A copy of an old answer may make a pass believe in a stop that has gone: the next pass finds out.
            self._judge_told(told, known, started, is_fooled=stale != self.storm.counts["stale"])

    def _judge_brakes(self, told: Told, sent: list[str]) -> None:
        policy, is_halted = self.weather.policy, self.typist.is_halted()
        if is_halted or self.weather.is_braked:
            case = case_of(truth_of(self.engine), self.store, self.account)
            # What a stop has just sold nobody could count in that was not shown it.
            if is_halted or not is_sale_hidden(self.engine, case, self.weather.terms.lag, sent):
                found = judge_brakes(case, told, sent, policy, self.clock.now(), is_halted=is_halted)
                self._blame(found, "told")

    def _judge_told(self, told: Told, known: int, started: datetime, *, is_fooled: bool) -> None:
        if told.command in ("execute", "close"):
            accepted = [o.link_id for o in list(self.engine._books.begin().orders.values())[known:]]
            case = glance(self.engine, self.store, self.account, told.trade_id)
            self._blame(judge_told(told, case, accepted=accepted), "told")
        elif told.command == "monitor" and told.exit_code == 0 and not is_fooled:
            for trade in self.typist.living():
                case = glance(self.engine, self.store, self.account, trade.id)
                lag, cancelled = self.weather.terms.lag, self.owner.cancelled
                if not is_hidden(self.engine, case, lag, started, cancelled):
                    self._blame(judge_pass(case), "after a pass with exit code 0")
        elif told.command in ("close --all", "halt --flatten") and told.exit_code == 0:
            left = [trade.id for trade in self.typist.living()]
            self._blame([f"{told.command} left trades {left}"] if left else (), "told")

    def _step(self, token: str, step: str) -> None:
        """Whatever may happen to a process between two of its steps."""
        if self._is_calm:
            return
        rng, weather = self.rng, self.weather
        draw = rng.random()
        if draw < weather.kill_rate:
            self._say("dies at", step)
            raise Killed
        is_ask = step.startswith("ask")
        pause_s = 0.002 + 0.058 * rng.random() if is_ask else 0.0
        is_frozen = draw < self._stopped_below
        if is_frozen:
            pause_s = rng.choice((3.0, 8.0, 16.0, 40.0))
            self._disturbed += 1
            self.result.counts["freeze"] += 1
            self._say(token, "freezes", pause_s, "s at", step)
        if self.baton.is_racing:
            self.baton.pause(pause_s)
        elif pause_s:
            self.clock.sleep(pause_s)
        if is_ask and weather.tick_rate and rng.random() < weather.tick_rate:
            self._tick()
        if draw > self._intruded_above or (is_frozen and rng.random() < 0.7):
            self._intrude(step)

    def _intrude(self, step: str) -> None:
        """Let another command run from beginning to end between two steps of this one."""
        if self.baton.is_racing or self._depth == 2:
            return
        self._depth += 1
        self._disturbed += 1
        self.result.counts["intrusion"] += 1
        self._say("at", step, "another command comes between")
        self._start(self.typist.next())
        self._depth -= 1

    # -- the end

    def _settle(self) -> None:
        """Faults end; a while later the monitor passes twice."""
        self.storm.stop()
        self._is_calm = True
        self._let_time_pass(30)
        self._wait_for_repayments()
        for _ in range(PASSES):
            self.clock.sleep(BETWEEN_PASSES_S)
            process = self._new_process()
            result = monitor(process.desk)
            self._say("settling:", result)

    def _wait_for_repayments(self) -> None:
        """Let the minutes pass in which the exchange takes no repayment, if a settling pass could fall into them."""
        first_s, end_s = (ms / 1000 for ms in NO_REPAY_MS)
        into_hour_s = self.clock.now().timestamp() % 3600
        if first_s - (PASSES + 1) * BETWEEN_PASSES_S <= into_hour_s < end_s:
            self.clock.sleep(end_s - into_hour_s)

    def _judge(self) -> None:
        case = case_of(truth_of(self.engine), self.store, self.account)
        self._blame(self._findings(case), "settled")
        if not self.result.violations:
            found = reconcile(self._new_process().desk).differences
            # The owner leaves orders that look like another installation's.
            self._blame([f"reconcile finds {d}" for d in found if d.kind != "foreign_order"], "settled")

    def _findings(self, case: Case) -> Iterable[str]:
        yield from judge_case(case)
        yield from judge_expiry(case, expiries_of(self.store, self.account))
        yield from judge_debts(self.engine, case, self.owner.moved)
        yield from judge_owners_orders(self.engine, self.owner.cancelled)


def _is_one_of(dead: set[str], holder: Holder) -> bool:
    return holder.token in dead
