"""Candles of a watch: those that streamed are stored, what was missed is fetched, and the scan runs on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from botbox_cli.domain.candle import INTERVALS, Interval, from_ms
from botbox_cli.domain.regime import REGIME_TIMEFRAME
from botbox_cli.errors import BotboxError
from botbox_cli.ports import CandleClosed
from botbox_cli.services.desk import Desk
from botbox_cli.services.jobs import job
from botbox_cli.services.record import RecordResult, record
from botbox_cli.services.scan import ScanResult, scan
from botbox_cli.services.series_writer import SeriesWriter
from botbox_cli.services.watch_events import CandleStored


@dataclass(slots=True)
class Harvest:
    """What came of candles: those stored from the stream, the pass over REST if there was one, and the scan."""

    stored: list[CandleStored] = field(default_factory=list)
    recorded: RecordResult | None = None
    scanned: ScanResult | None = None

    @property
    def errors(self) -> tuple[BotboxError, ...]:
        return () if self.recorded is None else tuple(f.error for f in self.recorded.errors)


def catch_up(desk: Desk, symbols: Sequence[str], timeframes: Sequence[str], scan_timeframe: str) -> Harvest:
    """Fetch what the stored series lack and scan all symbols, as `run` does. Raises AlreadyRunning, StorageError."""
    harvest = Harvest(recorded=_fetch(desk, symbols, timeframes))
    harvest.scanned = _scan(desk, symbols, scan_timeframe)
    return harvest


def take_closed(desk: Desk, candles: Sequence[CandleClosed], scan_timeframe: str) -> Harvest:
    """Store candles that have streamed and scan the symbols that have a new one of the scanned interval.

    A candle that does not follow on the newest stored one is fetched over REST together with those between. So is a
    regime candle that closed at the same moment and has not come yet: the scan counts on it.

    Raises:
        AlreadyRunning, StorageError: The candles may come again: storing one twice changes nothing.
    """
    harvest = Harvest()
    lacking: dict[str, set[str]] = {}
    venue = desk.account.venue
    with job(desk.store, desk.clock, desk.holder, f"record:{venue}", alone=False) as current:
        for news in candles:
            if _store(desk, news, harvest) is False:
                lacking.setdefault(news.symbol, set()).add(news.interval.code)
        current.detail = f"{len(harvest.stored)} recorded from the stream"
    scanned = [c for c in candles if c.interval.code == scan_timeframe]
    for news in scanned:
        if _lacks_regime(desk, news):
            lacking.setdefault(news.symbol, set()).add(REGIME_TIMEFRAME)
    if lacking:
        harvest.recorded = _fetch(desk, list(lacking), sorted(set().union(*lacking.values())))
    if scanned:
        harvest.scanned = _scan(desk, list(dict.fromkeys(c.symbol for c in scanned)), scan_timeframe)
    return harvest


def _store(desk: Desk, news: CandleClosed, harvest: Harvest) -> bool:
    """Store one candle; False if others are missing before it. One that is there already changes nothing."""
    venue, interval = desk.account.venue, news.interval
    open_ms = int(news.candle.open_ms[-1])
    newest = _newest_ms(desk, news.symbol, interval)
    if newest is not None and open_ms <= newest:
        return True
    if newest is None or open_ms != newest + interval.length_ms:
        return False
    SeriesWriter(desk.candles, venue, news.symbol, interval).append(news.candle)
    close = float(news.candle.close[-1])
    harvest.stored.append(CandleStored(news.symbol, interval.code, from_ms(open_ms), close))
    return True


def _lacks_regime(desk: Desk, news: CandleClosed) -> bool:
    """Tell whether the regime candle that was closed when this one closed is not stored."""
    regime = INTERVALS[REGIME_TIMEFRAME]
    closed_ms = int(news.candle.open_ms[-1]) + news.interval.length_ms
    newest = _newest_ms(desk, news.symbol, regime)
    return newest is not None and newest < regime.newest_closed_ms(closed_ms)


def _newest_ms(desk: Desk, symbol: str, interval: Interval) -> int | None:
    stored, _ = desk.candles.tail(desk.account.venue, symbol, interval, 1)
    return int(stored.open_ms[-1]) if len(stored.open_ms) else None


def _fetch(desk: Desk, symbols: Sequence[str], timeframes: Sequence[str]) -> RecordResult:
    venue = desk.account.venue
    with job(desk.store, desk.clock, desk.holder, f"record:{venue}") as current:
        result = record(
            desk.store,
            desk.candles,
            desk.exchange,
            desk.clock,
            venue=venue,
            symbols=symbols,
            timeframes=timeframes,
        )
        current.ok = not result.errors
        current.detail = f"{result.recorded} recorded, {len(result.errors)} errors"
    return result


def _scan(desk: Desk, symbols: Sequence[str], timeframe: str) -> ScanResult:
    account = desk.account
    with job(desk.store, desk.clock, desk.holder, f"scan:{account.id}", alone=False) as current:
        result = scan(
            desk.store,
            desk.candles,
            account,
            desk.exchange,
            desk.clock,
            symbols=symbols,
            timeframe=timeframe,
        )
        current.detail = f"{len(result.detected)} detected, {len(result.invalidated)} invalidated"
    return result
