"""Candles into the database, and out of it into a scan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.candles import AMOUNT, Made, made, newest_start_ms
from bench.measure import RUNS, Row, five, timed
from botbox_cli.config import DEFAULT_SYMBOLS
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import DAY_MS, from_ms, to_ms
from botbox_cli.exchange.paper.clocks import ManualClock, WallClock
from botbox_cli.services.scan import scan
from botbox_cli.services.series_writer import SeriesWriter
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.migrate import upgrade
from botbox_cli.storage.store import SqlStore
from tests.support.postgres import PostgresHome, missing_for_postgres, shared_server

VENUE = Venue.MAINNET


def rows(folder: Path) -> Iterator[Row]:
    """Measure writing with indicators on both databases, and a scan of what was written."""
    start_ms = newest_start_ms(to_ms(WallClock().now()))
    series = list(made(start_ms))
    urls = [f"sqlite:///{folder / f'store{number}.sqlite'}" for number in range(RUNS + 1)]
    yield Row(f"{AMOUNT:,} candles with indicators into SQLite", _writing(urls, series), 1.5)
    if reason := missing_for_postgres():
        print(f"PostgreSQL is left out: {reason}")
    else:
        yield from _postgres(series)
    yield _scanning(urls[0], max(int(c.open_ms[-1]) + i.length_ms for _, i, c in series))


def _postgres(series: list[Made]) -> Iterator[Row]:
    home = PostgresHome()
    try:
        server = shared_server(home.path)
        urls = [server.url(server.create_database()) for _ in range(RUNS + 1)]
        yield Row(f"{AMOUNT:,} candles with indicators into PostgreSQL", _writing(urls, series), 4.0)
    finally:
        home.close()


def _writing(urls: list[str], series: list[Made]) -> tuple[float, ...]:
    """Return five timings, each into a new database; the first of all warms up and is not counted."""
    timings = []
    for url in urls:
        upgrade(url)
        with closing(SqlStore(url)) as store:
            timings.append(timed(lambda: _write(SqlCandles(store.database), series)))
    return tuple(timings[1:])


def _write(candles: SqlCandles, series: list[Made]) -> None:
    written = sum(
        SeriesWriter(candles, VENUE, symbol, interval).append(batch) for symbol, interval, batch in series
    )
    assert written == AMOUNT, written


def _scanning(url: str, end_ms: int) -> Row:
    with closing(SqlStore(url)) as store:
        candles = SqlCandles(store.database)
        account = store.save_account(Mode.LIVE, "1", "hash", VENUE)
        clock = ManualClock(from_ms(end_ms // DAY_MS * DAY_MS))

        def once() -> None:
            result = scan(store, candles, account, None, clock, symbols=DEFAULT_SYMBOLS)
            assert result.scanned == len(DEFAULT_SYMBOLS)

        milliseconds = tuple(seconds * 1000 for seconds in five(once))
    return Row("scan of 10 symbols, candles already stored", milliseconds, 50, "ms")
