"""Intervals of candles, by Bybit's codes, and the arithmetic of their opening times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from botbox_cli.domain.record import record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS
MONDAY_MS = 4 * DAY_MS
"""1970-01-05, the first Monday: weekly candles open on Mondays 00:00 UTC."""


@record
class Interval:
    """One candle length. `code` is Bybit's; opening times are UTC milliseconds on the grid `anchor + n × length`."""

    code: str
    length_ms: int
    anchor_ms: int = 0

    @property
    def length(self) -> timedelta:
        return timedelta(milliseconds=self.length_ms)

    def floor_ms(self, at_ms: int) -> int:
        """Return the opening time of the candle that contains `at_ms`."""
        return at_ms - (at_ms - self.anchor_ms) % self.length_ms

    def newest_closed_ms(self, now_ms: int) -> int:
        """Return the opening time of the newest candle that is closed at `now_ms`."""
        return self.floor_ms(now_ms) - self.length_ms

    def is_stale(self, newest_open: datetime, now: datetime) -> bool:
        """Tell whether a series whose newest closed candle opened at `newest_open` is more than two intervals old.

        The age counts from the opening: the newest candle of a complete series is one to two intervals old, so that
        a series is stale as soon as a newer closed candle is missing.
        """
        return now - newest_open > 2 * self.length


INTERVALS = {
    code: Interval(code, minutes * MINUTE_MS)
    for code, minutes in (
        ("1", 1), ("3", 3), ("5", 5), ("15", 15), ("30", 30), ("60", 60),
        ("120", 120), ("240", 240), ("360", 360), ("720", 720), ("D", 1440),
    )
} | {"W": Interval("W", 7 * DAY_MS, MONDAY_MS)}  # fmt: skip
"""Bybit's spot intervals; the month ("M") has no fixed length and is not recorded."""


def to_ms(at: datetime) -> int:
    """Return UTC milliseconds since 1970 of an aware time."""
    return int(at.timestamp() * 1000 + 0.5)


def from_ms(ms: int) -> datetime:
    """Return the aware UTC time of milliseconds since 1970."""
    return _EPOCH + ms * _MILLISECOND
