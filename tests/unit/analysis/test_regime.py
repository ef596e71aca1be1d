"""The ratio behind the regime and the moments at which it was known."""

import numpy as np
import pytest

from botbox_cli.analysis.indicators import indicators_of
from botbox_cli.analysis.regime import atr_ratio, ratio_known_at
from botbox_cli.domain.regime import Regime, read_regime
from tests.support.candles import FOUR_HOURS, HOUR, START_MS, walk

H = HOUR.length_ms


def test_ratio_is_newest_atr_over_the_mean_of_the_newest_fifty():
    atr = indicators_of(walk(300, interval=FOUR_HOURS), FOUR_HOURS).atr

    ratio = atr_ratio(atr)

    for row in (63, 64, 200, 299):
        assert ratio[row] == pytest.approx(atr[row] / (sum(atr[row - 49 : row + 1]) / 50), rel=1e-12)


def test_ratio_needs_sixty_four_candles():
    ratio = atr_ratio(indicators_of(walk(64, interval=FOUR_HOURS), FOUR_HOURS).atr)

    assert np.isnan(ratio[:63]).all()
    assert not np.isnan(ratio[63])
    assert np.isnan(atr_ratio(indicators_of(walk(49), HOUR).atr)).all()


def test_tail_gives_the_same_digits_as_the_whole_series():
    atr = indicators_of(walk(500, interval=FOUR_HOURS, seed=4), FOUR_HOURS).atr

    assert atr_ratio(atr[-64:])[-15:].tolist() == atr_ratio(atr)[-15:].tolist()


def test_market_without_any_movement_has_no_ratio():
    assert np.isnan(atr_ratio(np.zeros(60))).all()


@pytest.mark.parametrize(
    ("ratio", "regime", "confidence"),
    [
        (0.69, Regime.RANGING, 1.0),
        (0.7, Regime.RANGING, 0.5),
        (1.0, Regime.RANGING, 0.5),
        (1.3, Regime.RANGING, 0.5),
        (1.31, Regime.TRENDING, 1.0),
        (float("nan"), Regime.UNKNOWN, 0.0),
    ],
)
def test_regime_follows_the_thresholds(ratio: float, regime: Regime, confidence: float):
    reading = read_regime(ratio)

    assert (reading.regime, reading.confidence) == (regime, confidence)


def test_unknown_regime_has_no_ratio():
    assert read_regime(float("nan")).ratio is None
    assert read_regime(1.1).ratio == 1.1


def known_after(*hours: int) -> list[float]:
    """What is known so many hours after the start, when three 4-hour candles have ratios 1, 2 and 3."""
    opens = START_MS + np.arange(3) * 4 * H
    moments = START_MS + np.array(hours, np.int64) * H
    found = ratio_known_at(moments, np.array([1.0, 2.0, 3.0]), opens, FOUR_HOURS)
    return [None if np.isnan(x) else x for x in found.tolist()]


def test_ratio_is_known_from_the_close_of_its_candle_on():
    assert known_after(3, 4, 7, 8, 12) == [None, 1.0, 1.0, 2.0, 3.0]


def test_ratio_goes_stale_two_intervals_after_its_candle_opened():
    assert known_after(16, 17) == [3.0, None]


def test_nothing_is_known_without_regime_candles():
    empty = np.empty(0)

    found = ratio_known_at(np.array([START_MS]), empty, empty.astype(np.int64), FOUR_HOURS)

    assert np.isnan(found).all()
