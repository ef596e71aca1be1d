"""Hours of the day in which a person wants quiet."""

from __future__ import annotations

import re
from datetime import datetime, time, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from botbox_cli.domain.record import record

_SPAN = re.compile(r"([0-2][0-9]:[0-5][0-9])-([0-2][0-9]:[0-5][0-9])(?: (\S+))?")


@record
class QuietHours:
    """A span of the day, over midnight too. `zone` None means the machine's own."""

    start: time
    end: time
    zone: tzinfo | None = None

    def holds(self, at: datetime) -> bool:
        """Tell whether a moment (aware) lies within."""
        local = at.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


def quiet_hours(text: str) -> QuietHours:
    """Read `22:00-07:00`, or with the name of a time zone behind it. Raises ValueError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(text)
    try:
        zone = ZoneInfo(match[3]) if match[3] else None
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(text) from None
    return QuietHours(time.fromisoformat(match[1]), time.fromisoformat(match[2]), zone)
