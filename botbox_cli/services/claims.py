"""Trades that a pass has leased and not come to yet: whoever acts on a price in the same process gets them first."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from botbox_cli.services.lease import Work


class Claims:
    """What waits for one pass at a time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Work] = {}

    def put(self, works: Mapping[int, Work]) -> None:
        """Let these, by trade, wait for the pass that has leased them; nothing else waits any more."""
        with self._lock:
            self._waiting = dict(works)

    def begin(self, trade_id: int) -> bool:
        """Tell whether the pass still has a trade, which it keeps until it is done from here on."""
        with self._lock:
            return self._waiting.pop(trade_id, None) is not None

    def give_up(self, trade_id: int) -> None:
        """Free the lease of a trade that waits; the pass will leave it out."""
        with self._lock:
            work = self._waiting.pop(trade_id, None)
        if work is not None:
            work.release()
