"""Resamples of the evaluation examples."""

import numpy as np

RESAMPLES = 1000  # beyond each end of a 95% interval lie 25 of them


def example_counts(examples, seed=0, resamples=RESAMPLES):
    """How often each evaluation example is drawn in each resample with replacement: (examples, resamples) int32."""
    rng = np.random.default_rng(seed)
    counts = np.empty((examples, resamples), np.int32)
    # One by one: all positions at once would take twice the memory of the counts.
    for column in range(resamples):
        counts[:, column] = np.bincount(rng.integers(examples, size=examples), minlength=examples)
    return counts
