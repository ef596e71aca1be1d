"""Bringing the stored candles up to date: instruments, new candles, gaps and, when asked for, earlier history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import Interval, from_ms, to_ms
from botbox_cli.errors import BotboxError, gravest
from botbox_cli.ports import CandleStore, Clock, Exchange, Series, Store
from botbox_cli.services.lookup import interval_of, unknown_symbol
from botbox_cli.services.progress import Progress
from botbox_cli.services.series_fetch import Failure, Fetch
from botbox_cli.services.series_plan import gaps_of, plan_series


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """One series after the pass: candles written, opening times of the stored ones, and how many lack between them."""

    symbol: str
    timeframe: str
    recorded: int
    first: datetime | None
    last: datetime | None
    gaps: int


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What a pass did. `repaired` counts those of the `recorded` candles that filled a gap."""

    recorded: int
    repaired: int
    series: tuple[SeriesResult, ...]
    errors: tuple[Failure, ...]

    @property
    def exit_code(self) -> int:
        return gravest([failure.error.exit_code for failure in self.errors])


def record(
    store: Store,
    candle_store: CandleStore,
    exchange: Exchange,
    clock: Clock,
    *,
    venue: Venue,
    symbols: Sequence[str],
    timeframes: Sequence[str],
    since_ms: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> RecordResult:
    """Save the instruments and bring every series of `symbols` × `timeframes` up to the newest closed candle.

    A series goes on after its newest stored candle, its gaps are asked for again, and a `since_ms` before its first
    candle adds the history from there, as far as the exchange has it. Without `since_ms` a new series starts two years
    back (`series_plan.HISTORY_MS`). Up to ten requests are under way at once: `exchange.candles` is called from
    several threads. Each series is written forwards, so that after a kill the next pass simply goes on.

    A symbol that the exchange does not know, or a series that fails, becomes an entry in `errors`; the others go on.

    Raises:
        NotFound: If an interval is unknown; nothing was fetched.
        StorageError: If the database fails.
    """
    intervals = [interval_of(code) for code in dict.fromkeys(timeframes)]
    wanted = list(dict.fromkeys(symbols))
    try:
        instruments = exchange.instruments()
    except BotboxError as e:
        return _result(candle_store, venue, wanted, intervals, None, [Failure(e)])
    store.save_instruments(venue, instruments.values(), clock.now())
    known = [symbol for symbol in wanted if symbol in instruments]
    unknown = [Failure(unknown_symbol(s, instruments), s) for s in wanted if s not in instruments]
    stored = _stored(candle_store, venue)
    now_ms = to_ms(clock.now())
    plans = [
        plan_series(
            candle_store,
            venue,
            symbol,
            interval,
            stored.get((symbol, interval.code)),
            since_ms=since_ms,
            now_ms=now_ms,
        )
        for symbol in known
        for interval in intervals
    ]
    fetch = Fetch(exchange, candle_store, venue, plans, progress)
    fetch.run()
    return _result(candle_store, venue, known, intervals, fetch, unknown + fetch.failures)


def _result(
    candle_store: CandleStore,
    venue: Venue,
    symbols: Iterable[str],
    intervals: Sequence[Interval],
    fetch: Fetch | None,
    errors: Sequence[Failure],
) -> RecordResult:
    works = fetch.works if fetch is not None else []
    recorded = {(work.plan.symbol, work.plan.interval.code): work.recorded for work in works}
    stored = _stored(candle_store, venue)
    names = [(symbol, interval.code) for symbol in symbols for interval in intervals]
    return RecordResult(
        sum(recorded.values()),
        sum(work.repaired for work in works),
        tuple(_row(*name, recorded.get(name, 0), stored.get(name)) for name in names),
        tuple(errors),
    )


def _row(symbol: str, timeframe: str, recorded: int, stored: Series | None) -> SeriesResult:
    if stored is None:
        return SeriesResult(symbol, timeframe, recorded, None, None, 0)
    first, last = from_ms(stored.first_ms), from_ms(stored.last_ms)
    return SeriesResult(symbol, timeframe, recorded, first, last, gaps_of(stored))


def _stored(candle_store: CandleStore, venue: Venue) -> dict[tuple[str, str], Series]:
    return {(series.symbol, series.timeframe): series for series in candle_store.series(venue)}
