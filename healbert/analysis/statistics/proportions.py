"""Intervals of shares: of independent trials, and of trials that come in clusters."""

import math

import numpy as np
from scipy import stats

from .intervals import CONFIDENCE, t_interval


def wilson(hits, trials):
    """95% interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22): (low, high).

    Args:
        hits: how many of the trials, a number that need not be whole.
        trials: how many there were, above 0; each is taken as independent of the others.
    """
    return _wilson(hits / trials, trials, stats.norm.ppf((1 + CONFIDENCE) / 2))


def _wilson(share, trials, z):
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    # What is exact at the ends: rounding must not put a share outside of its own interval.
    return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))


def clustered_wilson(shares, size):
    """95% interval of the mean of the clusters' shares, each cluster one draw of what is measured: (low, high).

    Trials of one cluster err together: the interval is Wilson's for as many independent trials as would make the mean
    as uncertain as it is seen to be between clusters, the effective sample size (Korn and Graubard 1998, Survey
    Methodology 24), with Student's quantile for the few clusters that it is estimated from. It is taken as no fewer than
    the clusters (each of them all or nothing) and no more than all trials.

    Args:
        shares: (clusters,), the share in each cluster.
        size: trials in each cluster, the same in all.
    """
    shares = np.asarray(shares, float)
    clusters, share = len(shares), float(np.mean(shares))
    z = stats.norm.ppf((1 + CONFIDENCE) / 2)
    if clusters == 1:
        return _wilson(share, 1, z)
    variance = np.var(shares, ddof=1) / clusters  # of the mean
    effective = share * (1 - share) / variance if variance > 0 else clusters
    effective = min(max(effective, clusters), clusters * size)
    return _wilson(share, effective, stats.t.ppf((1 + CONFIDENCE) / 2, clusters - 1))


def mean_interval(values):
    """95% interval of Student's t of the mean of independent values: (low, high); None of fewer than two."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return None
    return t_interval(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))), len(values) - 1)
