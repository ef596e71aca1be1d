"""The stream of an exchange that has none: nothing ever comes, and waiting can be cut short."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from botbox_cli.domain.candle import Interval
from botbox_cli.ports import News


class Silence:
    """`ports.Stream` without news."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def follow(self, symbols: Sequence[str], intervals: Sequence[Interval]) -> None:
        """Nothing to subscribe to."""

    def put_first(self, symbols: AbstractSet[str]) -> None:
        """No prices to put in order."""

    def news(self, timeout_s: float) -> list[News]:
        self._woken.wait(timeout_s)
        self._woken.clear()
        return []

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        """Nothing to close."""
