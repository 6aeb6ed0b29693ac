"""Intervals of shares: against scipy's, and by how often they hold what they promise."""

import numpy as np
import pytest
from scipy import stats

from healbert.analysis.statistics import clustered_wilson, mean_interval, wilson


@pytest.mark.parametrize("hits, trials", [(0, 1), (1, 1), (0, 20), (3, 20), (20, 20), (57, 1000)])
def test_wilson_is_scipys(hits, trials):
    low, high = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize("shares", [[1, 0, 0, 1, 0], [0] * 50, [1] * 50])
def test_clusters_that_are_all_or_nothing_are_trials(shares):
    assert clustered_wilson(shares) == wilson(sum(shares), len(shares))


@pytest.mark.parametrize("clusters", [5, 20, 50])
@pytest.mark.parametrize("spread", [(0.3, 2.7), (0.02, 0.38), (0.01, 0.99), (30, 270)], ids=str)
def test_clustered_interval_holds_what_it_promises(clusters, spread):
    rng = np.random.default_rng(1)
    true = spread[0] / sum(spread)
    drawn = rng.binomial(100, rng.beta(*spread, (2000, clusters))) / 100
    found = [clustered_wilson(shares) for shares in drawn]
    assert np.mean([low <= true <= high for low, high in found]) >= 0.94


def test_pooled_trials_would_not_hold_it():
    rng = np.random.default_rng(1)
    pooled = rng.binomial(100, rng.beta(0.3, 2.7, (2000, 20))).sum(axis=1)
    found = [wilson(hits, 2000) for hits in pooled]
    assert np.mean([low <= 0.1 <= high for low, high in found]) < 0.5


def test_mean_interval_is_scipys():
    values = [0.1, 0.4, 0.2, 0.2]
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((wanted.low, wanted.high))
    assert mean_interval([0.3]) is None
