"""Indicators against their definitions, written out naively here, on recorded candles."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from botbox_cli.analysis.columns import cut, cut_indicators, join
from botbox_cli.analysis.indicators import WARM_UP, indicators_of
from botbox_cli.domain.candle import INTERVALS
from botbox_cli.ports import CandleBatch, Indicators
from tests.support.candles import FOUR_HOURS, HOUR, RECORDED, level, recorded, walk

SAMPLES = [(RECORDED, name.split("_")[1], name.split("_")[2].split(".")[0])
           for name in sorted(p.name for p in RECORDED.glob("*.csv.gz"))]  # fmt: skip
WHOLE = Path(__file__).parents[4] / "shared" / "data" / "candles"
"""The full recordings, beside the repository on some machines only."""
ALL_FILES = SAMPLES + [
    (WHOLE, p.name.split("_")[1], p.name.split("_")[2].split(".")[0]) for p in sorted(WHOLE.glob("*.csv.gz"))
]
NAMES = ("bb_upper", "bb_middle", "bb_lower", "rsi", "atr", "volume_ma")


def naive_bands(close: list[float]) -> tuple[list[float], list[float], list[float]]:
    upper, middle, lower = [], [], []
    for end in range(20, len(close) + 1):
        window = close[end - 20 : end]
        mean = sum(window) / 20
        sigma = (sum((c - mean) ** 2 for c in window) / 20) ** 0.5
        upper.append(mean + 2 * sigma)
        middle.append(mean)
        lower.append(mean - 2 * sigma)
    return upper, middle, lower


def wilder(values: list[float], count: int) -> list[float]:
    smoothed = [sum(values[:count]) / count]
    for value in values[count:]:
        smoothed.append((smoothed[-1] * (count - 1) + value) / count)
    return smoothed


def naive_rsi(close: list[float]) -> list[float]:
    changes = [b - a for a, b in pairwise(close)]
    gains = wilder([max(c, 0.0) for c in changes], 14)
    losses = wilder([max(-c, 0.0) for c in changes], 14)
    return [100 * gain / (gain + loss) for gain, loss in zip(gains, losses, strict=True)]


def naive_atr(candles: CandleBatch) -> list[float]:
    high, low, close = candles.high.tolist(), candles.low.tolist(), candles.close.tolist()
    ranges = [
        max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1]))
        for i in range(1, len(close))
    ]
    return wilder(ranges, 14)


def assert_same(a: Indicators, b: Indicators, *, rtol: float) -> None:
    for name in NAMES:
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=0, err_msg=name)


@pytest.mark.parametrize(("folder", "symbol", "timeframe"), ALL_FILES)
def test_values_equal_their_definitions_on_recorded_candles(folder: Path, symbol: str, timeframe: str):
    candles = recorded(symbol, timeframe, folder)

    found = indicators_of(candles, INTERVALS[timeframe])

    close, volume = candles.close.tolist(), candles.volume.tolist()
    upper, middle, lower = naive_bands(close)
    means = [sum(volume[i - 20 : i]) / 20 for i in range(20, len(volume) + 1)]
    for column, expected in (
        (found.bb_upper, upper),
        (found.bb_middle, middle),
        (found.bb_lower, lower),
        (found.rsi, naive_rsi(close)),
        (found.atr, naive_atr(candles)),
        (found.volume_ma, means),
    ):
        undefined = len(close) - len(expected)
        assert np.isnan(column[:undefined]).all()
        np.testing.assert_allclose(column[undefined:], expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "SOLUSDT"])
def test_four_hour_candles_equal_the_aggregate_of_the_hourly_ones(symbol: str):
    hours, fours = recorded(symbol, "60"), recorded(symbol, "240")

    assert_aggregate(hours, fours)


@pytest.mark.skipif(not WHOLE.exists(), reason="the full recordings are not on this machine")
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"])
def test_four_hour_candles_equal_the_aggregate_in_the_full_recordings(symbol: str):
    hours, fours = recorded(symbol, "60", WHOLE), recorded(symbol, "240", WHOLE)
    covered = (fours.open_ms >= hours.open_ms[0]) & (fours.open_ms < hours.open_ms[-1])

    fours = cut(fours, covered)

    assert len(fours.open_ms) == 4347
    assert_aggregate(cut(hours, slice(0, 4 * 4347)), fours)


def assert_aggregate(hours: CandleBatch, fours: CandleBatch) -> None:
    np.testing.assert_array_equal(hours.open_ms[::4], fours.open_ms)
    np.testing.assert_array_equal(hours.open[::4], fours.open)
    np.testing.assert_array_equal(hours.high.reshape(-1, 4).max(axis=1), fours.high)
    np.testing.assert_array_equal(hours.low.reshape(-1, 4).min(axis=1), fours.low)
    np.testing.assert_array_equal(hours.close[3::4], fours.close)
    np.testing.assert_allclose(hours.volume.reshape(-1, 4).sum(axis=1), fours.volume, rtol=1e-12)


def test_first_values_appear_on_the_documented_candle():
    found = indicators_of(walk(30), HOUR)

    first = {name: int(np.flatnonzero(~np.isnan(getattr(found, name)))[0]) for name in NAMES}

    assert first == {
        "bb_upper": 19, "bb_middle": 19, "bb_lower": 19, "rsi": 14, "atr": 14, "volume_ma": 19
    }  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 13, 14, 15, 19, 20, 21])
def test_short_series_gives_one_value_a_candle(count: int):
    found = indicators_of(walk(count), HOUR)

    assert {len(getattr(found, name)) for name in NAMES} == {count}


@pytest.mark.parametrize("new", [1, 7, 400])
def test_newest_candles_computed_on_their_warm_up_equal_the_whole_series(new: int):
    candles = recorded("BTCUSDT", "60")

    whole = indicators_of(candles, HOUR)
    part = indicators_of(cut(candles, slice(-new - WARM_UP, None)), HOUR)

    assert_same(cut_indicators(part, slice(-new, None)), cut_indicators(whole, slice(-new, None)), rtol=1e-9)


def test_later_candles_never_change_earlier_values():
    candles = walk(300, seed=3)

    whole = indicators_of(candles, HOUR)

    for count in (20, 21, 150, 299):
        part = indicators_of(cut(candles, slice(count)), HOUR)
        assert_same(part, cut_indicators(whole, slice(count)), rtol=0)


def test_gap_restarts_every_indicator():
    candles = walk(200, seed=1)
    after = cut(candles, slice(101, None))

    found = indicators_of(join([cut(candles, slice(100)), after]), HOUR)

    assert_same(cut_indicators(found, slice(100, None)), indicators_of(after, HOUR), rtol=0)
    assert_same(cut_indicators(found, slice(100)), indicators_of(cut(candles, slice(100)), HOUR), rtol=0)


def test_gap_leaves_short_stretches_undefined():
    candles = cut(walk(100), np.arange(100) % 10 != 5)

    found = indicators_of(candles, HOUR)

    assert all(np.isnan(getattr(found, name)).all() for name in NAMES)


def test_volume_spike_leaves_no_trace_when_it_is_over():
    candles = level(100)
    candles.volume[:50] = 1e15
    candles.volume[50:] = 0.0

    found = indicators_of(candles, HOUR)

    assert set(found.volume_ma[69:].tolist()) == {0.0}


def test_market_that_never_moves_has_no_width():
    found = indicators_of(level(100, spread=0.0, interval=FOUR_HOURS), FOUR_HOURS)

    assert found.bb_upper[-1] == found.bb_lower[-1] == 100.0
    assert found.atr[-1] == 0.0
    assert found.rsi[-1] == 0.0


PROBE = """
import importlib.abc, importlib.machinery, sys

asked = []

class Fakes(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    # Stands in for an environment where pandas and polars are installed.
    def find_spec(self, name, path=None, target=None):
        if name in ("pandas", "polars"):
            asked.append(name)
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        module.Series = module.DataFrame = type("Series", (), {})

sys.meta_path.insert(0, Fakes())
%s
print(sorted(set(asked)))
import pandas, polars
print(pandas.Series.__name__, polars.Series.__name__)
"""


def run_probe(statements: str) -> list[str]:
    code = PROBE % statements
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()


def test_talib_does_not_import_pandas_or_polars_though_they_are_installed():
    lines = run_probe(
        "import numpy as np\n"
        "from botbox_cli.analysis import indicators\n"
        "from botbox_cli.analysis.columns import NO_CANDLES\n"
        "from botbox_cli.domain.candle import INTERVALS\n"
        "assert 'talib' not in sys.modules\n"
        "indicators._talib()\n"
        "assert 'talib' in sys.modules"
    )

    assert lines == ["[]", "Series Series"]


def test_plain_import_of_talib_would_have_imported_them():
    """The probe above can fail: without our door both are loaded."""
    assert run_probe("import talib")[0] == "['pandas', 'polars']"
