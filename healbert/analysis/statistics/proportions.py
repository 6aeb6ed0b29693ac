"""Intervals of shares: of independent trials, and of trials that come in clusters."""

import math

import numpy as np
import scipy

from .intervals import CONFIDENCE, t_interval


def wilson(hits, trials):
    """95% interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22): (low, high).

    Args:
        hits: how many of the trials; need not be whole.
        trials: how many there were, above 0, each independent of the others.
    """
    share, z = hits / trials, scipy.stats.norm.ppf((1 + CONFIDENCE) / 2)
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    # Rounding must not put a share outside of its own interval.
    return float(min(share, max(0.0, middle - half))), float(max(share, min(1.0, middle + half)))


def clustered_wilson(shares):
    """95% interval of the mean of the clusters' shares, where trials of one cluster err together: (low, high).

    A cluster counts as one trial, however many it holds. No shares vary more than those of clusters that are all or
    nothing, for which this is Wilson's interval; for all others it is wider than it needs to be, and never narrower.
    (An effective sample size, estimated from how much the clusters seen differ, promises 95% and holds 75% where a few
    clusters in a hundred are hit and the others are not.)

    Args:
        shares: (clusters,), the share in each cluster, all of one size.
    """
    return wilson(float(np.sum(shares)), len(shares))


def mean_interval(values):
    """95% interval of Student's t of the mean of independent values: (low, high); None of fewer than two."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return None
    return t_interval(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))), len(values) - 1)
