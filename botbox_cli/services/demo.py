"""A person's session on recorded candles, step by step: watch, decide, trade, look after it, count.

Every step calls the service behind the command that a person would type there. What comes of it is up to the candles:
the session only knows whom to ask next, and when to stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from botbox_cli.domain.candle import to_ms
from botbox_cli.domain.setup import Setup, SetupStatus
from botbox_cli.domain.statistics import Statistics
from botbox_cli.domain.trade import LIVING_TRADES
from botbox_cli.errors import Denied, NotFound
from botbox_cli.ports import LogEntry
from botbox_cli.services.book import TradeBook
from botbox_cli.services.card import Card, card
from botbox_cli.services.desk import Desk
from botbox_cli.services.execute import Outcome, execute
from botbox_cli.services.monitor import MonitorResult, monitor
from botbox_cli.services.record import RecordResult, record
from botbox_cli.services.scan import ScanResult, scan
from botbox_cli.services.stats import stats
from botbox_cli.services.trades import TradeView, list_trades, one_trade

HISTORY_DAYS = 30
TIMEFRAMES = ("60", "240")
"""What the rule reads: the candles it looks at, and those of the regime."""
HOUR = timedelta(hours=1)
LOOK = timedelta(minutes=15)
"""Between two looks after an open trade. A replayed candle has its low after a quarter of it, its high after half."""
PATIENCE = timedelta(days=14)
"""When a session without a trade, or with one that does not end, is over."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What `botbox setups` lists, newest first."""

    setups: tuple[Setup, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A setup that botbox would not trade, and why."""

    setup_id: int
    error: Denied


@dataclass(frozen=True, slots=True)
class Story:
    """What `botbox trade ID` shows."""

    view: TradeView
    book: TradeBook
    log: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What `botbox trades` lists."""

    trades: tuple[TradeView, ...]


Result = (
    RecordResult
    | ScanResult
    | Waiting
    | Card
    | Outcome
    | Refused
    | MonitorResult
    | Story
    | Ledger
    | Statistics
)


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the session: when, what a person types, what came of it."""

    at: datetime
    command: str
    result: Result


@dataclass(slots=True)
class _Session:
    """A session under way. `done` holds the kinds of setup that need no second try."""

    desk: Desk
    symbols: Sequence[str]
    start: datetime
    done: set[str] = field(default_factory=set)
    trade_id: int | None = None

    def step(self, command: str, result: Result) -> Step:
        return Step(self.desk.clock.now(), f"botbox {command}", result)

    def record(self) -> RecordResult:
        """Record, or raise the first error: on recorded candles nothing is expected to fail."""
        desk = self.desk
        result = record(
            desk.store,
            desk.candles,
            desk.exchange,
            desk.clock,
            venue=desk.account.venue,
            symbols=self.symbols,
            timeframes=TIMEFRAMES,
            since_ms=to_ms(self.start - timedelta(days=HISTORY_DAYS)),
        )
        if result.errors:
            raise result.errors[0].error
        return result

    def scan(self) -> ScanResult:
        desk = self.desk
        return scan(desk.store, desk.candles, desk.account, desk.exchange, desk.clock, symbols=self.symbols)

    def waiting(self) -> Waiting:
        with self.desk.store.read(self.desk.account) as books:
            active = books.setups([SetupStatus.ACTIVE])
        return Waiting(tuple(sorted(active, key=lambda setup: setup.id, reverse=True)))

    def is_holding(self) -> bool:
        with self.desk.store.read(self.desk.account) as books:
            return bool(books.trades(LIVING_TRADES))

    def is_over(self) -> bool:
        is_closed = self.trade_id is not None and not self.is_holding()
        return is_closed or self.desk.clock.now() - self.start >= PATIENCE


def session(desk: Desk, symbols: Sequence[str]) -> Iterator[Step]:
    """Play a session from the clock's present moment on, until a trade has closed or the patience is at its end.

    The first setup of each kind is approved. Where botbox refuses one, the next of that kind has its turn, unless the
    refusal holds for all of them (shorts, as long as they are off).

    Raises:
        NotFound: If nothing is recorded at that moment.
        BotboxError: As the services do.
    """
    play = _Session(desk, symbols, desk.clock.now())
    recorded = play.record()
    _refuse_unrecorded(play, recorded)
    yield play.step(f"record --once --since {HISTORY_DAYS}d", recorded)
    found = play.scan()
    yield play.step("scan", found)
    yield from _decide_on(play, found)
    while not play.is_over():
        yield from _hour(play)
    if play.trade_id is not None:
        view, book, log = one_trade(desk.store, desk.account, play.trade_id)
        yield play.step(f"trade {play.trade_id}", Story(view, book, tuple(log)))
    yield play.step("trades", Ledger(tuple(list_trades(desk.store, desk.account))))
    yield play.step("stats", stats(desk.store, desk.account))


def _refuse_unrecorded(play: _Session, recorded: RecordResult) -> None:
    if not any(s.last is not None and play.start - s.last <= 2 * HOUR for s in recorded.series):
        raise NotFound(
            f"no candles before {play.start:%Y-%m-%d %H:%M} UTC are recorded",
            "the recording is of the year 2025",
        )


def _hour(play: _Session) -> Iterator[Step]:
    """Let an hour pass: looks after the open trade, then the hourly candle and what is found in it."""
    for _ in range(HOUR // LOOK):
        play.desk.clock.sleep(LOOK.total_seconds())
        if play.is_holding():
            yield from _look_after(play)
            if play.is_over():
                return
    play.record()
    yield from _decide_on(play, play.scan())


def _look_after(play: _Session) -> Iterator[Step]:
    result = monitor(play.desk)
    if any(trade.action != "none" for trade in result.trades):
        yield play.step("monitor --once", result)


def _decide_on(play: _Session, found: ScanResult) -> Iterator[Step]:
    """Show the first setup of each kind that is new to the person, and approve it."""
    fresh = {setup.kind: setup for setup in reversed(found.detected) if setup.kind not in play.done}
    if fresh:
        yield play.step("setups", play.waiting())
    for setup in sorted(fresh.values(), key=lambda setup: setup.id):
        yield play.step(f"show {setup.id}", card(play.desk, setup.id))
        yield play.step(f"approve {setup.id} --execute", _approve(play, setup))


def _approve(play: _Session, setup: Setup) -> Outcome | Refused:
    try:
        outcome = execute(play.desk, setup.id, approve=True)
    except Denied as refusal:
        if refusal.code == "shorts_off":
            play.done.add(setup.kind)
        return Refused(setup.id, refusal)
    if outcome.success:
        play.done.add(setup.kind)
        play.trade_id = outcome.trade.trade.id
    return outcome
