"""Backtests and sweeps: the design's rule over the hourly candles of ten symbols and two years, beside its peers.

The peers are not botbox's: `pip install 'botbox[bench]'` for them, here or in an interpreter of their own that
BOTBOX_BENCH_PEERS names. Without them their rows are left out, with a word.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from statistics import median

from bench import many
from bench.candles import made, newest_start_ms
from bench.measure import BOTBOX, RUNS, Row, environment, five, peak_mb, run, side_by_side, timed
from botbox_cli.analysis.replay import ReplayTerms, replay
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.config import DEFAULT_SYMBOLS
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import INTERVALS, to_ms
from botbox_cli.domain.instrument import Instrument
from botbox_cli.exchange.paper.clocks import WallClock
from botbox_cli.services.evidence import load_evidence
from botbox_cli.services.series_writer import SeriesWriter
from botbox_cli.storage.candles import SqlCandles
from botbox_cli.storage.migrate import upgrade
from botbox_cli.storage.store import SqlStore

ROOT = Path(__file__).parents[1]
VENUE = Venue.MAINNET
HOUR = INTERVALS["60"]
GRID = ("rsi_low=21:40:1", "volume_factor=0.7:1.6:0.1", "stop_atr=0.5:2.5:0.5")


def rows(folder: Path) -> Iterator[Row]:
    """Measure the core, whole backtests, a sweep, and what many symbols take."""
    path = folder / "replay.sqlite"
    _fill(path)
    home = folder / "replay-home"
    home.mkdir()
    env = environment(home, DATABASE_URL=f"sqlite:///{path}", PYTHONPATH=str(ROOT))
    python = os.environ.get("BOTBOX_BENCH_PEERS", sys.executable)
    yield from _core(path, python, env, folder)
    if _has(python, "backtesting"):
        peer = [python, "-m", "bench.peers.with_backtesting", str(path)]
        ratios = side_by_side([BOTBOX, "backtest"], peer, env, folder)
        yield Row("backtest from SQLite, whole process ÷ backtesting.py", ratios, 0.25, "")
    yield from _sweep(home, env, folder)
    yield from many.rows(folder, path)


def _fill(path: Path) -> None:
    url = f"sqlite:///{path}"
    upgrade(url)
    with closing(SqlStore(url)) as store:
        candles = SqlCandles(store.database)
        now = WallClock().now()
        for symbol, interval, batch in made(newest_start_ms(to_ms(now))):
            SeriesWriter(candles, VENUE, symbol, interval).append(batch)
        store.save_instruments(VENUE, [_pair(symbol) for symbol in DEFAULT_SYMBOLS], now)


def _pair(symbol: str) -> Instrument:
    step = Decimal("0.00001")
    return Instrument(symbol, symbol.removesuffix("USDT"), "USDT", step, step, step, Decimal(5))


def _core(path: Path, python: str, env: dict[str, str], folder: Path) -> Iterator[Row]:
    with closing(SqlStore(f"sqlite:///{path}")) as store:
        candles = SqlCandles(store.database)
        seen = [load_evidence(candles, VENUE, symbol, HOUR, 0, 1 << 50) for symbol in DEFAULT_SYMBOLS]
    rule, terms = BbMeanReversion(), ReplayTerms()
    pairs = [_pair(symbol) for symbol in DEFAULT_SYMBOLS]

    def core() -> None:
        for evidence, pair in zip(seen, pairs, strict=True):
            replay(evidence, rule.find(evidence), HOUR, pair, terms)

    amount = sum(len(e.candles.open_ms) for e in seen)
    speeds = tuple(amount / seconds / 1e6 for seconds in five(core))
    yield Row(f"backtest core, {amount:,} candles in memory", speeds, 5, "million/s", at_least=True)
    if not _has(python, "vectorbt"):
        return
    ratios = []
    for _ in range(RUNS):
        peer = json.loads(run([python, "-m", "bench.peers.with_vectorbt", str(path)], env, folder).output)
        ratios.append(median(timed(core) for _ in range(RUNS)) / median(peer))
    yield Row("backtest core ÷ vectorbt's", tuple(ratios), 0.4, "")


def _sweep(home: Path, env: dict[str, str], folder: Path) -> Iterator[Row]:
    command = [BOTBOX, "sweep", "--workers", "2", "--top", "1", "--json"]
    few = [
        part for text in (GRID[0], "volume_factor=1.1", "stop_atr=0.5:2.5:0.5") for part in ("--set", text)
    ]
    all_ = [part for text in GRID for part in ("--set", text)]
    small = peak_mb([*command, *few], env, folder)
    known = home / ".local" / "share" / "botbox" / "sweeps"
    seconds = []
    for _ in range(RUNS):
        for file in known.glob("*.jsonl"):
            file.unlink()
        ended = run([*command, *all_], env, folder)
        assert json.loads(ended.output)["tried"] == 1000
        seconds.append(ended.seconds)
    for file in known.glob("*.jsonl"):
        file.unlink()
    peak = peak_mb([*command, *all_], env, folder) / small
    yield Row("sweep of 1,000 combinations on 2 processes", tuple(seconds), 60)
    yield Row("its greatest memory ÷ that of 100 combinations", (peak,), 1.1, "")


def _has(python: str, module: str) -> bool:
    found = (
        subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0
    )
    if not found:
        print(f"{module} is not installed (extra `bench`): its rows are left out", file=sys.stderr)
    return found
