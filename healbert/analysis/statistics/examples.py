"""Resamples of the evaluation examples, and weighted F1 on each."""

import numpy as np
from scipy import sparse

RESAMPLES = 1000


def example_counts(examples, seed=0, resamples=RESAMPLES):
    """How often each evaluation example is drawn in each resample with replacement: (examples, resamples) int32."""
    rng = np.random.default_rng(seed)
    counts = np.empty((examples, resamples), np.int32)
    for column in range(resamples):
        counts[:, column] = np.bincount(rng.integers(examples, size=examples), minlength=examples)
    return counts


def resampled_f1(labels, predictions, classes, counts):
    """Weighted F1 (as scikit-learn's, 0 for a class never predicted) on each resample.

    Args:
        labels, predictions: class indices (examples,); classes: their number.
        counts: (examples, resamples), from `example_counts`.

    Returns:
        numpy (resamples,).
    """
    examples = len(labels)
    places = np.asarray(labels) * classes + np.asarray(predictions)
    indicator = sparse.csr_array((np.ones(examples, np.int32), (places, np.arange(examples))), (classes**2, examples))
    matrices = (indicator @ counts).reshape(classes, classes, -1)  # (label, prediction, resamples)
    support, predicted = matrices.sum(axis=1), matrices.sum(axis=0)  # (classes, resamples)
    hits = matrices[np.arange(classes), np.arange(classes)]
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    return (f1 * support).sum(axis=0) / support.sum(axis=0)
