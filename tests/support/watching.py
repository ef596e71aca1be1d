"""A watch on a manual clock: what streams is scripted, the clerk works at once, and waiting lets time pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from botbox_cli.domain.candle import Interval
from botbox_cli.errors import BotboxError
from botbox_cli.exchange.inbox import Inbox
from botbox_cli.ports import CandleBatch, CandleClosed, Clock, News, OrderNews, Price, StreamState
from botbox_cli.services.watch import Sight, Watch
from botbox_cli.services.watch_clerk import outcome_of
from botbox_cli.services.watch_events import Event
from botbox_cli.storage.candles import SqlCandles
from tests.support.world import World

T = TypeVar("T")
E = TypeVar("E")
TURNS_IN_A_ROW = 200
"""A loop that turns so often while no time passes is busy."""

TICK_S = 1e-6
"""The shortest time that passes on the clock."""


class InlineClerk:
    """A clerk whose work is done when it is asked for; its results are taken at the next `collect`."""

    def __init__(self) -> None:
        self._ended: list[tuple[str, Callable[[], None]]] = []
        self.asked: list[str] = []

    def is_busy(self, lane: str) -> bool:
        return any(name == lane for name, _ in self._ended)

    def ask(
        self,
        lane: str,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[BotboxError], None],
    ) -> None:
        assert not self.is_busy(lane), f"lane {lane} is busy"
        self.asked.append(lane)
        self._ended.append((lane, outcome_of(work, then, failed)))

    def collect(self) -> None:
        ended, self._ended = self._ended, []
        for _, call in ended:
            call()

    def close(self, *, wait_for: Sequence[str]) -> None:
        self._ended.clear()


class ScriptedStream:
    """`ports.Stream` by a script of moments (seconds after its beginning) and what happens then."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.began = clock.now()
        self.followed: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self._script: list[tuple[float, Callable[[], None]]] = []
        self._queue: list[News] = []
        self._turns = 0
        self._last = clock.now()
        self.first: frozenset[str] = frozenset()

    @property
    def seconds(self) -> float:
        return (self.clock.now() - self.began).total_seconds()

    def at(self, seconds: float, do: Callable[[], Any]) -> None:
        """Let something happen at a moment; `do` may call `push`."""
        self._script.append((seconds, lambda: (do(), None)[1]))
        self._script.sort(key=lambda entry: entry[0])

    def push(self, *news: News) -> None:
        self._queue += news

    def price(self, symbol: str, bid: str, *, ask: str | None = None, late_s: float = 0.0) -> None:
        """Stream best prices, of `late_s` ago."""
        at = self.clock.now() - timedelta(seconds=late_s)
        self.push(Price(symbol, Decimal(bid), Decimal(ask or bid), at))

    def candle(self, symbol: str, interval: Interval, candle: CandleBatch) -> None:
        self.push(CandleClosed(symbol, interval, candle))

    def order(self, symbol: str, order_link_id: str) -> None:
        self.push(OrderNews(symbol, order_link_id))

    def up(self, channel: str = "public") -> None:
        self.push(StreamState(channel, True, "", self.clock.now()))

    def down(self, channel: str = "public", detail: str = "silent for 10 s") -> None:
        self.push(StreamState(channel, False, detail, self.clock.now()))

    # -- the port

    def follow(self, symbols: Sequence[str], intervals: Sequence[Interval]) -> None:
        self.followed.append((tuple(symbols), tuple(i.code for i in intervals)))

    def put_first(self, symbols: AbstractSet[str]) -> None:
        self.first = frozenset(symbols)

    def news(self, timeout_s: float) -> list[News]:
        self._refuse_busy_loop()
        self._happen()
        if not self._queue:
            wait = timeout_s
            if self._script:
                wait = min(wait, max(0.0, self._script[0][0] - self.seconds))
            self.clock.sleep(max(wait, TICK_S) if timeout_s else 0.0)
            self._happen()
        news, self._queue = self._queue, []
        return news

    def wake(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Nothing to close."""

    def _happen(self) -> None:
        while self._script and self._script[0][0] <= self.seconds:
            self._script.pop(0)[1]()

    def _refuse_busy_loop(self) -> None:
        self._turns = self._turns + 1 if self.clock.now() == self._last else 0
        self._last = self.clock.now()
        assert self._turns < TURNS_IN_A_ROW, "the loop turns and turns while no time passes"


class Watching:
    """A watch in a world, and all that it told with the second it told it in."""

    def __init__(self, world: World, token: str = "watch", **sight: Any) -> None:
        self.world = world
        self.stream = ScriptedStream(world.clock)
        self.clerk = InlineClerk()
        self.told: list[tuple[float, Event]] = []
        self._hands = 0
        self.token = token
        wanted = {"symbols": tuple(world.prices), "timeframes": ("60",)} | sight
        self.watch = Watch(
            self._hand,
            self.clerk,
            self.stream,
            lambda: world.clock.now().timestamp(),
            Sight(**wanted),
            lambda event: self.told.append((self.stream.seconds, event)),
        )

    def _hand(self) -> Any:
        self._hands += 1
        desk = self.world.new_desk(f"{self.token}-{self._hands}")
        return replace(desk, candles=SqlCandles(self.world.store.database))

    def run(self, seconds: float) -> None:
        """Run the watch until so many seconds after the stream's beginning."""
        self.stream.at(seconds, self.watch.stop)
        self.watch.run()

    def events(self, kind: type[E]) -> list[E]:
        return [event for _, event in self.told if isinstance(event, kind)]


class HeldStream:
    """`ports.Stream` that waits in real time for what a test pushes."""

    def __init__(self) -> None:
        self._inbox = Inbox()
        self.followed: list[str] = []

    def push(self, *news: News) -> None:
        self._inbox.put(news)

    def follow(self, symbols: Sequence[str], intervals: Sequence[Interval]) -> None:
        self.followed += symbols

    def put_first(self, symbols: AbstractSet[str]) -> None:
        self._inbox.put_first(symbols)

    def news(self, timeout_s: float) -> list[News]:
        return self._inbox.take(timeout_s)

    def wake(self) -> None:
        self._inbox.wake()

    def close(self) -> None:
        """Nothing to close."""
