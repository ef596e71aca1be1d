"""Writing new candles of one series together with every indicator that they change."""

from __future__ import annotations

import numpy as np

from botbox_cli.analysis.columns import cut, cut_indicators, join
from botbox_cli.analysis.indicators import WARM_UP, indicators_of
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import Interval
from botbox_cli.ports import CandleBatch, CandleStore


class SeriesWriter:
    """Writes one series of a venue. Candles and indicators go in one statement: a kill never parts them."""

    def __init__(self, candle_store: CandleStore, venue: Venue, symbol: str, interval: Interval) -> None:
        self._store = candle_store
        self._venue, self._symbol, self._interval = venue, symbol, interval
        self._before: CandleBatch | None = None

    def append(self, new: CandleBatch) -> int:
        """Store candles behind which nothing is stored; return how many were new.

        Those before them are read once and then remembered, so that a long back-fill reads nothing back.
        """
        if not len(new.open_ms):
            return 0
        if self._before is None:
            self._before, _ = self._store.tail(self._venue, self._symbol, self._interval, WARM_UP)
        merged = join([new, self._before])
        self._before = cut(merged, slice(-WARM_UP, None))
        return self._write(merged, int(new.open_ms[0]))

    def fill(self, new: CandleBatch) -> int:
        """Store candles that stand before stored ones, and those after them anew as far as they feel it."""
        if not len(new.open_ms):
            return 0
        first, last = int(new.open_ms[0]), int(new.open_ms[-1])
        reach = WARM_UP * self._interval.length_ms
        around, _ = self._store.between(
            self._venue, self._symbol, self._interval, first - reach, last + reach
        )
        return self._write(join([new, around]), first)

    def _write(self, candles: CandleBatch, first_ms: int) -> int:
        indicators = indicators_of(candles, self._interval)
        rows = slice(int(np.searchsorted(candles.open_ms, first_ms)), None)
        return self._store.upsert(
            self._venue, self._symbol, self._interval, cut(candles, rows), cut_indicators(indicators, rows)
        )
