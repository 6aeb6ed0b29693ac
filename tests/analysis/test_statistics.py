"""Intervals and tests: against hand computation, other implementations, and simulated experiments."""

import itertools
import math

import numpy as np
import pytest
from helpers.statistics import strata, with_seeds
from scipy import stats
from sklearn.metrics import f1_score

from healbert.analysis import statistics
from healbert.analysis.statistics.intervals import Stratum, estimate
from healbert.analysis.statistics.ratios import ratio
from healbert.analysis.statistics.significance import paired_test, trend_test
from healbert.tasks.types.classification import Classification

REPEATS = 1500


class TestEstimate:
    def test_one_dataset_is_the_t_interval(self):
        values = [0.03, 0.05, 0.01, 0.04]
        found = estimate(strata(values))
        expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert found.effect == pytest.approx(0.0325) and found.pairs == 4 and found.df == 3
        assert found.over_seeds == pytest.approx((expected.low, expected.high))
        assert found.interval == found.over_seeds and found.basis == "seeds"

    def test_two_datasets_by_hand(self):
        # variances of the means 0.0001 / 2 and 0.0004 / 2; Satterthwaite's df (a + b)^2 / (a^2 + b^2), one each
        found = estimate(strata([0.1, 0.1 + math.sqrt(0.0002)], [0.3, 0.3 + math.sqrt(0.0008)]))
        a, b = 0.00005, 0.0002
        assert found.error == pytest.approx(math.sqrt(a + b) / 2)
        assert found.df == pytest.approx((a + b) ** 2 / (a**2 + b**2))

    def test_two_datasets_of_equal_size_agree_with_welch(self):
        first, second = np.array([0.1, 0.13, 0.12]), np.array([0.3, 0.37, 0.32])
        found = estimate(strata(first, second))  # Welch's test compares first with -second: the same sum, halved
        welch = stats.ttest_ind(first, -second, equal_var=False).confidence_interval(0.95)
        assert found.over_seeds == pytest.approx((welch.low / 2, welch.high / 2))

    def test_datasets_count_the_same_whatever_their_seeds(self):
        assert estimate(strata([0.1, 0.1, 0.1, 0.1], [0.3])).effect == pytest.approx(0.2)

    def test_one_seed_gives_no_interval_over_seeds(self):
        found = estimate(strata([0.1]))
        assert (found.over_seeds, found.interval, found.basis, found.error) == (None, None, None, None)

    def test_equal_seeds_give_no_interval_over_seeds(self):
        found = estimate([Stratum(np.array([0.05, 0.05, 0.05]), np.linspace(0, 1, 1001))])
        assert (found.over_seeds, found.over_both, found.basis, found.equal) == (None, None, "examples", True)
        assert not estimate(strata([0.05])).equal and not estimate(strata([0.05, 0.06])).equal

    def test_examples_alone_where_there_is_one_seed(self):
        resampled = np.linspace(0, 1, 1001)
        found = estimate([Stratum(np.array([0.5]), resampled)])
        assert found.basis == "examples" and found.interval == pytest.approx((0.025, 0.975))

    def test_shared_seeds_count_once(self):
        table = np.array([[0.10, 0.14, 0.12], [0.30, 0.38, 0.31]])
        found = estimate(with_seeds(table))
        expected = stats.ttest_1samp(table.mean(axis=0), 0).confidence_interval(0.95)
        assert found.over_seeds == pytest.approx((expected.low, expected.high))
        assert (found.pairs, found.seeds, found.df, found.shared) == (6, 3, 2, True)

    def test_spread_is_of_the_seeds_that_all_datasets_have(self):
        first, second = Stratum(np.array([1.0, 2.0, 9.0]), seeds=(0, 1, 2)), Stratum(np.array([5.0, 8.0]), seeds=(1, 0))
        found = estimate([first, second])  # averages of seed 0 and 1: 4.5 and 3.5
        assert found.effect == pytest.approx((4 + 6.5) / 2)
        assert (found.error, found.seeds) == (pytest.approx(0.5), 2)
        few = estimate([first, Stratum(np.array([1.0, 2.0]), seeds=(2, 3))])
        assert (few.over_seeds, few.error, few.seeds) == (None, None, 1)

    def test_datasets_of_other_seeds_are_independent(self):
        values = [0.1, 0.13, 0.12], [0.3, 0.37, 0.32]
        named = [Stratum(np.array(v), seeds=seeds) for v, seeds in zip(values, ((0, 1, 2), (3, 4, 5)), strict=True)]
        assert estimate(named) == estimate(strata(*values)) and not estimate(named).shared

    def test_both_joins_the_half_widths(self):
        rng = np.random.default_rng(0)
        values, resampled = np.array([0.1, 0.14, 0.12]), rng.normal(0.12, 0.01, 1000)
        found = estimate([Stratum(values, resampled)])
        over_seeds = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / math.sqrt(3)
        half = math.sqrt(over_seeds**2 + (1.959964 * resampled.std(ddof=1)) ** 2)
        assert found.basis == "seeds and examples"
        assert found.interval == pytest.approx((0.12 - half, 0.12 + half))

    @pytest.mark.parametrize("spread", [1e-9, 1e-3, 0.1])
    def test_both_is_never_narrower_than_seeds_alone(self, spread):
        found = estimate([Stratum(np.array([0.1, 0.14]), np.random.default_rng(0).normal(0.12, spread, 1000))])
        assert found.over_both[0] <= found.over_seeds[0] and found.over_both[1] >= found.over_seeds[1]

    def test_examples_need_every_dataset(self):
        found = estimate([Stratum(np.array([0.1, 0.2]), np.zeros(9)), Stratum(np.array([0.1, 0.2]))])
        assert found.over_examples is None and found.basis == "seeds"


class TestPairedTest:
    def test_permutations_by_hand(self):
        values = np.array([0.03, -0.01, 0.02, 0.05, 0.01, 0.04])
        found = paired_test(strata(values), estimate(strata(values)))
        sums = [abs(np.dot(signs, values)) for signs in itertools.product((1, -1), repeat=6)]
        assert found.name == "paired permutation test" and found.direction == 1
        assert found.p == pytest.approx(np.mean(np.array(sums) >= values.sum() - 1e-12))

    def test_datasets_are_weighted(self):
        samples = strata([0.05, 0.04, 0.06, 0.05], [-0.3, 0.02])
        found = paired_test(samples, estimate(samples))
        weighted = np.concatenate([samples[0].values / 8, samples[1].values / 4])
        sums = np.array([np.dot(signs, weighted) for signs in itertools.product((1, -1), repeat=6)])
        assert found.direction == -1
        assert found.p == pytest.approx(2 * min((sums <= weighted.sum() + 1e-12).mean(), 0.5))

    def test_few_pairs_take_the_t_test(self):
        values = [0.03, 0.05, 0.01]
        found = paired_test(strata(values), estimate(strata(values)))
        assert (found.name, found.least_p) == ("paired t test", None)
        assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)

    def test_few_pairs_of_shared_seeds_are_tested_by_seed(self):
        table = np.array([[0.03, 0.05], [0.01, 0.06]])
        found = paired_test(with_seeds(table), estimate(with_seeds(table)))
        assert (found.name, found.n, found.unit) == ("paired t test", 2, "seed")
        assert found.p == pytest.approx(stats.ttest_1samp(table.mean(axis=0), 0).pvalue)

    def test_one_seed_on_many_datasets_gives_no_p(self):
        one = with_seeds([[0.1 + 0.01 * i] for i in range(8)])
        assert paired_test(one, estimate(one)).p is None

    def test_smallest_p_of_nine_pairs(self):
        samples = strata([0.01, 0.02, 0.03], [0.01, 0.02, 0.03], [0.01, 0.02, 0.03])
        found = paired_test(samples, estimate(samples))
        assert found.p == found.least_p == 2 / 512

    def test_many_pairs_are_drawn_with_the_seed(self):
        values = np.random.default_rng(0).normal(0.1, 1, 20)
        first, again, other = (paired_test(strata(values), estimate(strata(values)), seed).p for seed in (1, 1, 2))
        assert first == again != other

    def test_nothing_to_test(self):
        one, equal, zero = strata([0.1]), strata([0.1, 0.1, 0.1]), strata([0.0, 0.0, 0.0])
        assert paired_test(one, estimate(one)).p is None
        assert paired_test(equal, estimate(equal)).p is None, "seeds that never differ say nothing of others"
        assert paired_test(zero, estimate(zero)).p == 1


class TestTrend:
    def test_perfect_fall_by_hand(self):
        found = trend_test([[3, 2, 1], [0.9, 0.8, 0.1], [5, 4, 0]])
        assert found.p == pytest.approx(2 / 6**3) == found.least_p
        assert found.direction == 1 and trend_test([[1, 2, 3]] * 2).direction == -1

    def test_against_all_orders(self):
        rows = np.array([[0.9, 0.7, 0.8], [0.6, 0.5, 0.55]])
        weight = lambda order: sum((3 - place) * rank for place, rank in enumerate(order))  # noqa: E731
        observed = sum(weight(stats.rankdata(row)) for row in rows)
        orders = [weight(order) for order in itertools.permutations((1, 2, 3))]
        sums = [a + b for a in orders for b in orders]
        assert trend_test(rows).p == pytest.approx(2 * np.mean(np.array(sums) >= observed))

    @pytest.mark.parametrize("rows", [[[3, 2, 1]], [[2, 1], [2, 1]]])
    def test_too_little_for_a_trend(self, rows):
        assert trend_test(rows).p is None

    def test_slope_is_the_fall_per_quarter(self):
        rows, levels = np.array([[0.9, 0.8, 0.7, 0.5, 0.3], [0.9, 0.9, 0.9, 0.9, 0.9]]), [0, 0.25, 0.5, 0.75, 1]
        expected = -0.25 * np.polyfit(levels, rows[0], 1)[0]
        assert statistics.slopes(rows, levels) == pytest.approx([expected, 0])


def test_benjamini_hochberg_by_hand():
    # sorted 0.01 0.02 0.04 0.5: times 4/rank 0.04 0.04 0.0533 0.5
    found = statistics.corrected([0.04, None, 0.01, 0.5, 0.02])
    assert found == [pytest.approx(0.16 / 3), None, pytest.approx(0.04), pytest.approx(0.5), pytest.approx(0.04)]
    assert statistics.corrected([None]) == [None]


@pytest.mark.parametrize("df", [1, 2, 6.5, 40])
def test_detectable_difference_is_found_in_four_of_five(df):
    shift = statistics.detectable_difference(1.0, df)
    rng = np.random.default_rng(0)
    drawn = (rng.normal(size=100_000) + shift) / np.sqrt(rng.chisquare(df, 100_000) / df)
    assert np.mean(np.abs(drawn) > stats.t.ppf(0.975, df)) == pytest.approx(0.8, abs=0.01)
    assert statistics.detectable_difference(None, None) is None


class TestRatio:
    SAMPLE = np.array([[0.30, 0.40], [0.33, 0.41], [0.29, 0.43], [0.31, 0.39]])

    def test_fieller_holds_what_a_t_test_does_not_refuse(self):
        found = ratio([self.SAMPLE])
        assert found.value == pytest.approx(self.SAMPLE[:, 0].mean() / self.SAMPLE[:, 1].mean())
        refused = lambda share: stats.ttest_1samp(self.SAMPLE @ [1, -share], 0).pvalue  # noqa: E731
        for end in found.interval:
            assert refused(end) == pytest.approx(0.05, abs=1e-6)

    def test_denominator_that_may_be_zero_leaves_no_interval(self):
        found = ratio([np.array([[0.01, 0.02], [0.02, -0.01], [0.00, 0.03]])])
        assert found.value == pytest.approx(0.75) and found.interval is None
        assert found.denominator_interval[0] < 0 < found.denominator_interval[1]

    def test_smallest_denominator(self):
        sample = [np.array([[0.004, 0.005], [0.004, 0.006]])]
        assert ratio(sample, smallest=0.01).value is None
        assert ratio([-self.SAMPLE]).value is None, "what took nothing cannot be recovered"

    def test_equal_seeds_have_no_interval(self):
        found = ratio([np.array([[0.3, 0.4], [0.33, 0.44], [0.27, 0.36]])])
        assert found.value == pytest.approx(0.75) and found.interval is None and found.equal
        assert not ratio([self.SAMPLE]).equal and not ratio([self.SAMPLE[:1]]).equal

    def test_one_seed_has_no_interval(self):
        found = ratio([self.SAMPLE[:1]])
        assert found.value == pytest.approx(0.75) and found.interval is None

    def test_pooled_is_the_ratio_of_means(self):
        found = ratio([self.SAMPLE, self.SAMPLE / 2])
        assert found.value == pytest.approx(ratio([self.SAMPLE]).value) and found.pairs == 8
        assert found.interval[0] < found.value < found.interval[1]

    def test_shared_seeds_count_once(self):
        other = self.SAMPLE[[1, 0, 3, 2]] / 2
        found = ratio([self.SAMPLE, other], seeds=[(0, 1, 2, 3)] * 2)
        alone = ratio([(self.SAMPLE + other) / 2])
        assert (found.seeds, found.shared, alone.shared) == (4, True, False)
        assert (found.value, found.interval) == (pytest.approx(alone.value), pytest.approx(alone.interval))


class TestExamples:
    LABELS = np.random.default_rng(1).integers(0, 4, 90)
    PREDICTIONS = np.where(np.random.default_rng(2).random(90) < 0.6, LABELS, 3)

    def test_f1_of_each_resample_is_scikit_learns(self):
        counts = statistics.example_counts(90, seed=3, resamples=20)
        found = Classification().resampled(self.LABELS, self.PREDICTIONS, 5, counts)
        for column, value in enumerate(found):
            rows = np.repeat(np.arange(90), counts[:, column])
            expected = f1_score(self.LABELS[rows], self.PREDICTIONS[rows], average="weighted", zero_division=0)
            assert value == pytest.approx(expected)

    def test_counts_are_resamples(self):
        counts = statistics.example_counts(50, seed=0, resamples=400)
        assert counts.shape == (50, 400) and (counts.sum(axis=0) == 50).all()
        assert counts.mean(axis=1) == pytest.approx(np.ones(50), abs=0.2)
        assert (counts == statistics.example_counts(50, seed=0, resamples=400)).all()

    def test_interval_agrees_with_scipys_paired_bootstrap(self):
        other = np.where(np.random.default_rng(4).random(90) < 0.8, self.LABELS, 0)
        counts = statistics.example_counts(90, seed=0, resamples=4000)
        first, second = (Classification().resampled(self.LABELS, p, 4, counts) for p in (other, self.PREDICTIONS))
        found = np.quantile(first - second, [0.025, 0.975])

        def difference(labels, one, two):
            return f1_score(labels, one, average="weighted") - f1_score(labels, two, average="weighted")

        options = {"paired": True, "vectorized": False, "method": "percentile", "n_resamples": 1000}
        theirs = stats.bootstrap((self.LABELS, other, self.PREDICTIONS), difference, rng=1, **options)
        assert found == pytest.approx(tuple(theirs.confidence_interval), abs=0.015)
