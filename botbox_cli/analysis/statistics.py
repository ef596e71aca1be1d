"""What R-multiples say, and how little: rates and means with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from botbox_cli.analysis.columns import Column

RESAMPLES = 1000
_CELLS = 1 << 21
"""Drawn at once, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What trades add up to, in R. None where a figure has no meaning.

    A trade above 0 R is a win. `hit_low` and `hit_high` bound the hit rate (Wilson), `expectancy_low` and
    `expectancy_high` the mean (bootstrap). `max_drawdown_r` is the deepest fall of the summed R from its peak,
    `worst_run` the most losses in a row, `deviation` the standard deviation of one trade.
    """

    n: int
    wins: int
    hit_rate: float | None
    hit_low: float | None
    hit_high: float | None
    expectancy: float | None
    expectancy_low: float | None
    expectancy_high: float | None
    profit_factor: float | None
    max_drawdown_r: float
    worst_run: int
    deviation: float | None
    total_r: float


def summary(r: Column, *, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES) -> Summary:
    """Return the summary of R-multiples in the order of their exits; the same seed gives the same interval."""
    n, wins = len(r), int((r > 0).sum())
    hits = wilson(wins, n, confidence) if n else None
    mean = bootstrap_mean(r, seed=seed, confidence=confidence, resamples=resamples) if n > 1 else None
    lost = -float(r[r < 0].sum())
    return Summary(
        n=n,
        wins=wins,
        hit_rate=wins / n if n else None,
        hit_low=hits[0] if hits else None,
        hit_high=hits[1] if hits else None,
        expectancy=float(r.mean()) if n else None,
        expectancy_low=mean[0] if mean else None,
        expectancy_high=mean[1] if mean else None,
        profit_factor=float(r[r > 0].sum()) / lost if lost > 0 else None,
        max_drawdown_r=drawdown(r),
        worst_run=worst_run(r),
        deviation=float(r.std(ddof=1)) if n > 1 else None,
        total_r=float(r.sum()),
    )


def wilson(wins: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a rate.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = wins / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap_mean(
    values: Column, *, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the percentile interval of the mean, from `resamples` draws with replacement.

    Source: Efron, Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    rng = np.random.default_rng(seed)
    n = len(values)
    step = max(1, _CELLS // n)
    means = [
        values[rng.integers(0, n, (min(step, resamples - done), n), dtype=np.int32)].mean(axis=1)
        for done in range(0, resamples, step)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def drawdown(r: Column) -> float:
    """Return the deepest fall of the running sum from its peak, which starts at 0."""
    if not len(r):
        return 0.0
    total = np.concatenate([[0.0], np.cumsum(r)])
    return float((np.maximum.accumulate(total) - total).max())


def worst_run(r: Column) -> int:
    """Return the most losses in a row."""
    lost = np.concatenate([[0], (r < 0).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(lost))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def deflated_probability(r: Column, trials: int, trial_ratios: Column) -> float | None:
    """Return the probability that the best of `trials` attempts has an edge at all, given that it is the best.

    `r` are its R-multiples, `trial_ratios` mean ÷ deviation of R of every attempt. It is the deflated Sharpe ratio:
    the expected greatest ratio of as many attempts without any edge is what the best must beat. None without spread.

    Source: Bailey, López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40 (2014).
    """
    n = len(r)
    if n < 3 or r.std() == 0:
        return None
    ratio = float(r.mean() / r.std(ddof=1))
    hurdle = luck(trials, trial_ratios)
    centred = (r - r.mean()) / r.std()
    skew, kurtosis = float((centred**3).mean()), float((centred**4).mean())
    spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    if spread <= 0:
        return None
    return NormalDist().cdf((ratio - hurdle) * math.sqrt(n - 1) / math.sqrt(spread))


def luck(trials: int, trial_ratios: Column) -> float:
    """Return the greatest mean ÷ deviation to expect of `trials` attempts without any edge (same source)."""
    known = trial_ratios[np.isfinite(trial_ratios)]
    if trials < 2 or len(known) < 2:
        return 0.0
    normal, euler = NormalDist(), 0.5772156649015329
    greatest = (1 - euler) * normal.inv_cdf(1 - 1 / trials) + euler * normal.inv_cdf(
        1 - 1 / (trials * math.e)
    )
    return float(known.std(ddof=1)) * greatest
