"""Who types the commands: what somebody would do next, and what each command says at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random
from typing import Any

from botbox_cli.domain.setup import LIVING, Direction, Setup, SetupSource, SetupStatus
from botbox_cli.domain.trade import LIVING_TRADES, Trade
from botbox_cli.errors import BotboxError, gravest
from botbox_cli.exchange.paper.engine import PaperExchange
from botbox_cli.exchange.paper.protocol import to_ms
from botbox_cli.services.adopt_stop import adopt_stop
from botbox_cli.services.close import close
from botbox_cli.services.decide import approve, reject
from botbox_cli.services.desk import Desk
from botbox_cli.services.execute import execute, execute_approved
from botbox_cli.services.flatten import flatten
from botbox_cli.services.halt import halt, resume
from botbox_cli.services.invalidate import invalidate
from botbox_cli.services.monitor import monitor
from botbox_cli.services.reconcile import reconcile
from tests.simulation.checkers import Told
from tests.simulation.weather import Weather
from tests.support.world import NoCandles

Command = Callable[[Desk], Told]

_SHARES = (
    (550, "trade"),
    (20, "execute --approved"),
    (70, "close"),
    (12, "adopt-stop"),
    (10, "reconcile"),
    (8, "halt"),
    (6, "close --all"),
    (4, "halt --flatten"),
    (10, "decide"),
    (310, "monitor"),
)
_KINDS, _WEIGHTS = tuple(kind for _, kind in _SHARES), tuple(accumulate(weight for weight, _ in _SHARES))
_OF_TRADES = frozenset({"close", "adopt-stop", "close --all", "halt --flatten"})


class Typist:
    """Chooses commands and runs them. It sees the books as a person does, past every fault."""

    def __init__(
        self, rng: Random, weather: Weather, engine: PaperExchange, store: Any, account: Any
    ) -> None:
        self._rng = rng
        self._weather = weather
        self._engine = engine
        self._store, self._account = store, account

    # -- what is there

    def living(self) -> list[Trade]:
        """Return the trades that are not over."""
        with self._store.read(self._account) as books:
            return list(books.trades(LIVING_TRADES))

    def is_halted(self) -> bool:
        """Tell whether entries are halted."""
        with self._store.read(self._account) as books:
            return books.halt() is not None

    def last(self, symbol: str) -> Decimal:
        """Return the last price."""
        last: Decimal | None = self._engine.market.last(symbol, to_ms(self._engine.clock.now()))
        assert last is not None, symbol
        return last

    # -- choosing

    def next(self) -> Command:
        """Choose what somebody types next."""
        rng = self._rng
        if self.is_halted() and rng.random() < 0.5:
            return self.resume
        living = self.living()
        kind = rng.choices(_KINDS, cum_weights=_WEIGHTS)[0]
        if kind in _OF_TRADES and not living:
            kind = "trade"
        match kind:
            case "trade":
                setup_id = self._propose()
                return lambda desk: self.execute(desk, setup_id)
            case "close":
                trade_id = rng.choice(living).id
                return lambda desk: self.close(desk, trade_id)
            case "adopt-stop":
                trade_id = rng.choice(living).id
                return lambda desk: self.adopt_stop(desk, trade_id)
            case "decide":
                return self._decision()
            case "monitor":
                return self.monitor
        return {
            "execute --approved": self.execute_approved,
            "reconcile": self.reconcile,
            "halt": self.halt,
            "close --all": self.close_all,
            "halt --flatten": self.halt_and_flatten,
        }[kind]

    def _propose(self) -> int:
        """Make a setup at the present price, or take one that still waits."""
        rng = self._rng
        waiting = [s.id for s in self._setups([SetupStatus.APPROVED]) if self._is_fresh(s)]
        if waiting and rng.random() < 0.5:
            return int(rng.choice(waiting))
        symbol = rng.choice(self._weather.symbols)
        setup = self._setup_of(symbol, self.last(symbol), self._engine.clock.now())
        with self._store.write(self._account) as books:
            return int(books.add_setup(setup).id)

    def _setups(self, statuses: Sequence[SetupStatus]) -> list[Setup]:
        with self._store.read(self._account) as books:
            return list(books.setups(statuses))

    def _is_fresh(self, setup: Setup) -> bool:
        sign, last = setup.direction.sign, self.last(setup.symbol)
        is_within = (last - setup.stop_loss) * sign > 0 and (setup.take_profit_1 - last) * sign > 0
        return is_within and setup.expires_at > self._engine.clock.now()

    def _setup_of(self, symbol: str, last: Decimal, now: datetime) -> Setup:
        rng = self._rng
        rules = self._engine.instrument(symbol)
        assert rules is not None, symbol
        is_short = self._weather.policy.shorts and (symbol in self._weather.shorted) == (rng.random() < 0.95)
        sign = -1 if is_short else 1

        def at(share: float) -> Decimal:
            wanted = last * Decimal(repr(round(1 + sign * share, 6)))
            return (wanted / rules.tick).to_integral_value() * rules.tick

        is_brief = rng.random() < self._weather.brief_rate
        good_for_s = rng.choice((2, 5, 30, 300, 900)) if is_brief else 24 * 3600
        return Setup(
            symbol=symbol,
            timeframe="",
            kind="MANUAL",
            direction=Direction.SHORT if is_short else Direction.LONG,
            source=SetupSource.MANUAL,
            entry_price=last,
            stop_loss=at(-rng.uniform(0.005, 0.02)),
            take_profit_1=at(rng.uniform(0.005, 0.02)),
            take_profit_2=at(rng.uniform(0.021, 0.04)) if rng.random() < 0.7 else None,
            detected_at=now,
            expires_at=now + timedelta(seconds=good_for_s),
            status=SetupStatus.APPROVED if rng.random() < 0.8 else SetupStatus.ACTIVE,
        )

    def _decision(self) -> Command:
        """Choose a decision on a setup that waits, or the pass that closes what has expired."""
        waiting = self._setups(LIVING)
        if not waiting or self._rng.random() < 0.3:
            return self.invalidate
        setup_id = self._rng.choice(waiting).id
        if self._rng.random() < 0.7:
            return lambda desk: self.approve(desk, setup_id)
        return lambda desk: self.reject(desk, setup_id)

    # -- commands

    def execute(self, desk: Desk, setup_id: int) -> Told:
        """`approve ID --execute` or `execute ID`."""
        with desk.store.read(desk.account) as books:
            is_new = books.setup(setup_id).status is SetupStatus.ACTIVE
        outcome = execute(desk, setup_id, approve=is_new)
        code = _code(outcome.error)
        return Told("execute", code, outcome.trade.trade.id, outcome.success)

    def execute_approved(self, desk: Desk) -> Told:
        results = execute_approved(desk)
        codes = [_code(r[1] if isinstance(r, tuple) else r.error) for r in results]
        return Told("execute --approved", gravest(codes))

    def close(self, desk: Desk, trade_id: int) -> Told:
        try:
            outcome = close(desk, trade_id)
        except BotboxError as e:
            return Told("close", e.exit_code, trade_id)
        return Told("close", _code(outcome.error), trade_id, outcome.success)

    def close_all(self, desk: Desk) -> Told:
        results = flatten(desk)
        return Told("close --all", gravest([_code(r.error) for r in results]))

    def halt_and_flatten(self, desk: Desk) -> Told:
        halt(desk.store, desk.account, desk.clock, reason="")
        return Told("halt --flatten", self.close_all(desk).exit_code)

    def monitor(self, desk: Desk) -> Told:
        result = monitor(desk)
        busy = any(t.action == "busy" for t in result.trades)
        code = gravest([_code(e.error) for e in result.errors])
        return Told("monitor (busy)" if busy else "monitor", code)

    def reconcile(self, desk: Desk) -> Told:
        found = reconcile(desk, apply=self._rng.random() < 0.7)
        return Told("reconcile", 8 if found.differences else 0)

    def adopt_stop(self, desk: Desk, trade_id: int) -> Told:
        adopt_stop(desk, trade_id)
        return Told("trade --adopt-stop", 0, trade_id)

    def halt(self, desk: Desk) -> Told:
        halt(desk.store, desk.account, desk.clock, reason="")
        return Told("halt", 0)

    def resume(self, desk: Desk) -> Told:
        resume(desk.store, desk.account, desk.clock)
        return Told("resume", 0)

    def approve(self, desk: Desk, setup_id: int) -> Told:
        approve(desk, setup_id, note="")
        return Told("approve", 0)

    def reject(self, desk: Desk, setup_id: int) -> Told:
        reject(desk, setup_id, reason="no")
        return Told("reject", 0)

    def invalidate(self, desk: Desk) -> Told:
        invalidate(desk.store, NoCandles(), desk.account, desk.exchange, desk.clock)  # type: ignore[arg-type]
        return Told("scan", 0)


def _code(error: BotboxError | None) -> int:
    """Return the exit code of what a command returned."""
    if error is None:
        return 0
    let_go(error)
    return error.exit_code


def let_go(error: BaseException | None) -> None:
    """Let go of the frames of an error: they hold the whole day, and it them, which only the collector undoes."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__
