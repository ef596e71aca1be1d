"""The brake on requests: so many in flight, so many a second, and a pause where the exchange asks for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

IN_FLIGHT_MAX = 10
# Bybit bans an address that sends 600 requests in 5 s. With a burst of IN_FLIGHT_MAX this allows 560.
PER_SECOND_MAX = 110.0
HOLD_S_MAX = 5.0
"""A longer pause is not slept through here: the request goes out, is refused, and says so."""
HOLD_S_MIN = 0.25
"""Pause when a budget is used up that the exchange renews within the second."""


class Limiter:
    """Shared by all threads of a process that send requests from one address.

    Args:
        per_second: Requests a second over any longer time; up to `in_flight` more in a burst.
        in_flight: Requests that may wait for their answers at once.
        monotonic, sleep: Time for the pace, in seconds.
        wall: Seconds since 1970, against which the exchange's reset stamps count.
    """

    def __init__(
        self,
        *,
        per_second: float = PER_SECOND_MAX,
        in_flight: int = IN_FLIGHT_MAX,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._gap = 1 / per_second
        self._burst = in_flight * self._gap
        self._slots = threading.BoundedSemaphore(in_flight)
        self._lock = threading.Lock()
        self._monotonic, self._sleep, self._wall = monotonic, sleep, wall
        self._next = monotonic() - self._burst
        self._held: dict[str, float] = {}

    @contextmanager
    def slot(self, path: str) -> Iterator[None]:
        """Wait until a request to `path` may be sent, and count it as in flight while inside."""
        with self._slots:
            self._sleep_off(self._turn(path))
            yield

    def observe(self, path: str, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers: hold `path` back when its budget is used up."""
        left = _whole(headers.get("X-Bapi-Limit-Status"))
        if left is None or left > 1:
            return
        reset_ms = _whole(headers.get("X-Bapi-Limit-Reset-Timestamp"))
        until_reset = reset_ms / 1000 - self._wall() if reset_ms is not None else 0.0
        with self._lock:
            self._held[path] = self._monotonic() + min(HOLD_S_MAX, max(HOLD_S_MIN, until_reset))

    def _turn(self, path: str) -> float:
        """Take the next turn and return the seconds until it comes."""
        with self._lock:
            now = self._monotonic()
            held = self._held.get(path, now)
            if held <= now:
                self._held.pop(path, None)
            self._next = max(self._next + self._gap, now - self._burst)
            return max(self._next, held) - now

    def _sleep_off(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
