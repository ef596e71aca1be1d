"""When candles are stored and scanned by a watch: as they stream, and over REST where they did not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from botbox_cli.domain.candle import INTERVALS, to_ms
from botbox_cli.errors import BotboxError, ExchangeUnavailable
from botbox_cli.ports import CandleClosed
from botbox_cli.services.desk import Desk
from botbox_cli.services.jobs import AlreadyRunning
from botbox_cli.services.watch_candles import Harvest, catch_up, take_closed
from botbox_cli.services.watch_clerk import Clerk
from botbox_cli.services.watch_events import Event, Recorded, Scanned, SetupClosed, SetupFound
from botbox_cli.services.watch_health import EXCHANGE, Health

LANE = "record"
GATHER_S = 1.0
"""Candles of one moment come one after another: they are stored and scanned together."""
POLL_GRACE_S, STREAM_GRACE_S = 3.0, 20.0
"""How long after its close a candle is asked for over REST: soon while polling, else when it has not streamed."""
RETRY_S = 30.0
STORE_RETRY_S = 5.0
LOOK_S = 1.0

Key = tuple[str, str, int]


class Harvester:
    """Decides when the clerk records, stores and scans; one of these at a time."""

    def __init__(
        self,
        desk: Desk,
        clerk: Clerk,
        ticks: Callable[[], float],
        symbols: Sequence[str],
        timeframes: Sequence[str],
        scan_timeframe: str,
        health: Health,
        tell: Callable[[Event], None],
    ) -> None:
        self._desk, self._clerk, self._ticks, self._health, self._tell = desk, clerk, ticks, health, tell
        self._symbols, self._timeframes, self._scan_timeframe = symbols, timeframes, scan_timeframe
        self._intervals = [INTERVALS[code] for code in timeframes]
        self._waiting: dict[Key, CandleClosed] = {}
        self._waiting_until = 0.0
        self._catch_up_at: float | None = None
        self._streamed_ms: dict[tuple[str, str], int] = {}
        self._complete_ms = 0
        self._next_look = 0.0

    def catch_up_soon(self, in_s: float = 0.0) -> None:
        """Ask over REST for whatever is missing."""
        at = self._ticks() + in_s
        self._catch_up_at = at if self._catch_up_at is None else min(at, self._catch_up_at)

    def take(self, news: CandleClosed, *, is_leading: bool) -> None:
        """Take note of a candle that streamed; one that is no newer than the last of its series is nothing new."""
        series, open_ms = (news.symbol, news.interval.code), int(news.candle.open_ms[-1])
        if open_ms <= self._streamed_ms.get(series, -1):
            return
        self._streamed_ms[series] = open_ms
        if is_leading:
            if not self._waiting:
                self._waiting_until = self._ticks() + GATHER_S
            self._waiting[(*series, open_ms)] = news

    def wait_s(self) -> float:
        """Return in how many seconds there may be something to do."""
        now = self._ticks()
        if self._clerk.is_busy(LANE):
            return LOOK_S
        due = [LOOK_S]
        if self._waiting:
            due.append(self._waiting_until - now)
        if self._catch_up_at is not None:
            due.append(self._catch_up_at - now)
        return max(0.0, min(due))

    def do_due(self, *, is_polling: bool) -> None:
        """Begin what is due, if nothing is under way."""
        now = self._ticks()
        if self._clerk.is_busy(LANE):
            return
        if self._catch_up_at is not None and now >= self._catch_up_at:
            self._catch_up()
        elif self._waiting and now >= self._waiting_until:
            candles, self._waiting = self._waiting, {}
            work = partial(take_closed, self._desk, list(candles.values()), self._scan_timeframe)
            self._clerk.ask(LANE, work, self._harvested, partial(self._not_stored, candles))
        elif now >= self._next_look:
            self._next_look = now + LOOK_S
            if self._is_overdue(is_polling=is_polling):
                self._catch_up()

    def _catch_up(self) -> None:
        self._catch_up_at = None
        self._complete_ms = self._boundary_ms(to_ms(self._desk.clock.now()))
        work = partial(catch_up, self._desk, self._symbols, self._timeframes, self._scan_timeframe)
        self._clerk.ask(LANE, work, self._harvested, self._not_caught_up)

    def _boundary_ms(self, now_ms: int) -> int:
        """Return when the newest candle of the shortest interval has closed."""
        return min(self._intervals, key=lambda i: i.length_ms).floor_ms(now_ms)

    def _is_overdue(self, *, is_polling: bool) -> bool:
        """Tell whether candles have closed that neither streamed nor were asked for."""
        now_ms = to_ms(self._desk.clock.now())
        boundary = self._boundary_ms(now_ms)
        grace_s = POLL_GRACE_S if is_polling else STREAM_GRACE_S
        if boundary <= self._complete_ms or now_ms < boundary + grace_s * 1000:
            return False
        self._complete_ms = boundary
        return is_polling or any(
            self._streamed_ms.get((symbol, i.code), -1) < i.newest_closed_ms(boundary)
            for i in self._intervals
            if i.floor_ms(boundary) == boundary
            for symbol in self._symbols
        )

    def _harvested(self, harvest: Harvest) -> None:
        for stored in harvest.stored:
            self._tell(stored)
        if harvest.recorded is not None:
            self._tell(Recorded(harvest.recorded.recorded, harvest.recorded.repaired, harvest.errors))
            self._judge(harvest.errors)
        if harvest.scanned is not None:
            for setup in harvest.scanned.detected:
                self._tell(SetupFound(setup))
            for gone in harvest.scanned.invalidated:
                self._tell(SetupClosed(gone.id, gone.reason))
            found = len(harvest.scanned.detected)
            self._tell(Scanned(self._scan_timeframe, harvest.scanned.scanned, found))

    def _judge(self, errors: Sequence[BotboxError]) -> None:
        for error in errors:
            self._health.failed(error, "record")
        if not errors:
            self._health.works("record")
        if any(isinstance(e, ExchangeUnavailable) for e in errors):
            self.catch_up_soon(RETRY_S)
        else:
            self._health.works(EXCHANGE)

    def _not_caught_up(self, error: BotboxError) -> None:
        self.catch_up_soon(RETRY_S)
        if not isinstance(error, AlreadyRunning):
            self._health.failed(error, "record")

    def _not_stored(self, candles: dict[Key, CandleClosed], error: BotboxError) -> None:
        self._waiting = candles | self._waiting
        self._waiting_until = self._ticks() + STORE_RETRY_S
        if not isinstance(error, AlreadyRunning):
            self._health.failed(error, "record")
