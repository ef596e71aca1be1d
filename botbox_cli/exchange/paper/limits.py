"""Bybit's rate limits: per account and endpoint over a rolling second, per IP over five."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class LimitRules:
    """How often what may be asked. Counters live in one process: several on one state file do not add up.

    `ban_ms` is how long an IP that asked too often is refused.
    """

    is_on: bool = True
    ip_requests: int = 600
    ip_window_ms: int = 5 * SECOND_MS
    ban_ms: int = 600 * SECOND_MS


class Limits:
    """Counts requests and says when there were too many."""

    def __init__(self, rules: LimitRules) -> None:
        self._rules = rules
        self._of_ip: deque[int] = deque()
        self._of_endpoint: dict[str, deque[int]] = {}
        self._banned_until_ms = 0

    def is_banned(self, now_ms: int) -> bool:
        """Count one request of the IP; tell whether it is refused (HTTP 403)."""
        rules = self._rules
        if not rules.is_on:
            return False
        if now_ms < self._banned_until_ms:
            return True
        times = self._of_ip
        _forget(times, now_ms - rules.ip_window_ms)
        times.append(now_ms)
        if len(times) > rules.ip_requests:
            self._banned_until_ms = now_ms + rules.ban_ms
            return True
        return False

    def spend(self, path: str, limit: int, now_ms: int, headers: dict[str, str]) -> bool:
        """Count one signed request; tell whether it is within its limit, and add the headers of limits that are on."""
        if not self._rules.is_on:
            return True
        times = self._of_endpoint.setdefault(path, deque())
        _forget(times, now_ms - SECOND_MS)
        if len(times) >= limit:
            headers |= _headers(limit, 0, times[0] + SECOND_MS)
            return False
        times.append(now_ms)
        headers |= _headers(limit, limit - len(times), now_ms)
        return True


def _forget(times: deque[int], before_ms: int) -> None:
    while times and times[0] <= before_ms:
        times.popleft()


def _headers(limit: int, remaining: int, reset_ms: int) -> dict[str, str]:
    return {
        "X-Bapi-Limit": str(limit),
        "X-Bapi-Limit-Status": str(remaining),
        "X-Bapi-Limit-Reset-Timestamp": str(reset_ms),
    }
