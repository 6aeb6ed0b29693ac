"""Intervals, tests and verdicts over simulated experiments: what they promise is what they keep."""

import itertools
import math

import numpy as np
import pytest
from helpers.statistics import strata, with_seeds

from healbert.analysis import statistics
from healbert.analysis.statistics.intervals import Stratum, estimate
from healbert.analysis.statistics.ratios import ratio
from healbert.analysis.statistics.significance import paired_test, trend_test
from healbert.tasks.types.classification import Classification

REPEATS = 1500


def within(rate, low, high):
    """A rate with room for three standard errors of a simulation this long."""
    room = 3 * math.sqrt(0.05 * 0.95 / REPEATS)
    return low - room <= rate <= high + room


class TestSimulated:
    """Under no effect tests reject at most about 5%; intervals cover about 95%."""

    @pytest.mark.parametrize("sizes", [(3,), (5,), (6,), (9,), (3, 3, 3), (2, 3, 4)])
    def test_paired_tests_reject_seldom(self, sizes):
        rng = np.random.default_rng(sum(sizes))
        rejected = 0
        for _ in range(REPEATS):
            samples = strata(*(rng.normal(0, 0.01 * (i + 1), n) for i, n in enumerate(sizes)))
            rejected += paired_test(samples, estimate(samples)).p < 0.05
        assert within(rejected / REPEATS, 0, 0.05)

    def test_trend_test_rejects_seldom(self):
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(REPEATS, 3, 5)) + rng.normal(size=(REPEATS, 3, 1))  # seeds differ, levels do not
        assert within(np.mean([trend_test(block).p < 0.05 for block in rows]), 0, 0.05)

    @pytest.mark.parametrize("sizes", [(3,), (10,), (3, 3, 3), (2, 3, 4), (3, 1)])
    def test_intervals_over_seeds_cover(self, sizes):
        rng = np.random.default_rng(0)
        covered = 0
        for _ in range(REPEATS):
            low, high = estimate(strata(*(rng.normal(0.2, 0.01, n) for n in sizes))).over_seeds
            covered += low <= 0.2 <= high
        assert within(covered / REPEATS, 0.94, 0.985)

    def test_bootstrap_over_three_seeds_would_not_cover(self):
        rng = np.random.default_rng(0)
        values = rng.normal(size=(REPEATS, 3))
        means = np.array([list(itertools.product(row, repeat=3)) for row in values]).mean(axis=2)  # all 27 resamples
        low, high = np.quantile(means, [0.025, 0.975], axis=1)
        assert np.mean((low <= 0) & (high >= 0)) < 0.85

    @pytest.mark.parametrize("seeds", [3, 6])
    def test_fieller_covers(self, seeds):
        rng = np.random.default_rng(seeds)
        covered = 0
        for _ in range(REPEATS):
            damaged, healed, intact = (rng.normal(mean, 0.03, seeds) for mean in (0.4, 0.7, 0.8))
            low, high = ratio([np.stack([healed - damaged, intact - damaged], axis=1)]).interval
            covered += low <= 0.75 <= high
        assert within(covered / REPEATS, 0.94, 0.965)

    @pytest.mark.parametrize("correlation", [0, 0.3, 0.6])
    def test_datasets_that_err_together(self, correlation):
        """Three datasets, three seeds: intervals cover, and what is not there is seldom found."""
        rng = np.random.default_rng(7)
        covered = 0
        for _ in range(REPEATS):
            found = estimate(with_seeds(_correlated(rng, correlation, (3, 3))))
            covered += found.over_seeds[0] <= 0 <= found.over_seeds[1]
        assert within(covered / REPEATS, 0.95, 0.95)

    @pytest.mark.parametrize(("seeds", "noise"), [(2, 0.02), (2, 0.1), (3, 0.02), (3, 0.1)])
    def test_intervals_over_seeds_and_examples_cover(self, seeds, noise):
        rng = np.random.default_rng(0)
        covered, seeds_alone, repeats = 0, 0, 400
        counts = statistics.example_counts(200, seed=0, resamples=200)
        for _ in range(repeats):
            found = estimate([_experiment(rng, counts, seeds, noise)])
            covered += found.over_both[0] <= 0.1 <= found.over_both[1]
            seeds_alone += found.over_seeds[0] <= 0.1 <= found.over_seeds[1]
        assert 0.92 < covered / repeats <= 1
        assert covered >= seeds_alone


def _correlated(rng, correlation, shape):
    """Normal figures (datasets, seeds, ...) in which the datasets of one seed correlate."""
    own, common = rng.normal(size=shape), rng.normal(size=(1, *shape[1:]))
    return math.sqrt(1 - correlation) * own + math.sqrt(correlation) * common


def _experiment(rng, counts, seeds, noise, examples=200):
    """Two models, some seeds each, on the same new examples; the first is right 10% more often."""
    labels = rng.permutation(np.arange(examples) % 2)
    ease = rng.uniform(-0.3, 0.3, examples)  # the same for every model
    gain = rng.uniform(-0.25, 0.25, examples)  # examples on which one model is the better one
    scores = []
    for share, sign in ((0.7, 1), (0.6, -1)):
        chance = share + ease * 0.1 + sign * gain / 2 + rng.normal(0, noise, seeds)[:, None]
        predictions = np.where(rng.random((seeds, examples)) < chance, labels, 1 - labels)
        whole = np.ones((examples, 1), np.int16)
        both = np.concatenate([whole, counts], axis=1)
        scores.append(np.array([Classification().resampled(labels, p, 2, both) for p in predictions]))
    difference = scores[0] - scores[1]  # (seeds, 1 + resamples)
    return Stratum(difference[:, 0], difference[:, 1:].mean(axis=0))
