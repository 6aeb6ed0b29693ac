"""Strata out of plain figures."""

import numpy as np

from healbert.analysis.statistics.intervals import Stratum


def strata(*samples):
    return [Stratum(np.asarray(sample, float)) for sample in samples]


def with_seeds(table):
    """Strata of a table (datasets, seeds) whose datasets share their seeds."""
    return [Stratum(np.asarray(values, float), seeds=tuple(range(len(values)))) for values in table]
