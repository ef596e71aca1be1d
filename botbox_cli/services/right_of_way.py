"""Who acts on a price goes first: other work of the same process stands still between two of its steps meanwhile.

All threads share one interpreter, and on SQLite one writer's place in the database: a pass over a hundred trades beside
it would cost the way from a price to its request a multiple of what it takes alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from botbox_cli.ports import CandleStore, Exchange, Store
from botbox_cli.services.desk import Desk

HOLD_MAX_S = 0.02
"""Several times what the way to the first request takes. Others hold leases: none of them may be held up for long."""


class RightOfWay:
    """Taken by one thread at a time, heeded by any number of others."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._free = threading.Event()
        self._free.set()
        self._ends_at = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Go first inside, for HOLD_MAX_S at most."""
        self._ends_at = self._ticks() + HOLD_MAX_S
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def wait(self) -> None:
        """Wait while somebody goes first."""
        if not self._free.is_set():
            self._free.wait(min(HOLD_MAX_S, max(0.0, self._ends_at - self._ticks())))

    def heeded_by(self, desk: Desk) -> Desk:
        """Return a desk that waits before each transaction and each request."""
        return replace(
            desk,
            store=cast("Store", _Heeding(desk.store, self)),
            candles=cast("CandleStore", _Heeding(desk.candles, self)),
            exchange=cast("Exchange", _Heeding(desk.exchange, self)),
        )


class _Heeding:
    """A port whose every use waits first."""

    def __init__(self, port: Any, way: RightOfWay) -> None:
        self._port, self._way = port, way

    def __getattr__(self, name: str) -> Any:
        self._way.wait()
        return getattr(self._port, name)
