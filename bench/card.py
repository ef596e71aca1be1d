"""The statistics on a card: two years of ten symbols stored, and a new candle of each before every look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from bench.candles import made, newest_start_ms
from bench.measure import RUNS, Row, timed
from botbox_cli.analysis.columns import cut
from botbox_cli.config import DEFAULT_SYMBOLS
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import INTERVALS, from_ms, to_ms
from botbox_cli.domain.instrument import Instrument
from botbox_cli.domain.setup import Direction, Setup, SetupSource
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.ports import CandleBatch, Holder
from botbox_cli.services.desk import Desk, Policy
from botbox_cli.services.series_writer import SeriesWriter
from botbox_cli.services.similar import similar
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.migrate import upgrade
from botbox_cli.storage.store import SqlStore

VENUE = Venue.MAINNET
HOUR = INTERVALS["60"]


def rows(folder: Path) -> Iterator[Row]:
    """Measure the statistics of one setup; the first look, which replays everything, warms up."""
    url = f"sqlite:///{folder / 'card.sqlite'}"
    upgrade(url)
    with closing(SqlStore(url)) as store:
        candles = SqlCandles(store.database)
        newest = _fill(store, candles)
        account = store.save_account(Mode.PAPER, "1", "hash", VENUE)
        holder = Holder("bench", 1, "", "token")
        desk = Desk(store, candles, account, None, WallClock(), Policy(), holder)  # type: ignore[arg-type]
        setup = _setup(newest[DEFAULT_SYMBOLS[0]])
        while (found := similar(desk, setup)) is not None and found.left_out:
            pass  # on a busy machine, one look's time is not enough to replay everything
        values = []
        for _ in range(RUNS + 1):
            newest = {symbol: _next(candles, symbol, batch) for symbol, batch in newest.items()}
            values.append(timed(lambda: _look(desk, setup)) * 1000)
    what = "statistics on the card, 10 symbols × 2 years, a new candle of each"
    yield Row(what, tuple(values[1:]), 150, "ms")


def _fill(store: SqlStore, candles: SqlCandles) -> dict[str, CandleBatch]:
    """Store everything but the last hours; return the newest candle of each symbol."""
    pairs = [
        Instrument(
            s,
            s.removesuffix("USDT"),
            "USDT",
            Decimal("0.0001"),
            Decimal("0.001"),
            Decimal("0.001"),
            Decimal(5),
        )
        for s in DEFAULT_SYMBOLS
    ]
    store.save_instruments(VENUE, pairs, WallClock().now())
    newest = {}
    for symbol, interval, batch in made(newest_start_ms(to_ms(WallClock().now()))):
        if interval.code in ("60", "240"):
            SeriesWriter(candles, VENUE, symbol, interval).append(batch)
        if interval == HOUR:
            newest[symbol] = cut(batch, slice(-1, None))
    return newest


def _next(candles: SqlCandles, symbol: str, newest: CandleBatch) -> CandleBatch:
    """Record one more candle."""
    batch = replace(newest, open_ms=np.asarray(newest.open_ms + HOUR.length_ms))
    SeriesWriter(candles, VENUE, symbol, HOUR).append(batch)
    return batch


def _setup(newest: CandleBatch) -> Setup:
    at = from_ms(int(newest.open_ms[0]))
    price = Decimal(repr(float(newest.close[0])))
    levels = (price, price * 98 / 100, price * 102 / 100, None)
    return Setup(
        DEFAULT_SYMBOLS[0],
        "60",
        "LOWER_BB_BOUNCE",
        Direction.LONG,
        SetupSource.SCAN,
        *levels,
        detected_at=at + HOUR.length,
        expires_at=at + 25 * HOUR.length,
        rule="bb-mean-reversion@1",
        candle_time=at,
    )


def _look(desk: Desk, setup: Setup) -> None:
    found = similar(desk, setup)
    assert found is not None
    assert found.all_symbols.symbols == len(DEFAULT_SYMBOLS)
    assert found.all_symbols.summary is not None, "as many trades as statistics take longest for"
