"""Five hundred symbols with two years of candles each: the time of a scan, the memory of a scan and a backtest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.measure import BOTBOX, RUNS, Row, environment, peak_mb, timed
from botbox_cli.config import DEFAULT_SYMBOLS
from botbox_cli.domain.account import Mode, Venue
from botbox_cli.domain.candle import INTERVALS, from_ms, to_ms
from botbox_cli.exchange.paper.clocks import ManualClock
from botbox_cli.services.scan import scan
from botbox_cli.services.series_writer import SeriesWriter
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.store import SqlStore

VENUE = Venue.MAINNET
HOUR, REGIME = INTERVALS["60"], INTERVALS["240"]
MANY = 500


def rows(folder: Path, ten: Path) -> Iterator[Row]:
    """Measure on copies of the symbols in the database `ten`, under other names."""
    path = folder / "many.sqlite"
    names = _copied(ten, path)
    home = folder / "many-home"
    home.mkdir()
    env = environment(home, DATABASE_URL=f"sqlite:///{path}", BOTBOX_SYMBOLS=",".join(names))
    yield Row(f"scan of {MANY} symbols, a new candle of each", _scans(path, names), 0.25)
    peak = peak_mb([BOTBOX, "scan"], env, folder)
    yield Row(f"greatest memory of a scan of {MANY} symbols", (peak,), 200, "MB")
    peak = peak_mb([BOTBOX, "backtest"], env, folder)
    yield Row(f"greatest memory of a backtest of {MANY} symbols", (peak,), 400, "MB")


def _scans(path: Path, names: list[str]) -> tuple[float, ...]:
    """Return what scans took, each after every symbol got its next candle."""
    with closing(SqlStore(f"sqlite:///{path}")) as store:
        candles = SqlCandles(store.database)
        account = store.save_account(Mode.LIVE, "1", "hash", VENUE)
        newest = {(name, i): candles.tail(VENUE, name, i, 1)[0] for name in names for i in (HOUR, REGIME)}
        clock = ManualClock(from_ms(int(newest[names[0], HOUR].open_ms[0]) + HOUR.length_ms))
        timings = []
        for _ in range(RUNS + 1):
            clock.sleep(HOUR.length_ms / 1000)
            for (name, interval), batch in newest.items():
                if int(batch.open_ms[0]) < interval.newest_closed_ms(to_ms(clock.now())):
                    following = replace(batch, open_ms=np.asarray(batch.open_ms + interval.length_ms))
                    SeriesWriter(candles, VENUE, name, interval).append(following)
                    newest[name, interval] = following

            def once() -> None:
                result = scan(store, candles, account, None, clock, symbols=names)
                assert result.scanned == MANY
                assert not any(s.reason in ("STALE", "NO_CANDLES") for s in result.skipped)

            timings.append(timed(once))
    return tuple(timings[1:])


def _copied(ten: Path, path: Path) -> list[str]:
    """Fill the database `path`; return the names of its symbols."""
    names = list(DEFAULT_SYMBOLS)
    with closing(sqlite3.connect(ten)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA synchronous = OFF")
        ids = dict(copy.execute("SELECT symbol, id FROM instruments"))
        columns = [
            row[1] for row in copy.execute("PRAGMA table_info(instruments)") if row[1] not in ("id", "symbol")
        ]
        candle = [row[1] for row in copy.execute("PRAGMA table_info(candles)") if row[1] != "instrument_id"]
        same = ", ".join(columns)
        for number in range(MANY - len(DEFAULT_SYMBOLS)):
            of = DEFAULT_SYMBOLS[number % len(DEFAULT_SYMBOLS)]
            names.append(f"C{number}USDT")
            new = copy.execute(
                f"INSERT INTO instruments (symbol, {same}) SELECT ?, {same} FROM instruments WHERE id = ?",
                (names[-1], ids[of]),
            ).lastrowid
            copy.execute(
                f"INSERT INTO candles (instrument_id, {', '.join(candle)}) SELECT ?, {', '.join(candle)} FROM candles "
                "WHERE instrument_id = ? AND timeframe IN ('60', '240')",
                (new, ids[of]),
            )
            copy.execute(
                "INSERT INTO series SELECT ?, timeframe, count, first_ms, last_ms FROM series WHERE instrument_id = ? "
                "AND timeframe IN ('60', '240')",
                (new, ids[of]),
            )
        copy.commit()
    return names
