"""The postman: carries messages in a thread of his own, so that no channel ever holds up a pass."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botbox_cli.errors import BotboxError, ConfigError

if TYPE_CHECKING:
    from botbox_cli.bootstrap import Wiring
    from botbox_cli.cli.session import Session
    from botbox_cli.services.alarms import Pass
    from botbox_cli.services.desk import Desk
    from botbox_cli.services.post import Post

ROUND_EVERY_S = 20.0
"""How often a command that goes on looks for what others have logged."""
LAST_ROUND_S = 20.0
"""How long a command that has done its work waits for messages that are on their way."""
CANDLES = 72

Tell = Callable[[Sequence[BotboxError], bool], None]
"""Called after a pass with its errors, and whether it asked the exchange anything."""


class Postman:
    """Makes a round whenever he is called, and every `every_s` seconds if that is given."""

    def __init__(
        self, post: Post, complain: Callable[[BotboxError], None], *, every_s: float | None = None
    ) -> None:
        self._post, self._complain, self._every_s = post, complain, every_s
        self._calls: queue.SimpleQueue[Pass | None] = queue.SimpleQueue()
        self._is_ending = False
        self._thread = threading.Thread(target=self._work, name="postman", daemon=True)
        self._thread.start()

    def call(self, last: Pass | None = None) -> None:
        """Ask for a round, after a pass that has just ended."""
        self._calls.put(last)

    @property
    def is_out(self) -> bool:
        """Whether he is still under way."""
        return self._thread.is_alive()

    def close(self, wait_s: float = LAST_ROUND_S) -> None:
        """Let him finish what he was called for, but not for ever."""
        self._is_ending = True
        self._calls.put(None)
        self._thread.join(wait_s)

    def _work(self) -> None:
        while True:
            last = self._next_call()
            if self._is_ending and last is None and self._calls.empty():
                return
            try:
                failures: Sequence[BotboxError] = self._post.carry(last)
            except BotboxError as e:
                failures = [e]
            for failure in failures:
                self._complain(failure)

    def _next_call(self) -> Pass | None:
        try:
            return self._calls.get(timeout=self._every_s)
        except queue.Empty:
            return None


@contextmanager
def post_of(session: Session, wiring: Wiring, *, every_s: float | None = None) -> Iterator[Tell]:
    """Yield what a command calls after each pass; it does nothing without BOTBOX_NOTIFY.

    One that goes on gives `every_s`: what other processes log is told then, too.
    """
    if not session.settings.notify:
        yield _nobody
        return
    try:
        desk = wiring.desk()
        post = wiring.post(desk, painter(desk))
    except ConfigError as e:
        session.console.warn(f"{e.message}: no messages; {e.hint}")
        yield _nobody
        return
    from botbox_cli.services.alarms import Pass

    postman = Postman(post, lambda e: session.console.warn(e.message), every_s=every_s)
    try:
        yield lambda errors, has_asked: postman.call(Pass(tuple(errors), has_asked))
    finally:
        postman.close()


def _nobody(_errors: Sequence[BotboxError], _has_asked: bool) -> None:
    """Tell nobody."""


def painter(desk: Desk) -> Callable[[int], bytes | None]:
    """Return what draws the chart of a setup, where there are candles and Pillow is installed."""

    def paint(setup_id: int) -> bytes | None:
        from botbox_cli.cli.chart_png import png
        from botbox_cli.services.charting import chart_of_setup

        try:
            drawing = chart_of_setup(desk, setup_id, count=CANDLES)
            return png(drawing) if len(drawing.candles.open_ms) else None
        except BotboxError:
            return None

    return paint
