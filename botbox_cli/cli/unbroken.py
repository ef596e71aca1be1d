"""A Ctrl-C or SIGTERM that waits: what is begun with money is not left in the middle, between a fill and its stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from botbox_cli.cli.console import Console

AGAIN = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


@dataclass(slots=True)
class Held:
    """The signal by which somebody has asked for an end meanwhile, if any."""

    by: signal.Signals | None = None

    @property
    def is_asked(self) -> bool:
        return self.by is not None


@contextmanager
def unbroken(console: Console) -> Iterator[Held]:
    """Hold the first Ctrl-C or SIGTERM up until what happens within has ended; a second one breaks it off at once."""
    held = Held()
    if threading.current_thread() is not threading.main_thread():
        yield held
        return

    def hold(number: int, _frame: FrameType | None) -> None:
        if held.is_asked:
            raise KeyboardInterrupt
        held.by = signal.Signals(number)
        with suppress(RuntimeError):  # It came in the middle of another line.
            console.say(f"this ends when nothing is left half done; {AGAIN[held.by]} again ends it at once")

    with ExitStack() as stack:
        for number in AGAIN:
            stack.callback(signal.signal, number, signal.signal(number, hold))
        yield held
