"""What the watch's thread tells the desk."""

from __future__ import annotations

import io

from textual.message import Message

from botbox_cli.cli.console import Console
from botbox_cli.cli.watch_lines import line_of
from botbox_cli.services import watch_events as e

_UTC = Console(io.StringIO(), io.StringIO(), io.StringIO())
"""Writes times as records have them; nothing is written to it."""


class Told(Message):
    """An event of the watch."""

    def __init__(self, event: e.Event) -> None:
        super().__init__()
        self.event = event


class WatchEnded(Message):
    """The watch's thread has ended, with what ended it."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error


def line_of_log(event: e.Event) -> str | None:
    """Return the line of an event; None for one that says nothing by itself."""
    return line_of(_UTC, event)
