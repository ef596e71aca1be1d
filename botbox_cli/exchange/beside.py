"""Asking the exchange two things at once: threads that stay, and with them their connections.

Each thread has a session of its own (see `session.PerThread`), and a new one would begin with a handshake, which takes
longer than the answer that is waited for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

AT_ONCE_MAX = 8


class Beside:
    """Work in other threads, which are started when they are first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def start(self, ask: Callable[[], T]) -> Callable[[], T]:
        """Begin to ask; what is returned waits for the answer, or raises what asking has raised."""
        with self._lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(AT_ONCE_MAX, "beside")
            return self._pool.submit(ask).result

    def close(self) -> None:
        """Wait for what was asked, and end the threads; a later question starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
