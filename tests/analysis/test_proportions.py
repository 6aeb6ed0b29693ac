"""Intervals of shares: against scipy's, and by how often they hold what they promise."""

import numpy as np
import pytest
from scipy import stats

from healbert.analysis.statistics import clustered_wilson, mean_interval, wilson


@pytest.mark.parametrize("hits, trials", [(0, 1), (1, 1), (0, 20), (3, 20), (20, 20), (57, 1000)])
def test_wilson_is_scipys(hits, trials):
    low, high = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-12)


def test_clusters_of_one_trial_are_wilsons_with_students_quantile():
    shares = np.array([1, 0, 0, 1, 0, 0, 0, 0, 1, 0] * 10)
    assert clustered_wilson(shares, 1) == pytest.approx(wilson(30, 100), abs=0.003)


@pytest.mark.parametrize("share", [0, 1])
def test_clusters_that_all_agree_count_as_one_trial_each(share):
    low, high = clustered_wilson([share] * 50, 500)
    assert (low, high)[share] == share
    assert high - low == pytest.approx(wilson(50 * share, 50)[1] - wilson(50 * share, 50)[0], abs=0.01)


def test_trials_that_err_together_are_no_more_than_their_clusters():
    shares = np.array([0.0, 1.0] * 20)  # all or nothing: 40 trials, however many examples each has
    assert clustered_wilson(shares, 1000) == pytest.approx(wilson(20, 40), abs=0.01)


def test_independent_trials_are_as_many_as_there_are():
    rng = np.random.default_rng(0)
    shares = rng.binomial(200, 0.1, 300) / 200
    low, high = clustered_wilson(shares, 200)
    wanted = wilson(shares.mean() * 60000, 60000)
    assert high - low == pytest.approx(wanted[1] - wanted[0], rel=0.15)


@pytest.mark.parametrize("clusters, spread", [(5, (0.3, 2.7)), (20, (0.3, 2.7)), (20, (0.02, 0.38)), (50, (0.01, 0.99))])
def test_clustered_interval_holds_the_true_share(clusters, spread):
    rng = np.random.default_rng(1)
    true = spread[0] / sum(spread)
    found = [
        clustered_wilson(rng.binomial(100, rng.beta(*spread, clusters)) / 100, 100) for _ in range(2000)
    ]
    held = np.mean([low <= true <= high for low, high in found])
    assert held >= 0.93
    plain = [wilson(share * clusters * 100, clusters * 100) for share in
             (rng.binomial(100, rng.beta(*spread, clusters)).sum() / (100 * clusters) for _ in range(500))]  # fmt: skip
    assert np.mean([low <= true <= high for low, high in plain]) < 0.7  # what pooling would promise and not keep


def test_mean_interval_is_scipys():
    values = [0.1, 0.4, 0.2, 0.2]
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((wanted.low, wanted.high))
    assert mean_interval([0.3]) is None
