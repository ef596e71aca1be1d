"""What is thrown away at the end of a recording: candles older than they are wanted, and passes of long ago."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import DAY_MS, INTERVALS, to_ms
from botbox_cli.ports import CandleStore, Clock, Store

CANDLES_AT_LEAST = 1000
"""Of each series: more than indicators and regime are computed from."""
SLACK = 20
SLACK_DAYS_AT_LEAST = 7
"""A series is shortened when it is a 20th, or a week, too long. Shortening it is a change, for which what was
remembered of its replays and packed for reading must be made anew: not each hour."""
JOBS_KEPT, JOBS_AGE = 1000, timedelta(days=90)


def tidy(
    store: Store, candles: CandleStore, clock: Clock, venue: Venue, days_kept: Callable[[str], int | None]
) -> int:
    """Delete candles of a venue by their age, and old passes; return how many candles.

    Args:
        days_kept: For how many days candles of an interval are kept; None for ever.
    """
    now = clock.now()
    store.prune_jobs(now - JOBS_AGE, keep=JOBS_KEPT)
    pruned = 0
    for series in candles.series(venue):
        days, interval = days_kept(series.timeframe), INTERVALS.get(series.timeframe)
        if days is None or interval is None:
            continue
        newest_kept = series.last_ms - (CANDLES_AT_LEAST - 1) * interval.length_ms
        before_ms = min(to_ms(now) - days * DAY_MS, newest_kept)
        slack_ms = max(days // SLACK, SLACK_DAYS_AT_LEAST) * DAY_MS
        if series.first_ms < before_ms - slack_ms:
            pruned += candles.prune(venue, series.symbol, interval, before_ms)
    return pruned
