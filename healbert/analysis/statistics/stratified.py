"""Many runs as a whole: interquartile means and performance profiles, with stratified bootstrap intervals.

After Agarwal et al. 2021 (arXiv 2108.13264, section 4). A *stratum* is one task's runs, (runs,) scores; a resample
draws as many runs as there are, with replacement, from each stratum. Every run counts the same, which is the paper's
mean over tasks where all tasks have as many runs. Percentile intervals of few runs in a stratum are too narrow.
"""

import numpy as np
import scipy

from .intervals import CONFIDENCE

RESAMPLES = 2000
TRIMMED = 0.25  # of the runs, at each end


def interquartile_mean(strata, seed=0, resamples=RESAMPLES):
    """Mean of the middle half of all runs, and its 95% interval.

    Args:
        strata: list of (runs,) scores, one per task.

    Returns:
        tuple: the mean and (low, high). Of n runs ``int(n / 4)`` are left out at each end, so none of fewer than four.
    """
    drawn = _resampled(strata, seed, resamples)
    means = scipy.stats.trim_mean(drawn, TRIMMED, axis=1)
    return float(scipy.stats.trim_mean(np.concatenate(strata), TRIMMED)), _interval(means)


def profile(strata, taus, seed=0, resamples=RESAMPLES):
    """Share of runs that score above each tau, with pointwise 95% intervals.

    Args:
        strata: list of (runs,) scores, one per task.
        taus: list of scores.

    Returns:
        tuple: lists of shares, of lower and of upper ends, each as long as ``taus``.
    """
    scores, drawn = np.concatenate(strata), _resampled(strata, seed, resamples)
    shares = [float((scores > tau).mean()) for tau in taus]
    low, high = zip(*(_interval((drawn > tau).mean(axis=1)) for tau in taus), strict=True)
    return shares, list(low), list(high)


def _resampled(strata, seed, resamples):
    """(resamples, runs of all strata)."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [np.asarray(runs, float)[rng.integers(len(runs), size=(resamples, len(runs)))] for runs in strata], axis=1
    )


def _interval(values):
    return tuple(np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist())
