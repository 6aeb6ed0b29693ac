"""The sentences that tell a verdict."""

import dataclasses
import types

import numpy as np
from helpers.report_runs import told

from healbert.analysis import verdict as reasons
from healbert.analysis.claims import CLAIMS
from healbert.analysis.metric import Metric
from healbert.analysis.statistics.intervals import Stratum, estimate
from healbert.analysis.statistics.significance import paired_test, trend_test
from healbert.analysis.verdict import FAILS, HOLDS, OPEN, Verdict
from healbert.report.sentences import REASONS

F1 = Metric("classification", "f1_weighted", "weighted F1", True, (0, 1))
LOSS = Metric("classification", "loss", "loss", greater_is_better=False)


def made_up(
    letter="c",
    values=((0.03, 0.01, 0.05, 0.02, 0.04, 0.03),),
    shared=True,
    p=None,
    corrected=None,
    metric=F1,
    **changes,
):
    """A `Verdict` on datasets' differences by seed, its p-values those of the test or given."""
    claim = next(claim for claim in CLAIMS if claim.letter == letter)
    strata = [Stratum(np.array(v), seeds=tuple(range(len(v))) if shared else None) for v in values]
    estimated = estimate(strata)
    scores = np.random.default_rng(0).normal(size=(estimated.pairs, 5))
    test = trend_test(scores) if claim.trend else paired_test(strata, estimated)
    test = dataclasses.replace(test, p=test.p if p is None else p, **changes)
    scope = "all datasets" if len(values) > 1 else "sst2"
    group = types.SimpleNamespace(metric=metric)
    return Verdict(group, claim, scope, len(values), estimated, test, test.p if corrected is None else corrected, 12)


class TestFindings:
    def test_lost_by_correction_is_said(self):
        text = told(made_up(p=0.032, corrected=0.09))
        assert "p is below 0.05 by itself, not after correction for 12 tests" in text
        assert "The interval lies above zero" in text and "Chance" not in text
        assert "p is the smallest that so few runs can give" in told(made_up(corrected=0.05))
        assert "6 pairs of runs, p = 0.032, after correction for 12 tests 0.090" in text

    def test_chance_only_where_nothing_else_speaks(self):
        wide = ((0.09, -0.05, 0.03, -0.06, 0.05, 0.01),)
        assert "Chance could give as much" in told(made_up(values=wide, p=0.4))
        assert "leaves room for chance" in told(made_up(p=0.2))

    def test_a_trend_that_is_not_steady_shows_its_levels(self):
        verdict = made_up("b, bottom", p=0.2, direction=1)
        verdict.means = {"0%": 0.85, "50%": 0.7, "100%": 0.75}
        text = told(verdict)
        assert "Over all levels the score tends to fall" in text and "not steadily enough" in text
        assert "Mean score by level: 0% 0.850, 50% 0.700, 100% 0.750." in text
        assert "6 blocks of a dataset and a seed" in text and "pair" not in text

    def test_a_trend_is_small_by_its_whole_fall(self):
        """0.008 a quarter is 0.03 over the encoder: no little."""
        values = ((0.008, 0.0081, 0.0082),)
        assert made_up("b, top", values, p=0.001, direction=1).verdict == HOLDS
        assert made_up("b, top", values, p=0.2, direction=1).verdict == OPEN
        assert made_up("b, top", ((0.002, 0.0021, 0.0022),), p=0.2, direction=1).verdict == FAILS

    def test_a_trend_up_is_no_fall(self):
        text = told(made_up("b, top", p=0.001, direction=-1))
        assert made_up("b, top", p=0.001, direction=-1).verdict == OPEN
        assert "The test finds scores that rise" in text and "but the interval lies above zero" in text

    def test_few_seeds_that_hold_name_the_t_test(self):
        verdict = made_up("a", values=((0.10, 0.11, 0.12),))
        assert verdict.verdict == HOLDS
        assert "With 3 seeds this rests on the t test" in told(verdict)

    def test_datasets_of_one_seed_are_explained(self):
        text = told(made_up(values=((0.10, 0.11, 0.12),) * 2))
        assert "p takes them as separate trials all the same, the interval counts each of the 3 seeds once" in text
        assert "may err together" not in told(made_up(values=((0.10, 0.11, 0.12),) * 2, shared=False))
        by_seed = told(made_up(values=((0.10, 0.11),) * 2))
        assert "2 seeds averaged over datasets" in by_seed and "each of the 2 seeds counts once" in by_seed

    def test_significant_but_too_wide_does_not_hold(self):
        verdict = made_up(values=((0.001, 0.09, 0.012),) * 3, p=0.004)
        assert verdict.estimated.interval[0] < 0 and verdict.verdict == OPEN
        assert "the interval, which counts each seed once, includes zero" in told(verdict)

    def test_examples_alone_decide_nothing(self):
        for effect in (0.1, -0.1):
            one = Stratum(np.array([effect]), np.linspace(effect - 0.01, effect + 0.01, 1001))
            test = dataclasses.replace(made_up().test, p=0.001, direction=int(np.sign(effect)))
            found = Verdict(types.SimpleNamespace(metric=F1), CLAIMS[0], "sst2", 1, estimate([one]), test, 0.001)
            assert found.estimated.basis == "examples" and found.verdict == OPEN

    def test_what_could_be_found(self):
        verdict = made_up("c", p=0.4)
        verdict.detectable, verdict.detectable_by = 0.02, "t test over seeds"
        assert "the t test over seeds, before correction, finds a true effect of 0.020 or more" in told(verdict)
        few = told(made_up(values=((0.01, 0.05),)))
        assert "How small an effect could be found is not given: 2 seeds cannot tell" in few

    def test_a_small_effect_and_the_opposite(self):
        small = made_up(values=((0.003, 0.0031, 0.0032),))
        assert small.verdict == HOLDS and "small, though: an effect of 0.01 or more can be ruled out" in told(small)
        unsure = made_up(values=((0.003, 0.0031, 0.0032),), corrected=0.06)
        assert unsure.verdict == FAILS and "An effect of 0.01 or more in the claim's direction can be" in told(unsure)
        assert "the opposite of the claim" in told(made_up(values=((-0.1, -0.11, -0.12),)))


WIDE = ((0.09, -0.05, 0.03, -0.06, 0.05, 0.01),)


class TestReasons:
    """Why a verdict is open: the constant, and that it is in words."""

    def check(self, reason, verdict):
        assert (verdict.verdict, verdict.reason) == (OPEN, reason)
        assert REASONS[reason].split("{")[0] in told(verdict) and "{" not in told(verdict)

    def test_every_reason_is_in_words(self):
        constants = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
        others = {HOLDS, FAILS, OPEN, reasons.POOLED, reasons.SHARED_INTACT, reasons.NOTHING_TO_COMPARE}
        assert constants - others == set(REASONS)

    def test_seeds(self):
        self.check(reasons.ONE_SEED, made_up(values=((0.1,),), shared=False))
        self.check(reasons.ONE_COMMON_SEED, made_up(values=((0.1,), (0.2,))))
        self.check(reasons.EQUAL_SEEDS, made_up(values=((0.1, 0.1),)))
        strata = [Stratum(np.array([0.1, 0.2]), seeds=seeds) for seeds in ((0, 1), (1, 2), (0, 2))]
        verdict = dataclasses.replace(made_up(), estimated=estimate(strata))
        self.check(reasons.NO_COMMON_SEED, verdict)
        assert dataclasses.replace(verdict, estimated=None).reason == reasons.NOTHING_TO_COMPARE

    def test_tests_and_intervals(self):
        self.check(reasons.TOO_FEW_RUNS, made_up(p=0.2, least_p=0.06))
        self.check(reasons.TEST_AGAINST_INTERVAL, made_up(p=0.001, values=WIDE))
        self.check(reasons.SMALLEST_P_CORRECTED, made_up(corrected=0.09))
        self.check(reasons.P_CORRECTED, made_up(p=0.04, corrected=0.09))
        self.check(reasons.CHANCE, made_up(p=0.4, values=WIDE))
        self.check(reasons.INTERVAL_ALONE, made_up(p=0.4))
        self.check(reasons.UNSTEADY, made_up("b, top", p=0.4))

    def test_a_verdict_that_is_given_has_none(self):
        assert made_up("a", values=((0.10, 0.11, 0.12),)).reason is None


class TestSmallerIsBetter:
    def test_words_go_the_other_way(self):
        assert "the healed models stay 0.030 loss above the intact ones" in told(made_up("a", metric=LOSS))
        assert "bottom damage adds 0.030 loss more than top damage" in told(made_up("c", metric=LOSS))
        assert "each further quarter of damage adds 0.030 loss" in told(made_up("b, top", metric=LOSS, p=0.01))
        assert "finds scores that rise" in told(made_up("b, top", WIDE, metric=LOSS, p=0.001, direction=1))
        assert "tends to rise" in told(made_up("b, top", metric=LOSS, p=0.4))

    def test_without_limits_no_effect_is_small(self):
        values = ((0.003, 0.0031, 0.0032),)
        assert made_up(values=values, metric=LOSS, corrected=0.06).verdict == OPEN
        assert "ruled out" not in told(made_up(values=values, metric=LOSS))
