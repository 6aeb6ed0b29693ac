"""The mixed model over simulated studies: what docs/calibration.md says of it, for a few settings."""

import numpy as np
import pytest
from helpers.many_studies import errors
from helpers.statistics import study_cells, study_scores
from scipy import stats

from healbert.analysis.statistics import mixed

DAMAGES = 5
CONTRASTS = {
    "cost of damage": np.array([1, -0.25, -0.25, -0.25, -0.25]),
    "trend": np.array([0.2, 0.1, 0, -0.1, -0.2]),
    "step": np.array([0, 1, -1, 0, 0.0]),
}


def study(rng, datasets, seeds, residual_sd):
    sds = np.asarray(residual_sd, float)
    return study_scores(
        rng, datasets, DAMAGES, seeds, seed_sd=0.3, seed_damage_sd=0.5 * sds, dataset_seed_sd=0.3, residual_sd=sds
    )


@pytest.mark.parametrize(
    ("datasets", "seeds", "residual_sd"),
    [
        (1, 2, [1, 1, 1, 1, 1]),
        (3, 2, [0.3, 1, 1, 1, 1]),
        (3, 3, [1, 1, 1, 1, 1]),
        (3, 4, [0.2, 1, 1, 1, 1]),
        (1, 6, [0.1, 0.5, 1, 2, 4]),
    ],
)
def test_many_at_once_are_each_fit(datasets, seeds, residual_sd):
    """The simulation's own fit of complete tables is the package's, whichever noise that chooses."""
    rng = np.random.default_rng(datasets + seeds)
    scores = np.array([study(rng, datasets, seeds, residual_sd) for _ in range(8)])
    found = errors(scores, CONTRASTS.values())
    for i, table in enumerate(scores):
        model = mixed.fit(study_cells(table), {0: "intact"})
        for weights, (error, df) in zip(CONTRASTS.values(), found, strict=True):
            one = model.contrast({(d, m): weights[m] / datasets for d in range(datasets) for m in range(DAMAGES)})
            assert (one.error, one.df) == (pytest.approx(error[i], rel=1e-3), pytest.approx(df[i], rel=1e-2))


@pytest.mark.slow
@pytest.mark.parametrize("residual_sd", [[1, 1, 1, 1, 1], [1 / 3, 1, 1, 1, 1]], ids=["equal", "unequal"])
@pytest.mark.parametrize(("datasets", "seeds"), [(1, 2), (1, 5), (3, 3)])
def test_intervals_cover_and_claims_seldom_hold_by_chance(datasets, seeds, residual_sd):
    rng, studies = np.random.default_rng(10 * datasets + seeds), 800
    scores = np.array([study(rng, datasets, seeds, residual_sd) for _ in range(studies)])
    for weights, (error, df) in zip(CONTRASTS.values(), errors(scores, CONTRASTS.values()), strict=True):
        t = scores.mean(axis=(1, 3)) @ weights / error
        critical = stats.t.ppf(0.975, df)
        # Where a steadier intact model is one of five that are taken as the same, steps between the others cover 92%.
        assert np.mean(np.abs(t) <= critical) > 0.91 and np.mean(t > critical) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("holes", [2, 5])
def test_intervals_cover_where_scores_are_missing(holes):
    rng, covered = np.random.default_rng(holes), 0
    for _ in range(150):
        cells = study_cells(study(rng, 2, 3, np.ones(DAMAGES)))
        model = mixed.fit([cells[i] for i in sorted(rng.permutation(len(cells))[holes:])], {0: "intact"})
        weights = {
            (d, m): w for d in range(2) for m, w in ((1, 1), (3, -1)) if all((d, k) in model.means for k in (1, 3))
        }
        low, high = model.contrast(weights).interval
        covered += low <= 0 <= high
    assert covered / 150 > 0.9
