"""Several commands at once, one step at a time: a race is a matter of the seed.

Each command runs in a greenlet: it stops in the middle of whatever it does and goes on later, as a process would that
is taken off its core, and no real thread decides when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from greenlet import getcurrent, greenlet

from botbox_cli.exchange.paper.clocks import ManualClock


class _Task:
    def __init__(self, act: Callable[[], None], ready_at: datetime) -> None:
        self.thread = greenlet(act)
        self.ready_at = ready_at


class Baton:
    """Only the task with the baton runs; `pause` hands it on. Time passes when every task sleeps."""

    def __init__(self, clock: ManualClock, rng: Random) -> None:
        self._clock = clock
        self._rng = rng
        self._current: _Task | None = None
        self._referee: greenlet | None = None
        self.is_racing = False

    def run(self, acts: Sequence[Callable[[], None]]) -> None:
        """Run all to their ends. None of them may raise."""
        assert not self.is_racing, "one race at a time"
        self.is_racing = True
        self._referee = getcurrent()
        alive = [_Task(act, self._clock.now()) for act in acts]
        while alive:
            self._current = task = self._next(alive)
            task.thread.switch()
            if task.thread.dead:
                alive.remove(task)
        self._current = self._referee = None
        self.is_racing = False

    def pause(self, seconds: float) -> None:
        """Let the others go on; return when it is this task's turn again, at least `seconds` later."""
        task, referee = self._current, self._referee
        assert task is not None, "only a racing task pauses"
        assert referee is not None, "a race has a referee"
        task.ready_at = self._clock.now() + timedelta(seconds=seconds)
        referee.switch()

    def _next(self, alive: Sequence[_Task]) -> _Task:
        first, now = min(task.ready_at for task in alive), self._clock.now()
        if first > now:
            self._clock.sleep((first - now).total_seconds())
            now = self._clock.now()
        ready = [task for task in alive if task.ready_at <= now]
        return ready[0] if len(ready) == 1 else self._rng.choice(ready)
