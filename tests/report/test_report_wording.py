"""The sentences that tell a verdict."""

import dataclasses
import types

import numpy as np
import pytest
from helpers.report_runs import told

from healbert.analysis import evidence, shape
from healbert.analysis import verdict as reasons
from healbert.analysis.claims import CLAIMS
from healbert.analysis.metric import Metric
from healbert.analysis.outcome import MIXED, PAIRED, Outcome, outcome_of
from healbert.analysis.statistics import significance
from healbert.analysis.verdict import CONTRADICTED, EQUIVALENT, INCONCLUSIVE, SUPPORTED, Ruling, Verdict
from healbert.analysis.verdicts import correct
from healbert.report.sentences import EXCEPTIONS, REASONS, details, first_line

F1 = Metric("classification", "f1_weighted", "weighted F1", True, (0, 1))
LOSS = Metric("classification", "loss", "loss", greater_is_better=False)
CHOSEN, LAST, UNCOLLAPSED = "chosen epoch", "last epoch", "without collapsed runs"


def outcome(effect, error=0.005, df=10, **more):
    return outcome_of(effect, error, df, **{"by": MIXED, "cells": 12, "seeds": 3} | more)


def made_up(letter="c", found=None, metric=F1, margin=0.01, scope="all datasets", **more):
    """A `Verdict` by an outcome, p as it would be alone in its report."""
    claim = next(claim for claim in CLAIMS if claim.letter == letter)
    group = types.SimpleNamespace(metric=metric)
    verdict = Verdict(group, claim, scope, 2, rulings={CHOSEN: Ruling(found or outcome(0.05), margin)}, **more)
    correct([verdict])
    return verdict


def with_view(verdict, view, found):
    verdict.rulings[view] = Ruling(found, verdict.margin)
    correct([verdict])
    return verdict


class TestFirstLines:
    @pytest.mark.parametrize(
        ("found", "verdict", "line"),
        [
            (outcome(0.05), SUPPORTED, "bottom damage costs 0.050 weighted F1 more than top damage"),
            (outcome(-0.05), CONTRADICTED, "bottom damage costs 0.050 weighted F1 less than top damage"),
            (outcome(0.001, 0.002), EQUIVALENT, "less than 0.01 either way"),
            (outcome(0.02, 0.02), INCONCLUSIVE, "; chance could give as much"),
        ],
    )
    def test_four_verdicts(self, found, verdict, line):
        said = first_line(made_up(found=found))
        assert said.startswith(f"{verdict.capitalize()}: bottom damage") and line in said and said.endswith(".")

    def test_the_interval_goes_the_way_of_the_words(self):
        low, high = outcome(-0.05).interval
        assert f"(95% interval {-high:.3f} to {-low:.3f})" in first_line(made_up(found=outcome(-0.05)))

    def test_exceptions_by_how_they_go_against_it(self):
        parts = {"25%": outcome(-0.05), "50%": outcome(0.0, 0.001), "75%": outcome(0.02, 0.02), "100%": outcome(0.06)}
        line = first_line(made_up(parts=parts))
        assert line.endswith(", but the opposite at 25%; not at 50%; not shown at 75%.")
        assert "By itself: 25% −0.050" in told(made_up(parts=parts))
        assert "but" not in first_line(made_up(found=outcome(0.02, 0.02), parts=parts)), "nothing to make exceptions of"

    def test_many_are_not_all_named(self):
        parts = {f"{i}%": outcome(0.01, 0.02) for i in range(6)}
        assert first_line(made_up(parts=parts)).endswith("not shown at 0%, 1%, 2% and 3 more.")

    def test_what_it_depends_on(self):
        verdict = with_view(made_up(), LAST, outcome(0.001, 0.002))
        assert first_line(verdict).endswith("; depends on the epoch that is chosen.")
        assert "On the last epoch's scores: equivalent, +0.001 (" in told(verdict)
        same = with_view(made_up(), LAST, outcome(0.06))
        assert "depends" not in first_line(same) and "The last epoch's scores give the same verdict." in details(same)

    def test_collapse(self):
        verdict = with_view(made_up(collapsed=2, runs=12), UNCOLLAPSED, outcome(0.001, 0.002))
        assert first_line(verdict).endswith("; depends on runs that collapsed.")
        assert "2 of 12 runs collapsed; without them: equivalent, +0.001" in told(verdict)
        assert "nothing to compare" in told(with_view(made_up(collapsed=2, runs=2), UNCOLLAPSED, None))

    @pytest.mark.parametrize(
        ("found", "text"),
        [
            (shape.STEADY, ": a steady fall."),
            (shape.IN_PART, ": a fall that is shown from 25% to 50%."),
            (shape.STEP, ": a step of 0.200 with the least damage, then a plateau."),
            (shape.NOT_MONOTONE, ": not monotone, the score rises from 50% to 75%."),
            (shape.FLAT, ", shown for no single step."),
            (shape.ONE_STEP, "0.061)."),
            (None, "0.061)."),
        ],
    )
    def test_shapes(self, found, text):
        parts = {("25%", "50%"): outcome(0.05), ("50%", "75%"): outcome(-0.05)}
        if found in (shape.STEADY, shape.FLAT):
            parts = {}
        verdict = made_up("b, top", shape=found, parts=parts, first=outcome(0.2))
        assert text in first_line(verdict)

    def test_nothing_to_compare(self):
        verdict = Verdict(types.SimpleNamespace(metric=F1), CLAIMS[0], "sst2", rulings={CHOSEN: Ruling(None)})
        verdict.notes = ("sst2 has no scored runs",)
        assert first_line(verdict) == "Inconclusive: nothing to compare yet."
        assert details(verdict) == ["Note: sst2 has no scored runs."]


class TestReasons:
    """Why a verdict is inconclusive: the constant, and that it is in words."""

    def check(self, reason, verdict):
        assert (verdict.verdict, verdict.reason) == (INCONCLUSIVE, reason)
        assert REASONS[reason].split("{")[0] in first_line(verdict) and "{" not in told(verdict)

    def test_every_reason_is_in_words(self):
        constants = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
        others = {SUPPORTED, CONTRADICTED, EQUIVALENT, INCONCLUSIVE, reasons.POOLED, reasons.SHARED_INTACT}
        others |= {reasons.NOTHING_TO_COMPARE, *EXCEPTIONS}
        assert constants - others - {CHOSEN, LAST, UNCOLLAPSED} == set(REASONS)

    @pytest.mark.parametrize(
        "lack",
        [evidence.ONE_SEED, evidence.ONE_COMMON_SEED, evidence.NO_COMMON_SEED, evidence.NO_PAIR, evidence.EQUAL_SEEDS],
    )
    def test_no_interval_says_why(self, lack):
        self.check(lack, made_up(found=Outcome(0.05, PAIRED, lack=lack, cells=2, seeds=1)))

    def test_p_and_intervals(self):
        several = [made_up(found=outcome(0.011, 0.0046)), *(made_up(found=outcome(0.001, 0.02)) for _ in range(3))]
        correct(several)
        self.check(reasons.P_CORRECTED, several[0])
        assert "not after correction for 4 tests" in first_line(several[0])
        equal = [made_up(found=outcome(0.001, 0.0045)), *(made_up(found=outcome(0.3, 0.02)) for _ in range(3))]
        correct(equal)
        self.check(reasons.EQUAL_CORRECTED, equal[0])
        self.check(reasons.BELOW_MARGIN, made_up(found=outcome(-0.01, 0.008)))
        self.check(reasons.CHANCE, made_up(found=outcome(0.01, 0.02)))

    def test_examples_alone_decide_nothing(self):
        resampled = np.linspace(0.04, 0.06, 1001)
        found = outcome_of(0.05, None, None, resampled, by=PAIRED, lack=evidence.ONE_SEED, cells=2, seeds=1)
        assert found.basis == "examples" and made_up(found=found).verdict == INCONCLUSIVE


class TestDetails:
    def test_the_p_is_that_of_the_decision(self):
        verdict = made_up(found=outcome(0.001, 0.002))
        assert verdict.ruling.p == verdict.ruling.p_equal and "; two one-sided tests, p = " in told(verdict)
        assert "; mixed model, p < 0.0001 (corrected for 1 test)" in told(made_up())

    def test_an_exploratory_one_says_so(self):
        verdict = made_up(scope="sst2", exploratory=True)
        assert "On sst2: 12 scores of 3 seeds" in told(verdict) and "(exploratory, not corrected)" in told(verdict)

    def test_a_paired_analysis_says_why(self):
        found = outcome(0.05, by=PAIRED, not_fitted="does not converge")
        assert "paired by seed: the mixed model cannot be fitted (does not converge)" in told(made_up(found=found))

    @pytest.mark.parametrize(
        ("p", "least", "direction", "says"),
        [
            (0.01, 0.001, 1, "agrees"),
            (0.4, 0.001, 1, "disagrees"),
            (0.01, 0.001, -1, "disagrees"),
            (0.4, 0.25, 1, "tell"),
        ],
    )
    def test_the_check(self, p, least, direction, says):
        verdict = made_up(check=significance.Test("Page's trend test", p, direction, least))
        assert f"{says})." in told(verdict) and verdict.check_disagrees == (says == "disagrees")

    def test_what_could_be_found(self):
        assert "Four studies of five like this one find an effect of 0.0" in told(made_up(found=outcome(0.01, 0.02)))
        assert "Four studies" not in told(made_up()), "found"

    def test_the_papers_own_figure(self):
        assert "The paper: 0.08 on average." in told(made_up(paper="0.08 on average"))


class TestSmallerIsBetter:
    def test_words_go_the_other_way(self):
        assert "the healed models stay 0.050 loss above the intact ones" in told(made_up("a", metric=LOSS))
        assert "bottom damage adds 0.050 loss more than top damage" in told(made_up("c", metric=LOSS))
        rise = made_up("b, top", metric=LOSS, shape=shape.STEADY)
        assert "each further quarter of damage adds 0.050 loss" in told(rise) and "a steady rise" in told(rise)

    def test_without_a_margin_nothing_is_equivalent(self):
        assert made_up(found=outcome(0.0001, 0.002), metric=LOSS, margin=None).verdict == INCONCLUSIVE


def test_intervals_of_parts_hold_at_once_with_one_seed_too():
    resampled = np.random.default_rng(0).normal(0.05, 0.01, 1000)
    alone, parts = (outcome_of(0.05, None, None, resampled, many, by=PAIRED) for many in (1, 7))
    assert alone.interval == pytest.approx(np.quantile(resampled, [0.025, 0.975]))
    assert parts.interval == parts.over_examples == pytest.approx(np.quantile(resampled, [0.025 / 7, 1 - 0.025 / 7]))


def test_p_and_interval_agree_over_examples_too():
    """The interval that just reaches 0 has p = 0.05, whatever it is made of."""
    resampled = np.random.default_rng(0).normal(0.05, 0.01, 1000)
    found = outcome_of(0.05, 0.005, 7, resampled, by=MIXED)
    half = found.interval[1] - 0.05
    by_hand = np.hypot(0.005 * 2.3646, 1.96 * resampled.std(ddof=1))
    assert half > found.over_seeds[1] - 0.05 and half == pytest.approx(by_hand, rel=1e-3)
    at_zero = outcome_of(half, 0.005, 7, resampled - 0.05 + half, by=MIXED)
    assert at_zero.p == pytest.approx(0.05) and at_zero.interval[0] == pytest.approx(0, abs=1e-12)
    assert dataclasses.replace(at_zero, error=None).p_equal(0.01) is None
