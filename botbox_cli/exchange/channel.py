"""One of Bybit's sockets, kept alive: built, authorised, subscribed, watched, and built anew with growing patience.

All of it happens in one thread, the keeper; the socket's own thread only notes what it hears. Whatever befalls the
socket is told as a `StreamState`, and never raised.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from botbox_cli.exchange import frames
from botbox_cli.exchange.codes import scrub
from botbox_cli.exchange.frames import Answer
from botbox_cli.exchange.tops import Tops
from botbox_cli.exchange.websocket import Target, Wire, connect
from botbox_cli.exchange.wire import WireError
from botbox_cli.ports import News, StreamState

if TYPE_CHECKING:
    from botbox_cli.exchange.inbox import Inbox
    from botbox_cli.ports import Clock

# Bybit takes at most ten topics a request on spot.
TOPICS_MAX = 10
AUTH = "auth"


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient a channel is, in seconds."""

    connect_s: float = 3.0
    answer_s: float = 5.0
    """Until `auth` or a subscription is answered."""
    silence_s: float = 10.0
    """Without data on the public socket, where each symbol's prices come at least every 3 s."""
    ping_s: float = 10.0
    pong_s: float = 5.0
    quiet_s: float = 25.0
    """Without anything on the private socket, where pongs come although nothing happens."""
    retry_s: float = 0.5
    retry_s_max: float = 15.0
    steady_s: float = 10.0
    """After so long a connection counts as good: the next loss begins with the shortest pause again."""
    refused_s: float = 60.0
    """Until refused topics are asked for again."""


@dataclass(frozen=True, slots=True)
class _Closed:
    reason: str


class _Stop:
    pass


class _Follow:
    pass


_Event = Answer | _Closed | _Stop | _Follow


class _Broken(Exception):
    """The connection is of no use any more; the text says why."""


class Channel:
    """One socket and its keeper; `start` it once."""

    def __init__(
        self,
        target: Target,
        topics: Iterable[str],
        inbox: Inbox,
        clock: Clock,
        timing: Timing | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = "private" if target.is_private else "public"
        self._target = target
        self._inbox = inbox
        self._clock = clock
        self._timing = timing or Timing()
        self._jitter = jitter
        self._topics = dict.fromkeys(topics)
        self._topics_lock = threading.Lock()
        self._events: SimpleQueue[tuple[int, _Event]] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._told: tuple[object, ...] = ()
        # Of the present connection:
        self._generation = 0
        self._wire: Wire | None = None
        self._heard_s = 0.0
        self._tops = Tops()
        self._awaited: dict[str, tuple[tuple[str, ...], float]] = {}
        self._taken: set[str] = set()
        self._refused: dict[str, str] = {}
        self._ask_again_s = 0.0
        self._ids = count(1)

    def start(self) -> None:
        """Begin to connect, in a thread of its own."""
        self._thread = threading.Thread(target=self._keep, name=f"{self.name}-stream", daemon=True)
        self._thread.start()

    def follow(self, topics: Iterable[str]) -> None:
        """Subscribe to these, too."""
        with self._topics_lock:
            self._topics |= dict.fromkeys(topics)
        self._events.put((0, _Follow()))
        if self._thread is None:
            self.start()

    def close(self) -> None:
        """End the connection and every thread."""
        self._stopping.set()
        self._events.put((0, _Stop()))
        wire = self._wire
        if wire is not None:
            wire.tear(0.0)
        if self._thread is not None:
            self._thread.join(2 * self._timing.connect_s + 1)

    # The keeper

    def _keep(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                self._live()
            except _Broken as e:
                reason = scrub(str(e), (self._target.key, self._target.secret))
            if self._stopping.is_set():
                break
            if time.monotonic() - began_s > self._timing.steady_s:
                failures = 0
            failures += 1
            self._tell(False, reason)
            self._pause(failures)

    def _live(self) -> None:
        """Connect and stay connected. Raises _Broken in the end, or returns when the channel is closed."""
        self._generation += 1
        listener = _Listener(self, self._generation)
        timing = self._timing
        try:
            self._open(listener)
            self._awaited.clear()
            self._taken.clear()
            self._refused.clear()
            if self._target.is_private:
                self._awaited[AUTH] = ((), time.monotonic() + timing.answer_s)
            else:
                self._subscribe()
            while not self._stopping.is_set():
                self._react(self._next_event())
                self._check()
        finally:
            wire, self._wire = self._wire, None
            if wire is not None:
                wire.tear(timing.connect_s + 1)

    def _open(self, listener: _Listener) -> None:
        import websocket

        timing = self._timing
        self._tops = Tops()
        try:
            connect(
                self._target, listener, ping_s=timing.ping_s, pong_s=timing.pong_s, timeout_s=timing.connect_s
            )
        except (OSError, AttributeError, websocket.WebSocketException) as e:
            # AttributeError: pybit sends on a socket that is gone in the same moment.
            raise _Broken(f"{_host(self._target)} can't be reached: {listener.reason or e}") from e
        self._heard_s = time.monotonic()

    def _next_event(self) -> _Event | None:
        """Return what happened next on this connection, None when it is time to look at the clock."""
        try:
            generation, event = self._events.get(timeout=max(0.0, self._due_s() - time.monotonic()))
        except Empty:
            return None
        return event if generation in (0, self._generation) else None

    def _due_s(self) -> float:
        deadlines = [deadline for _, deadline in self._awaited.values()]
        again = [self._ask_again_s] if self._refused and not deadlines else []
        return min([self._heard_s + self._patience_s, *deadlines, *again])

    @property
    def _patience_s(self) -> float:
        return self._timing.quiet_s if self._target.is_private else self._timing.silence_s

    def _react(self, event: _Event | None) -> None:
        match event:
            case _Closed(reason):
                raise _Broken(f"the connection to {_host(self._target)} was lost: {reason}")
            case _Follow():
                self._subscribe()
            case Answer(op="auth"):
                self._authorised(event)
            case Answer(op="subscribe"):
                self._subscribed(event)

    def _check(self) -> None:
        now_s = time.monotonic()
        for op, (_, deadline) in self._awaited.items():
            if now_s >= deadline:
                raise _Broken(f"no answer to {AUTH if op == AUTH else 'a subscription'}")
        if now_s >= self._heard_s + self._patience_s:
            raise _Broken(f"nothing came for {self._patience_s:g} s")
        if self._refused and not self._awaited and now_s >= self._ask_again_s:
            self._refused.clear()
            self._subscribe()

    def _authorised(self, answer: Answer) -> None:
        if self._awaited.pop(AUTH, None) is None:
            return  # Nobody asked.
        if not answer.is_ok:
            raise _Broken(f"the key was refused: {answer.text or 'no reason given'}")
        self._subscribe()

    def _subscribed(self, answer: Answer) -> None:
        # Without an id of ours it is the answer to what was asked first: requests are answered in turn.
        oldest = next((each for each in self._awaited if each != AUTH), "")
        asked = self._awaited.pop(answer.req_id or oldest, None)
        if asked is None:
            return
        topics, _ = asked
        if answer.is_ok:
            self._taken |= set(topics)
        elif len(topics) > 1:
            for topic in topics:  # One of them may be to blame for all.
                self._ask([topic])
        else:
            self._refused[topics[0]] = answer.text
        if not self._awaited:
            self._settled()

    def _settled(self) -> None:
        """Tell what became of the subscriptions, once all are answered."""
        first = next(iter(self._refused), "")
        if first and (self._target.is_private or not self._taken):
            raise _Broken(f"the subscription to {first} was refused: {self._refused[first]}")
        self._heard_s = time.monotonic()
        self._ask_again_s = self._heard_s + self._timing.refused_s
        detail = f"{_host(self._target)} refuses {', '.join(self._refused)}" if first else _host(self._target)
        self._tell(True, detail, tuple(sorted({topic.rpartition(".")[2] for topic in self._refused})))

    def _subscribe(self) -> None:
        """Ask for what is followed and not subscribed to yet."""
        asked = {topic for topics, _ in self._awaited.values() for topic in topics}
        with self._topics_lock:
            known = self._taken | asked | set(self._refused)
            wanted = [topic for topic in self._topics if topic not in known]
        for first in range(0, len(wanted), TOPICS_MAX):
            self._ask(wanted[first : first + TOPICS_MAX])

    def _ask(self, topics: Sequence[str]) -> None:
        import websocket

        req_id = str(next(self._ids))
        self._awaited[req_id] = (tuple(topics), time.monotonic() + self._timing.answer_s)
        wire = self._wire
        try:
            assert wire is not None
            wire.post({"op": "subscribe", "req_id": req_id, "args": list(topics)})
        except (OSError, AttributeError, websocket.WebSocketException) as e:
            raise _Broken(f"the connection to {_host(self._target)} was lost: {e}") from e

    def _pause(self, failures: int) -> None:
        timing = self._timing
        longest = min(timing.retry_s_max, timing.retry_s * 2 ** min(failures - 1, 16))
        self._stopping.wait(longest * (0.5 + self._jitter() / 2))

    def _tell(self, is_up: bool, detail: str, missing: tuple[str, ...] = ()) -> None:
        """Tell a state that is another than the last one told; what follows a colon makes no difference.

        So an exchange that is down for long is told once, not with each try.
        """
        state = (is_up, detail.partition(": ")[0], missing)
        if state != self._told:
            self._told = state
            self._inbox.put([StreamState(self.name, is_up, detail, self._clock.now(), missing)])


class _Listener:
    """What one connection tells its channel, in the socket's thread."""

    def __init__(self, channel: Channel, generation: int) -> None:
        self._channel = channel
        self._generation = generation
        self.reason = ""

    def opening(self, wire: Wire) -> None:
        self._channel._wire = wire

    def text(self, text: bytes) -> None:
        channel = self._channel
        try:
            frame = frames.frame_of(text)
            answer = frames.answer_of(frame)
            if answer is None:
                channel._heard_s = time.monotonic()
                news = self._news(frame)
                if news:
                    channel._inbox.put(news)
                return
        except WireError:
            return  # A frame that can't be read says nothing; if nothing else comes, the socket is built anew.
        if channel._target.is_private:
            channel._heard_s = time.monotonic()
        if answer.op != "ping":
            channel._events.put((self._generation, answer))

    def alive(self) -> None:
        if self._channel._target.is_private:
            self._channel._heard_s = time.monotonic()

    def closed(self, reason: str) -> None:
        self.reason = reason
        self._channel._events.put((self._generation, _Closed(reason)))

    def _news(self, frame: frames.Frame) -> Sequence[News]:
        best = frames.best_of(frame)
        if best is None:
            return frames.news_of(frame)
        price = self._channel._tops.price(best)
        return [price] if price is not None else []


def _host(target: Target) -> str:
    return target.url.split("/")[2]
