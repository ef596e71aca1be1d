"""Work that must not hold the watch's loop up: passes and requests in threads, their results taken in the loop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from botbox_cli.errors import BotboxError

T = TypeVar("T")
PATIENCE_S = 30.0
"""No work of a command takes longer."""


class Clerk(Protocol):
    """One piece of work at a time in each lane."""

    def is_busy(self, lane: str) -> bool: ...

    def ask(
        self,
        lane: str,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[BotboxError], None],
    ) -> None:
        """Begin `work` in a lane that is free; `collect` will call `then` with its result, or `failed`."""
        ...

    def collect(self) -> None:
        """Call what is to be called of the work that has ended. A bug in it is raised here."""
        ...

    def close(self, *, wait_for: Sequence[str]) -> None:
        """Let the work under way in these lanes end; nothing is called any more."""
        ...


class Threads:
    """A clerk with a thread for each lane, made when the lane is first used; `wake` is called at each end of work.

    Each thread keeps its connection to the exchange, so that the next work finds it open.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lanes: dict[str, queue.SimpleQueue[Callable[[], None] | None]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._busy: set[str] = set()
        self._ended: queue.SimpleQueue[tuple[str, Callable[[], None]]] = queue.SimpleQueue()

    def is_busy(self, lane: str) -> bool:
        return lane in self._busy

    def ask(
        self,
        lane: str,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[BotboxError], None],
    ) -> None:
        assert lane not in self._busy, f"lane {lane} is busy"
        self._busy.add(lane)

        def run() -> None:
            self._ended.put((lane, outcome_of(work, then, failed)))
            self._wake()

        self._lane(lane).put(run)

    def collect(self) -> None:
        while True:
            try:
                lane, call = self._ended.get_nowait()
            except queue.Empty:
                return
            self._busy.discard(lane)
            call()

    def close(self, *, wait_for: Sequence[str]) -> None:
        for lane in self._lanes.values():
            lane.put(None)
        for name in wait_for:
            if name in self._threads:
                self._threads[name].join(PATIENCE_S)

    def _lane(self, name: str) -> queue.SimpleQueue[Callable[[], None] | None]:
        if name not in self._lanes:
            lane = self._lanes[name] = queue.SimpleQueue()
            thread = threading.Thread(target=_work_off, args=(lane,), name=f"watch-{name}", daemon=True)
            self._threads[name] = thread
            thread.start()
        return self._lanes[name]


def _work_off(lane: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (run := lane.get()) is not None:
        run()


def outcome_of(
    work: Callable[[], T], then: Callable[[T], None], failed: Callable[[BotboxError], None]
) -> Callable[[], None]:
    """Do `work` and return the call that hands its result on."""
    try:
        result = work()
    except BotboxError as e:
        error = e
        return lambda: failed(error)
    except Exception as e:  # noqa: BLE001  # Raised again where the loop collects it.
        return _raiser(e)
    return lambda: then(result)


def _raiser(error: Exception) -> Callable[[], Any]:
    def again() -> None:
        raise error

    return again
