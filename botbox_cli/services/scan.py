"""Looking for setups in the newest closed candle of each symbol, with a reason for every symbol passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from botbox_cli.analysis.columns import NO_CANDLES, NO_INDICATORS, cut, cut_indicators
from botbox_cli.analysis.regime import atr_ratio, ratio_known_at
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.rule import Evidence, Rule, blamed, found_by, identity, setup_of
from botbox_cli.domain.account import Account, Venue
from botbox_cli.domain.candle import INTERVALS, Interval, from_ms, to_ms
from botbox_cli.domain.regime import REGIME_ATRS, REGIME_TIMEFRAME, TRENDING_ABOVE, Regime, read_regime
from botbox_cli.domain.setup import Setup
from botbox_cli.ports import CandleBatch, CandleStore, Clock, Exchange, Indicators, LogEntry, Store
from botbox_cli.services.fingerprint import fingerprint
from botbox_cli.services.invalidate import Invalidated, invalidate
from botbox_cli.services.lookup import interval_of

REGIME = INTERVALS[REGIME_TIMEFRAME]
NOTHING = NO_CANDLES, NO_INDICATORS


class SkipReason(StrEnum):
    """Why a symbol has no new setup."""

    NO_CANDLES = "NO_CANDLES"
    STALE = "STALE"
    REGIME_UNKNOWN = "REGIME_UNKNOWN"
    TRENDING = "TRENDING"
    NO_SIGNAL = "NO_SIGNAL"
    DUPLICATE = "DUPLICATE"


class Skipped(NamedTuple):
    """A symbol passed over: why, and the figures in words."""

    symbol: str
    reason: SkipReason
    detail: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan did. Each of the `scanned` symbols has a setup in `detected` or an entry in `skipped`."""

    detected: tuple[Setup, ...]
    invalidated: tuple[Invalidated, ...]
    skipped: tuple[Skipped, ...]
    scanned: int


def scan(
    store: Store,
    candle_store: CandleStore,
    account: Account,
    exchange: Exchange | None,
    clock: Clock,
    *,
    symbols: Sequence[str],
    timeframe: str = "60",
    rule: Rule | None = None,
) -> ScanResult:
    """Close stale setups, then look at the newest closed candle of every symbol and store what is found.

    Reads stored indicators only. `exchange` serves the price check of living setups; without it the newest stored
    close does.

    Raises:
        NotFound: If the interval is unknown.
        ConfigError: If the rule itself fails.
    """
    interval = interval_of(timeframe)
    invalidated = invalidate(store, candle_store, account, exchange, clock)
    now = clock.now()
    wanted = list(dict.fromkeys(symbols))
    look = _Look.at_all(store, candle_store, account.venue, wanted, interval, rule or BbMeanReversion(), now)
    found: list[Setup] = []
    skipped: dict[str, Skipped] = {}
    for symbol in wanted:
        seen = look.at(symbol)
        if isinstance(seen, Skipped):
            skipped[symbol] = seen
        else:
            found.extend(seen)
    detected, duplicates = _save(store, candle_store, account, found, now)
    for setup in duplicates:
        opened = f"{setup.candle_time:%Y-%m-%d %H:%M} UTC"
        detail = f"{setup.kind} of the candle of {opened} is stored already"
        skipped[setup.symbol] = Skipped(setup.symbol, SkipReason.DUPLICATE, detail)
    for setup in detected:
        skipped.pop(setup.symbol, None)
    in_order = tuple(skipped[symbol] for symbol in wanted if symbol in skipped)
    return ScanResult(tuple(detected), tuple(invalidated), in_order, len(wanted))


def _save(
    store: Store, candle_store: CandleStore, account: Account, found: Sequence[Setup], now: datetime
) -> tuple[list[Setup], list[Setup]]:
    """Store setups, each with the hash of what it was seen in; return the new ones and those that were there."""
    if not found:
        return [], []
    new, known = [], []
    seen_in = [fingerprint(candle_store, account.venue, setup) for setup in found]
    with store.write(account) as books:
        for setup, facts in zip(found, seen_in, strict=True):
            stored = books.add_setup(setup)
            if stored is None:
                known.append(setup)
                continue
            what = f"{stored.kind} by {stored.rule}"
            books.log(LogEntry(now, "detected", what, setup_id=stored.id, data=facts))
            new.append(stored)
    return new, known


Stored = Mapping[str, tuple[CandleBatch, Indicators]]


@dataclass(frozen=True, slots=True)
class _Look:
    """The look at one symbol after another, at stored candles that were read for all of them at once."""

    store: Store
    candle_store: CandleStore
    venue: Venue
    interval: Interval
    rule: Rule
    now: datetime
    newest: Stored
    """Of the scanned interval: the newest closed candle by the clock and, while that may be missing, the one before.

    And as many before these as the rule looks back on.
    """
    regime: Stored

    @classmethod
    def at_all(
        cls,
        store: Store,
        candle_store: CandleStore,
        venue: Venue,
        symbols: Sequence[str],
        interval: Interval,
        rule: Rule,
        now: datetime,
    ) -> _Look:
        newest_ms = interval.newest_closed_ms(to_ms(now))
        oldest_ms = newest_ms - (1 + rule.lookback) * interval.length_ms
        newest = candle_store.between_many(venue, symbols, interval, oldest_ms, newest_ms)
        # The regime counts as it was known when the scanned candle closed: at `newest_ms` or later.
        first_ms = REGIME.newest_closed_ms(newest_ms) - (REGIME_ATRS - 1) * REGIME.length_ms
        regime = candle_store.between_many(
            venue, symbols, REGIME, first_ms, REGIME.newest_closed_ms(to_ms(now))
        )
        return cls(store, candle_store, venue, interval, rule, now, newest, regime)

    def at(self, symbol: str) -> list[Setup] | Skipped:
        """Return the setups in the newest closed candle, or why there is none."""
        candles, indicators = self.newest.get(symbol, NOTHING)
        if (fault := self._staleness(symbol, self.interval, candles)) is not None:
            return fault
        tail = slice(-1 - self.rule.lookback, None)
        ratio = self._regime_ratio(symbol, int(candles.open_ms[-1]) + self.interval.length_ms)
        if isinstance(ratio, Skipped):
            return ratio
        seen = cut(candles, tail)
        # The regime of the candles before is not looked up: a rule finds by the candle's own.
        ratios = np.full(len(seen.open_ms), np.nan)
        ratios[-1] = ratio
        return self._setups(symbol, Evidence(seen, cut_indicators(indicators, tail), ratios))

    def _staleness(self, symbol: str, interval: Interval, fresh: CandleBatch) -> Skipped | None:
        """Return why a series can't be looked at, given its candles up to the newest closed one by the clock."""
        if len(fresh.open_ms):
            newest_ms = int(fresh.open_ms[-1])
        else:
            stored, _ = self.candle_store.tail(self.venue, symbol, interval, 1)
            if not len(stored.open_ms):
                return Skipped(symbol, SkipReason.NO_CANDLES, f"no {interval.code} candles are stored")
            newest_ms = int(stored.open_ms[-1])
        newest = from_ms(newest_ms)
        if len(fresh.open_ms) and not interval.is_stale(newest, self.now):
            return None
        age = (self.now - newest) / interval.length
        return Skipped(
            symbol,
            SkipReason.STALE,
            f"newest {interval.code} candle opened {newest:%Y-%m-%d %H:%M} UTC, {age:.1f} intervals ago (limit 2)",
        )

    def _regime_ratio(self, symbol: str, at_ms: int) -> float | Skipped:
        """Return the ratio that was known at `at_ms`, if it is a market that the rule looks at."""
        candles, indicators = self.regime.get(symbol, NOTHING)
        if (fault := self._staleness(symbol, REGIME, candles)) is not None:
            return fault
        known = ratio_known_at(np.array([at_ms]), atr_ratio(indicators.atr), candles.open_ms, REGIME)
        reading = read_regime(float(known[0]))
        if reading.ratio is None:
            lacking = np.isnan(indicators.atr[candles.open_ms + REGIME.length_ms <= at_ms])
            values = int(np.argmax(lacking[::-1])) if lacking.any() else len(lacking)
            if values >= REGIME_ATRS:
                detail = f"no movement in {REGIME_ATRS} candles of {REGIME.code}"
            else:
                detail = f"{values} of {REGIME_ATRS} ATR values on {REGIME.code} without a gap"
            return Skipped(symbol, SkipReason.REGIME_UNKNOWN, detail)
        if reading.regime is Regime.TRENDING and self.rule.ranging_only:
            detail = (
                f"ATR is {reading.ratio:.2f} × the mean of its last {REGIME_ATRS} (limit {TRENDING_ABOVE})"
            )
            return Skipped(symbol, SkipReason.TRENDING, detail)
        return reading.ratio

    def _setups(self, symbol: str, evidence: Evidence) -> list[Setup] | Skipped:
        newest = len(evidence.candles.open_ms) - 1
        finds = [f for f in found_by(self.rule, evidence) if len(f.rows) and f.rows[-1] == newest]
        if not finds:
            with blamed(self.rule):
                return Skipped(symbol, SkipReason.NO_SIGNAL, self.rule.figures(evidence, newest))
        instrument = self.store.instrument(self.venue, symbol)
        if instrument is None:
            return Skipped(
                symbol, SkipReason.NO_CANDLES, "its tick size is not recorded: run `botbox record`"
            )
        setups = [
            setup_of(
                f,
                -1,
                evidence,
                rule=identity(self.rule),
                timeframe=self.interval.code,
                instrument=instrument,
                detected_at=self.now,
            )
            for f in finds
        ]
        sound = [setup for setup in setups if setup.level_fault() is None]
        if not sound:
            return Skipped(symbol, SkipReason.NO_SIGNAL, f"{setups[0].kind}, but {setups[0].level_fault()}")
        return sound
