"""Families of contrasts: against Dunnett's published table, Bonferroni, exact cases, and simulated families."""

import numpy as np
import pytest
from helpers.statistics import study_cells, study_scores
from scipy import stats

from healbert.analysis.statistics import mixed
from healbert.analysis.statistics.mixed import Contrast
from healbert.analysis.statistics.simultaneous import together


def equicorrelated(number, correlation=0.5):
    return np.full((number, number), correlation) + (1 - correlation) * np.eye(number)


def critical(covariance, df):
    (low, high), *_ = together([Contrast(0.0, 1.0, df)] * len(covariance), covariance).intervals
    return (high - low) / 2


@pytest.mark.parametrize(
    ("treatments", "df", "tabled"),
    [(1, 5, 2.57), (2, 5, 3.03), (3, 10, 2.76), (2, 20, 2.38), (5, 20, 2.74)],
)
def test_dunnetts_table(treatments, df, tabled):
    """Dunnett 1964 (Biometrics 20), two-sided, 5%."""
    assert critical(equicorrelated(treatments), df) == pytest.approx(tabled, abs=0.01)


def test_agrees_with_scipys_multivariate_t():
    correlation = np.array([[1, 0.3, -0.5], [0.3, 1, 0.1], [-0.5, 0.1, 1]])
    found = together([Contrast(2.0, 1.0, 7.0), Contrast(-3.0, 1.0, 7.0), Contrast(0.0, 1.0, 7.0)], correlation)
    for t, p in zip((2, 3), found.p, strict=False):
        exact = stats.multivariate_t(shape=correlation, df=7, seed=0)
        assert p == pytest.approx(1 - exact.cdf(np.full(3, t), lower_limit=np.full(3, -t), maxpts=10**6), abs=2e-3)
    assert found.p[2] == 1 and found.accuracy < 1e-3


def test_contrasts_that_are_the_same_count_once():
    found = together([Contrast(1.0, 0.5, 6.0), Contrast(-2.0, 1.0, 6.0)], np.array([[0.25, -0.5], [-0.5, 1.0]]))
    assert found.p == pytest.approx([found.contrasts[0].p] * 2, abs=1e-4)
    assert found.intervals[0] == pytest.approx(found.contrasts[0].interval, abs=1e-3)


def test_independent_contrasts_with_known_variance_are_sidaks():
    found = together([Contrast(2.5, 1.0, np.inf)] + [Contrast(0.1, 1.0, np.inf)] * 3, np.eye(4))
    assert found.p[0] == pytest.approx(1 - (1 - 2 * stats.norm.sf(2.5)) ** 4, abs=2e-3)


def test_same_figures_whenever_asked():
    family = [Contrast(2.0, 1.0, 7.0), Contrast(1.0, 1.0, 9.0)]
    first, again, other = (together(family, equicorrelated(2), seed) for seed in (0, 0, 1))
    assert first == again and first.p != other.p and first.p == pytest.approx(other.p, abs=5e-3)


def test_between_one_and_bonferroni():
    model = mixed.fit(study_cells(study_scores(np.random.default_rng(2), 2, 5, 4, seed_sd=1, seed_damage_sd=1)))
    family = [{(d, m): w for d in range(2) for m, w in ((0, 1), (other, -1))} for other in range(1, 5)]
    found = model.simultaneous(family)
    for contrast, weights, p, (low, high) in zip(found.contrasts, family, found.p, found.intervals, strict=True):
        assert contrast == model.contrast(weights)
        assert contrast.p <= p <= min(1, 4 * contrast.p)
        assert low < contrast.interval[0] and contrast.interval[1] < high
        assert (p < 0.05) == (low > 0 or high < 0)


@pytest.mark.slow
def test_families_err_seldom():
    """No effect, differences of each of four damages from intact: 5% of families have an interval without 0."""
    rng, wrong, studies = np.random.default_rng(0), 0, 150
    for _ in range(studies):
        model = mixed.fit(study_cells(study_scores(rng, 2, 5, 3, seed_sd=1, seed_damage_sd=0.5)))
        family = [{(d, m): w for d in range(2) for m, w in ((0, 1), (other, -1))} for other in range(1, 5)]
        wrong += min(model.simultaneous(family).p) < 0.05
    assert 0.01 < wrong / studies < 0.1
