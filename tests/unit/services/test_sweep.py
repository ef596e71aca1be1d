"""Sweeps: the same figures wherever they are worked out, taken up where they were left, no worker missed."""

import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from botbox_cli.analysis.replay import ReplayTerms
from botbox_cli.analysis.rules.bb_mean_reversion import BbMeanReversion
from botbox_cli.analysis.rules.grid import combinations, grid_of
from botbox_cli.analysis.rules.registry import known_rule
from botbox_cli.domain.account import Venue
from botbox_cli.domain.candle import from_ms
from botbox_cli.services.backtest import Ask, Source, backtest
from botbox_cli.services.desk import Policy
from botbox_cli.services.sweep import (
    Job,
    Prepared,
    Tried,
    Values,
    prepare,
    processes,
    remembered,
    sweep,
    try_batch,
)
from botbox_cli.storage.store import SqlStore
from tests.support.candle_store import MemoryCandles
from tests.support.candles import FOUR_HOURS, HOUR, walk
from tests.support.market import instrument

ROOT = Path(__file__).parents[3]
SYMBOLS = ("BTCUSDT", "ETHUSDT")
KNOWN = known_rule("bb-mean-reversion")
GRID = combinations(grid_of(KNOWN, ["rsi_low=35:60:5", "volume_factor=0.5,0.8,1.1", "stop_atr=1,2"]))


@pytest.fixture
def source():
    store = SqlStore("sqlite://")
    candles = MemoryCandles()
    for number, symbol in enumerate(SYMBOLS):
        store.save_instruments(Venue.REPLAY, [instrument(symbol)], from_ms(0))
        candles.put(Venue.REPLAY, symbol, "60", walk(3000, seed=number))
        candles.put(Venue.REPLAY, symbol, "240", walk(750, seed=number + 9, interval=FOUR_HOURS))
    yield Source(store, candles, Venue.REPLAY)
    store.close()


@pytest.fixture
def ask() -> Ask:
    start = int(walk(1).open_ms[0])
    end = start + 2999 * HOUR.length_ms
    return Ask(
        BbMeanReversion(), SYMBOLS, HOUR, start, end, ReplayTerms(), Policy(shorts=True), Decimal(10000)
    )


@pytest.fixture
def prepared(source: Source, ask: Ask, tmp_path: Path) -> Prepared:
    folder = tmp_path / "packs"
    folder.mkdir()
    return prepare(source, ask, folder, 0.7, KNOWN.id)


class Here:
    """A pool that works at once, in this process; `lose` futures break before they begin."""

    size = 2

    def __init__(self, job: Job, lose: int = 0) -> None:
        self.job = job
        self.lose = lose
        self.batches: list[Sequence[Values]] = []

    def submit(self, batch: Sequence[Values]) -> Future[list[Tried]]:
        self.batches.append(batch)
        future: Future[list[Tried]] = Future()
        if self.lose:
            self.lose -= 1
            future.set_exception(BrokenProcessPool("lost"))
        else:
            future.set_result(try_batch(self.job, batch))
        return future


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"shorts": False},
        {"max_open_positions": 1},
        {"max_loss_streak": 2, "max_position_percent": Decimal(100)},
    ],
    ids=str,
)
def test_a_combination_has_the_figures_of_its_backtest(
    source: Source, ask: Ask, tmp_path: Path, limits: dict[str, Any]
):
    ask = replace(ask, policy=replace(ask.policy, **limits))
    result = sweep(
        ask,
        prepared := prepare(source, ask, tmp_path, 0.7, KNOWN.id),
        GRID[:1],
        Here(prepared.job),
        tmp_path / "m",
    )

    one = replace(ask, rule=BbMeanReversion(**GRID[0]))
    early = backtest(source, replace(one, end_ms=result.split_ms - HOUR.length_ms)).report
    late = backtest(source, replace(one, start_ms=result.split_ms)).report
    for figures, report in ((result.rows[0].before, early), (result.rows[0].after, late)):
        assert report is not None
        assert figures.n == report.summary.n > 3
        assert figures.wins == report.summary.wins
        assert figures.total == pytest.approx(report.summary.total_r)
        assert figures.profit_factor == pytest.approx(report.summary.profit_factor)


def test_split_is_at_the_share_of_the_period(ask: Ask, prepared: Prepared):
    assert (prepared.job.split_ms - ask.start_ms) // HOUR.length_ms == 2100


def test_best_is_chosen_before_the_split_only(ask: Ask, prepared: Prepared, tmp_path: Path):
    result = sweep(ask, prepared, GRID, Here(prepared.job), tmp_path / "m")

    assert result.best is not None
    assert result.tried == len(GRID) == 36
    scores = [row.before.score for row in result.rows]
    assert scores == sorted(scores, reverse=True)
    assert result.best.values == result.rows[0].values
    assert result.best.before.n == result.rows[0].before.n
    assert result.best.after.n == result.rows[0].after.n
    assert result.best.after.expectancy == pytest.approx(result.rows[0].after.expectancy)


def test_an_interrupted_sweep_goes_on_where_it_was(ask: Ask, prepared: Prepared, tmp_path: Path):
    memory = tmp_path / "deep" / "m.jsonl"
    whole = sweep(ask, prepared, GRID, Here(prepared.job), tmp_path / "other")
    sweep(ask, prepared, GRID[:20], Here(prepared.job), memory)
    # The power went while the last line was being written.
    memory.write_text(memory.read_text("utf-8")[:-30], "utf-8")
    pool = Here(prepared.job)

    result = sweep(ask, prepared, GRID, pool, memory)

    assert result.known_before == 19
    assert sum(map(len, pool.batches)) == 17
    assert result.rows == whole.rows
    assert len({json.dumps(t.values) for t in remembered(memory)}) == 36


def test_a_line_cut_short_does_not_spoil_the_next(ask: Ask, prepared: Prepared, tmp_path: Path):
    memory = tmp_path / "m.jsonl"
    sweep(ask, prepared, GRID[:3], Here(prepared.job), memory)
    memory.write_text(memory.read_text("utf-8")[:-30], "utf-8")
    sweep(ask, prepared, GRID[:3], Here(prepared.job), memory)

    again = sweep(ask, prepared, GRID[:3], Here(prepared.job), memory)

    assert again.known_before == 3


def test_other_candles_or_terms_share_no_memory(source: Source, ask: Ask, prepared: Prepared, tmp_path: Path):
    others = (
        replace(ask, symbols=ask.symbols[:1]),
        replace(ask, end_ms=ask.end_ms - HOUR.length_ms),
        replace(ask, terms=ReplayTerms(delay=2)),
        replace(ask, policy=Policy()),
        replace(ask, policy=replace(ask.policy, max_open_positions=2)),
        replace(ask, balance=Decimal(500)),
    )
    keys = {prepared.job.key}
    for number, other in enumerate(others):
        folder = tmp_path / f"packs{number}"
        folder.mkdir()
        keys.add(prepare(source, other, folder, 0.7, KNOWN.id).job.key)

    assert len(keys) == 7


def test_the_same_candles_elsewhere_share_the_memory(
    source: Source, ask: Ask, prepared: Prepared, tmp_path: Path
):
    folder = tmp_path / "again"
    folder.mkdir()

    assert prepare(source, ask, folder, 0.7, KNOWN.id).job.key == prepared.job.key


def test_what_a_lost_worker_had_in_hand_is_tried_again(ask: Ask, prepared: Prepared, tmp_path: Path):
    result = sweep(ask, prepared, GRID, Here(prepared.job, lose=4), tmp_path / "m")

    assert len(result.rows) == 36


def test_workers_that_are_always_lost_end_the_sweep(ask: Ask, prepared: Prepared, tmp_path: Path):
    with pytest.raises(BrokenProcessPool):
        sweep(ask, prepared, GRID, Here(prepared.job, lose=1000), tmp_path / "m")


def test_progress_counts_every_combination_once(ask: Ask, prepared: Prepared, tmp_path: Path):
    seen: list[tuple[int, int]] = []

    sweep(ask, prepared, GRID, Here(prepared.job), tmp_path / "m", progress=lambda d, t: seen.append((d, t)))

    assert seen[0] == (0, 36)
    assert seen[-1] == (36, 36)
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)


def test_processes_give_the_figures_of_one(ask: Ask, prepared: Prepared, tmp_path: Path):
    alone = sweep(ask, prepared, GRID, Here(prepared.job), tmp_path / "alone")

    with processes(prepared.job, 2) as pool:
        together = sweep(ask, prepared, GRID, pool, tmp_path / "together")

    assert together.rows == alone.rows
    assert together.best == alone.best


def test_a_two_worker_dask_cluster_that_loses_one_gives_the_same_figures(
    ask: Ask, prepared: Prepared, tmp_path: Path
):
    alone = sweep(ask, prepared, GRID, Here(prepared.job), tmp_path / "alone")
    (tmp_path / "job.pickle").write_bytes(pickle.dumps((ask, prepared, GRID)))

    child = subprocess.run(
        [sys.executable, "-m", "tests.support.dask_child", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert child.returncode == 0, child.stderr
    told = json.loads(child.stdout.splitlines()[-1])
    assert (told["workers"], told["killed"], told["tried"]) == (2, 1, 36)
    assert told["rows"] == [row.line() for row in alone.rows]


def test_backtest_of_a_period_takes_the_trades_of_the_account(source: Source, ask: Ask):
    result = backtest(source, ask)

    assert result.report is not None
    assert result.report.summary.n > 10
    assert result.report.start == from_ms(ask.start_ms)
