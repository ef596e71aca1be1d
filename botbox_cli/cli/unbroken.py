"""A Ctrl-C that waits: what has been begun with money is not left in the middle, between a fill and its stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from botbox_cli.cli.console import Console


@dataclass(slots=True)
class Held:
    """Whether somebody has asked for an end meanwhile."""

    is_asked: bool = False


@contextmanager
def unbroken(console: Console) -> Iterator[Held]:
    """Hold the first Ctrl-C up until what happens within has ended; a second one breaks it off at once."""
    held = Held()
    if threading.current_thread() is not threading.main_thread():
        yield held
        return

    def hold(_number: int, _frame: FrameType | None) -> None:
        if held.is_asked:
            raise KeyboardInterrupt
        held.is_asked = True
        with suppress(RuntimeError):  # It came in the middle of another line.
            console.say("this ends when nothing is left half done; Ctrl-C again ends it at once")

    before = signal.signal(signal.SIGINT, hold)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)
