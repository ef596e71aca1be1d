"""Rates, means and their intervals, against published and hand-computed figures."""

import numpy as np
import pytest

from botbox_cli.analysis.statistics import (
    bootstrap_mean,
    deflated_probability,
    drawdown,
    luck,
    summary,
    wilson,
    worst_run,
)


def test_wilson_interval_of_a_known_rate():
    """15 of 20: 0.531 to 0.888, as in Newcombe, Statistics in Medicine 17 (1998), without correction."""
    low, high = wilson(15, 20)

    assert (round(low, 3), round(high, 3)) == (0.531, 0.888)


@pytest.mark.parametrize(("wins", "n"), [(0, 10), (10, 10)])
def test_wilson_interval_stays_within_nought_and_one_and_has_a_width(wins: int, n: int):
    low, high = wilson(wins, n)

    assert 0 <= low < high <= 1


def test_summary_of_five_trades():
    s = summary(np.array([1.0, -1.0, -0.5, 2.0, 0.0]))

    assert (s.n, s.wins, s.hit_rate, s.expectancy, s.total_r) == (5, 2, 0.4, 0.3, 1.5)
    assert (s.profit_factor, s.max_drawdown_r, s.worst_run) == (2.0, 1.5, 2)


def test_summary_of_nothing_says_nothing():
    s = summary(np.empty(0))

    assert (s.n, s.hit_rate, s.expectancy, s.expectancy_low, s.profit_factor) == (0, None, None, None, None)
    assert (s.max_drawdown_r, s.worst_run) == (0.0, 0)


def test_drawdown_counts_from_the_start():
    assert drawdown(np.array([-1.0, -1.0, 5.0])) == 2.0
    assert worst_run(np.array([-1.0, 1.0, -1.0, -1.0, -1.0])) == 3


def test_bootstrap_interval_is_that_of_the_normal_for_many_values():
    values = np.random.default_rng(1).normal(0.2, 1.0, 2000)

    low, high = bootstrap_mean(values, seed=3)

    assert low == pytest.approx(values.mean() - 1.96 / np.sqrt(2000), abs=0.006)
    assert high == pytest.approx(values.mean() + 1.96 / np.sqrt(2000), abs=0.006)
    assert (low, high) == bootstrap_mean(values, seed=3)


def test_luck_grows_with_the_number_of_trials():
    ratios = np.random.default_rng(1).normal(0, 0.1, 500)

    assert 0 == luck(1, ratios) < luck(10, ratios) < luck(1000, ratios)
    # The greatest of 1000 standard normals is 3.24 on average.
    assert luck(1000, ratios) == pytest.approx(3.24 * ratios.std(ddof=1), rel=0.02)


def test_the_best_of_many_lucky_ones_is_not_taken_for_skill():
    rng = np.random.default_rng(5)
    attempts = rng.normal(0, 1, (400, 100))
    ratios = attempts.mean(axis=1) / attempts.std(axis=1, ddof=1)
    best = attempts[ratios.argmax()]

    alone, deflated = deflated_probability(best, 1, ratios), deflated_probability(best, 400, ratios)

    assert alone is not None
    assert deflated is not None
    assert alone > 0.99
    assert deflated < 0.9


def test_a_real_edge_survives_the_deflation():
    rng = np.random.default_rng(5)
    attempts = rng.normal(0, 1, (50, 400))
    attempts[7] += 0.4
    ratios = attempts.mean(axis=1) / attempts.std(axis=1, ddof=1)

    assert deflated_probability(attempts[7], 50, ratios) > 0.99


def test_no_deflated_figure_without_spread():
    assert deflated_probability(np.ones(10), 5, np.ones(5)) is None
