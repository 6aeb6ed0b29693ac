"""Several contrasts of one model at once: intervals that all hold together, and p-values that allow for their number.

The largest of the t statistics is compared with its own distribution, a multivariate t with the contrasts' estimated
correlation (Hothorn, Bretz and Westfall 2008, Biom. J. 50). Of differences from one
common damage this is Dunnett's test.
"""

import dataclasses
import math

import numpy as np
import scipy

from .intervals import CONFIDENCE

POINTS_LOG2 = 12  # 2^12 quasi-random points in each of the repeats
REPEATS = 8  # independent scramblings of the points, whose spread is the accuracy
ROUNDED = 1e-12  # eigenvalues of a correlation that are a smaller part of the largest are 0
DIGITS = 6  # of degrees of freedom; rounding must not tell contrasts apart


@dataclasses.dataclass(frozen=True)
class Family:
    """Contrasts together: ``intervals`` list of (low, high), ``p`` list of adjusted two-sided p-values.

    All intervals hold at once with 95%. ``accuracy`` is the largest standard error of a p-value by the integration.
    """

    contrasts: list
    intervals: list
    p: list
    accuracy: float


def together(contrasts, covariance, seed=0):
    """A family of contrasts.

    Each keeps its own degrees of freedom; without holes in the table they often share them.

    Args:
        contrasts: list of `mixed.Contrast`, one or more, each with an error above 0.
        covariance: (contrasts, contrasts), of their estimates.
        seed: of the integration.

    Returns:
        Family: see there.
    """
    errors = np.sqrt(np.diag(covariance))
    largest = _largest(covariance / np.outer(errors, errors), seed)
    found = [_beyond(largest, abs(one.effect) / one.error, one.df) for one in contrasts]
    dfs = [round(one.df, DIGITS) for one in contrasts]
    criticals = {df: _critical(largest, df, len(contrasts)) for df in set(dfs)}
    halves = [criticals[df] * one.error for df, one in zip(dfs, contrasts, strict=True)]
    return Family(
        contrasts,
        [(one.effect - half, one.effect + half) for one, half in zip(contrasts, halves, strict=True)],
        # Integration must not put a p-value of many below that of the one.
        [min(1.0, max(one.p, float(shares.mean()))) for one, shares in zip(contrasts, found, strict=True)],
        max(float(shares.std(ddof=1)) / math.sqrt(REPEATS) for shares in found),
    )


def _largest(correlation, seed):
    """Largest absolute values of normal vectors with this correlation: (repeats, points)."""
    values, vectors = scipy.linalg.eigh(correlation)
    kept = values > ROUNDED * values[-1]
    factor = vectors[:, kept] * np.sqrt(values[kept])
    found = []
    for generator in np.random.default_rng(seed).spawn(REPEATS):
        points = scipy.stats.qmc.MultivariateNormalQMC(np.zeros(kept.sum()), rng=generator).random(2**POINTS_LOG2)
        found.append(np.abs(points @ factor.T).max(axis=1))
    return np.array(found)


def _beyond(largest, t, df):
    """Chance that the largest |t| of the family is ``t`` or more, by each repeat; the chi-square part is exact."""
    if t == 0:
        return np.ones(len(largest))
    if math.isinf(df):
        return np.mean(largest >= t, axis=1)
    return scipy.special.chdtr(df, df * (largest / t) ** 2).mean(axis=1)


def _critical(largest, df, contrasts):
    """The |t| that the largest exceeds with 5%: between that of one contrast and a little above Bonferroni's."""

    def lack(t):
        return _beyond(largest, t, df).mean() - (1 - CONFIDENCE)

    one, all_of_them = (scipy.stats.t.isf((1 - CONFIDENCE) / 2 / number, df) for number in (1, contrasts))
    return float(one if lack(one) <= 0 else scipy.optimize.brentq(lack, one, 1.5 * all_of_them, xtol=1e-6))
