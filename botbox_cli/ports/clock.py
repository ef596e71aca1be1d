"""Time, passed in."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, passed in. `now` is aware UTC."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...
