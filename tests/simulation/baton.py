"""Several commands at once, one step at a time: threads hand a baton round, so that a race is a matter of the seed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from botbox_cli.exchange.paper.clocks import ManualClock


class _Task:
    def __init__(self, act: Callable[[], None], ready_at: datetime) -> None:
        self.act = act
        self.ready_at = ready_at
        self.is_done = False
        self.turn = threading.Semaphore(0)


class Baton:
    """Only the task with the baton runs; `pause` hands it on. Time passes when every task sleeps."""

    def __init__(self, clock: ManualClock, rng: Random) -> None:
        self._clock = clock
        self._rng = rng
        self._tasks: list[_Task] = []
        self._current: _Task | None = None
        self._end = threading.Semaphore(0)

    @property
    def is_racing(self) -> bool:
        return self._current is not None

    def run(self, acts: Sequence[Callable[[], None]]) -> None:
        """Run all to their ends. None of them may raise."""
        assert not self.is_racing, "one race at a time"
        self._tasks = [_Task(act, self._clock.now()) for act in acts]
        threads = [threading.Thread(target=self._work, args=(task,), daemon=True) for task in self._tasks]
        for thread in threads:
            thread.start()
        self._hand_on()
        self._end.acquire()
        for thread in threads:
            thread.join()
        self._current = None

    def pause(self, seconds: float) -> None:
        """Let the others go on; return when it is this task's turn again, at least `seconds` later."""
        task = self._current
        assert task is not None, "only a racing task pauses"
        task.ready_at = self._clock.now() + timedelta(seconds=seconds)
        self._hand_on()
        task.turn.acquire()

    def _work(self, task: _Task) -> None:
        task.turn.acquire()
        try:
            task.act()
        finally:
            task.is_done = True
            self._hand_on()

    def _hand_on(self) -> None:
        alive = [task for task in self._tasks if not task.is_done]
        if not alive:
            self._end.release()
            return
        first = min(task.ready_at for task in alive)
        late_s = (first - self._clock.now()).total_seconds()
        if late_s > 0:
            self._clock.sleep(late_s)
        now = self._clock.now()
        self._current = self._rng.choice([task for task in alive if task.ready_at <= now])
        self._current.turn.release()
