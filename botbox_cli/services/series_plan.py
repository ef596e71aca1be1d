"""What a series lacks, as pages to fetch: new candles, gaps, and history before its first candle."""

from __future__ import annotations

from dataclasses import dataclass, field

from botbox_cli.analysis.columns import Times, missing, windows
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import DAY_MS, INTERVALS, Interval
from botbox_cli.ports import CandleStore, Series

PAGE = 1000
"""Candles in one answer."""
HISTORY_MS = 730 * DAY_MS
HISTORY_CANDLES = 17_520
"""A new series starts two years back, a short interval with as many candles as two years have hours: enough for
statistics, and far more than the 64 regime candles and the indicators need."""


@dataclass(frozen=True, slots=True)
class Page:
    """One request: `candles` wanted between the opening times `start_ms` and `end_ms`; `only` names them in a gap.

    `stands_before` tells that stored candles follow, whose indicators the page may change.
    """

    start_ms: int
    end_ms: int
    candles: int
    stands_before: bool = False
    only: Times | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Opening times from `start_ms` to `end_ms`, both included."""

    start_ms: int
    end_ms: int

    def pages(self, interval: Interval, *, stands_before: bool = False) -> list[Page]:
        """Return the span in pages, oldest first; none if its end is before its start."""
        step = PAGE * interval.length_ms
        found = []
        for start in range(self.start_ms, self.end_ms + 1, step):
            end = min(start + step - interval.length_ms, self.end_ms)
            found.append(Page(start, end, (end - start) // interval.length_ms + 1, stands_before))
        return found


@dataclass(slots=True)
class SeriesPlan:
    """The pages of one series, in the order of writing.

    New candles come first, so that a gap that can't be mended never holds them up. `history` is what may be there
    before them, or before the first stored candle (`history_stands_before`), but need not: a pair may have been
    listed later.
    """

    symbol: str
    interval: Interval
    pages: list[Page] = field(default_factory=list)
    history: Span | None = None
    history_stands_before: bool = False

    def add_history(self, start_ms: int) -> None:
        """Plan the pages of the history from the page that contains `start_ms` on."""
        assert self.history is not None
        span = Span(start_ms, self.history.end_ms)
        self.pages += span.pages(self.interval, stands_before=self.history_stands_before)


def plan_series(
    candle_store: CandleStore,
    venue: Venue,
    symbol: str,
    interval: Interval,
    stored: Series | None,
    *,
    since_ms: int | None,
    now_ms: int,
) -> SeriesPlan:
    """Return what a series lacks up to the newest candle closed at `now_ms`."""
    newest_ms = interval.newest_closed_ms(now_ms)
    if stored is None:
        start_ms = (
            now_ms - min(HISTORY_MS, HISTORY_CANDLES * interval.length_ms) if since_ms is None else since_ms
        )
        return SeriesPlan(symbol, interval, history=_span(start_ms, newest_ms, interval))
    plan = SeriesPlan(symbol, interval, Span(stored.last_ms + interval.length_ms, newest_ms).pages(interval))
    if gaps_of(stored):
        plan.pages += _gaps(candle_store.open_times(venue, symbol, interval), interval)
    if since_ms is not None:
        plan.history = _span(since_ms, stored.first_ms - interval.length_ms, interval)
        plan.history_stands_before = True
    return plan


def gaps_of(series: Series) -> int:
    """Return how many candles lack between the first and the last of a stored series."""
    return (series.last_ms - series.first_ms) // INTERVALS[series.timeframe].length_ms + 1 - series.count


def _span(since_ms: int, end_ms: int, interval: Interval) -> Span | None:
    """Return the opening times from `since_ms` on."""
    start_ms = interval.floor_ms(since_ms - 1) + interval.length_ms
    return Span(start_ms, end_ms) if start_ms <= end_ms else None


def _gaps(stored: Times, interval: Interval) -> list[Page]:
    lacking = missing(stored, interval)
    pages = []
    for start, end in windows(lacking, interval, PAGE):
        only = lacking[(lacking >= start) & (lacking <= end)]
        pages.append(Page(start, end, len(only), stands_before=True, only=only))
    return pages
