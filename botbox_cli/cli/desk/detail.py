"""The pane beside the lists."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.message import Message


class Detail(VerticalScroll):
    """Where the chosen one's card is drawn."""

    class Resized(Message):
        """Its width may have changed, and a chart is drawn for one width."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())
