"""What the watch's thread sends to the screen."""

from __future__ import annotations

from textual.message import Message

from botbox_cli.services.watch_events import Event


class Told(Message):
    """An event of the watch."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class WatchEnded(Message):
    """The watch's thread has ended, with what ended it."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error
