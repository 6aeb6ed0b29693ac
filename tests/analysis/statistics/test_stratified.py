"""Interquartile means and performance profiles: by hand, and against loops that share nothing with the code."""

import numpy as np
import pytest

from healbert.analysis.statistics import interquartile_mean, profile

RNG = np.random.default_rng(3)
STRATA = [RNG.normal(0.8, 0.05, 7), RNG.normal(0.6, 0.1, 5), RNG.normal(0.7, 0.02, 8)]


def middle_half(values):
    """The interquartile mean of a list, by sorting."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    return sum(ordered[cut : len(ordered) - cut]) / (len(ordered) - 2 * cut)


def looped(strata, statistic, resamples=4000):
    """Ends of the 95% interval of a statistic, by one resample after the other."""
    rng, found = np.random.default_rng(99), []
    for _ in range(resamples):
        drawn = [float(runs[rng.integers(len(runs))]) for runs in strata for _ in runs]
        found.append(statistic(drawn))
    return np.percentile(found, 2.5), np.percentile(found, 97.5)


def test_by_hand():
    # Of eight scores two are left out at each end: 1, 2, 8 and 100.
    value, (low, high) = interquartile_mean([np.array([8.0, 1, 2, 7]), np.array([3.0, 100, 4, 5])])
    assert value == pytest.approx((3 + 4 + 5 + 7) / 4) and low < value < high
    assert interquartile_mean([np.array([1.0, 2, 9])])[0] == pytest.approx(4), "of three none is left out"
    shares, low, high = profile([np.array([1.0, 2]), np.array([2.0, 3])], [0.5, 1, 2, 3])
    assert shares == [1, 0.75, 0.25, 0], "above, not at"
    assert low[0] == high[0] == 1 and low[-1] == high[-1] == 0


def test_intervals_are_those_of_loops():
    value, interval = interquartile_mean(STRATA)
    assert value == pytest.approx(middle_half(np.concatenate(STRATA)))
    assert interval == pytest.approx(looped(STRATA, middle_half), abs=0.003)
    taus = [0.62, 0.7, 0.78]
    shares, lows, highs = profile(STRATA, taus)
    for tau, share, low, high in zip(taus, shares, lows, highs, strict=True):
        assert share == sum(score > tau for runs in STRATA for score in runs) / 20
        assert (low, high) == pytest.approx(
            looped(STRATA, lambda drawn, t=tau: np.mean([x > t for x in drawn])), abs=0.051
        )


def test_tasks_are_strata():
    """Seeds that do not differ leave no doubt, however much tasks differ."""
    value, (low, high) = interquartile_mean([np.full(4, 0.9), np.full(4, 0.3)])
    assert low == high == pytest.approx(value) == pytest.approx(0.6)
    assert profile([np.full(4, 0.9), np.full(4, 0.3)], [0.5]) == ([0.5], [0.5], [0.5])


def test_the_seed_decides():
    assert interquartile_mean(STRATA, seed=1) == interquartile_mean(STRATA, seed=1)
    assert interquartile_mean(STRATA, seed=1)[1] != interquartile_mean(STRATA, seed=2)[1]
