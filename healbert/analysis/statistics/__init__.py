"""Intervals and tests for paired designs with few seeds; on scipy.stats, no input or output.

Scores are compared in pairs: the same dataset and the same seed, two kinds of damage. A *stratum* is one dataset's
pairs. Datasets are taken as they are (the result speaks of these datasets); seeds and evaluation examples are taken as
samples of those that might have been drawn. Runs of one seed have the same damage on every dataset and may err
together: intervals over several datasets count each seed once.

Intervals over seeds use Student's t: a bootstrap over three seeds covers 75% where it promises 95%. Intervals over
examples are bootstrapped, with the same resampled examples for every model of a dataset, which keeps the pairs.
"""

from .examples import example_counts
from .intervals import Estimate, Stratum, estimate
from .mixed import Cell, Contrast, Mixed, NotFitted, fit
from .power import detectable_difference
from .proportions import clustered_wilson, mean_interval, wilson
from .ratios import Ratio, ratio
from .significance import ALPHA, Test, corrected, paired_test, slopes, trend_test
from .stratified import interquartile_mean, profile

__all__ = [
    "ALPHA",
    "Cell",
    "Contrast",
    "Estimate",
    "Mixed",
    "NotFitted",
    "Ratio",
    "Stratum",
    "Test",
    "clustered_wilson",
    "corrected",
    "detectable_difference",
    "estimate",
    "example_counts",
    "fit",
    "interquartile_mean",
    "mean_interval",
    "paired_test",
    "profile",
    "ratio",
    "slopes",
    "trend_test",
    "wilson",
]
