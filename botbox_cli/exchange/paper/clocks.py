"""Clocks of the paper exchange: the wall's, one moved by hand, and one that several processes replay by."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from botbox_cli.exchange.paper.identity import connect
from botbox_cli.exchange.paper.protocol import from_ms, to_ms


class WallClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class ManualClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the moment reached."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self._now += timedelta(seconds=seconds)


class ReplayClock:
    """A manual clock kept in the account's state file: every process that opens it reads and moves the same time."""

    def __init__(self, path: Path, start: datetime) -> None:
        """Open the clock in `path`; `start` is where a clock that is new begins."""
        self._connection = connect(path)
        self._connection.execute(
            "INSERT OR IGNORE INTO meta (name, value) VALUES ('replay_now_ms', ?)", (str(to_ms(start)),)
        )

    def now(self) -> datetime:
        """Return the moment that the replay has reached."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'replay_now_ms'").fetchone()
        return from_ms(int(row[0]))

    def sleep(self, seconds: float) -> None:
        """Move the replay forward, to a whole millisecond."""
        self._connection.execute(
            "UPDATE meta SET value = CAST(CAST(value AS INTEGER) + ? AS TEXT) WHERE name = 'replay_now_ms'",
            (round(seconds * 1000),),
        )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
