"""Seeded, stratified draws in which no class is favoured for its place in the list.

Up to version 1 of the meaning "sampling", ties went to the first classes and a class's last row could be held out.
Draws in which neither happens are the same as then.
"""

import numpy as np

from ..utils.errors import UserError


def stratified_sample(labels, size, seed, most=None):
    """Draws ``size`` positions so that every class keeps its share, to within one example.

    Every class first gets the whole part of its share; the places left go to the largest remainders (Hamilton's
    method). Among equal remainders the seed decides.

    Args:
        labels: class indices, one per example.
        size: how many to draw, at most ``len(labels)``.
        seed: seed of the draw.
        most: how many of each class may be drawn, in the order of the classes; None: all. Places that a class must
            give up go to the others, whose share may then grow by more than one.

    Returns:
        numpy.ndarray of int: the drawn positions in ascending order.
    """
    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    quota = _quotas(counts, size, seed, counts if most is None else np.asarray(most))
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, quota, strict=True)]
    # Ascending: the seed of a sample says which rows there are; their order in training has a seed of its own.
    return np.sort(np.concatenate(drawn))


def _quotas(counts, size, seed, most):
    """How many of each class to draw: (classes,)."""
    if size > most.sum():
        raise ValueError(f"{size} rows cannot be drawn from {most.sum()}")
    whole, remainders = np.divmod(counts * size, counts.sum())  # whole numbers: equal remainders compare as equal
    quota = np.minimum(whole, most)
    # A generator of its own: the draws within the classes stay what they were before ties were broken by seed.
    ties = np.random.default_rng([seed, len(counts)]).permutation(len(counts))
    order = np.lexsort((ties, -remainders))
    while left := size - quota.sum():
        free = order[quota[order] < most[order]][:left]
        quota[free] += 1
    return quota


def hold_out(labels, fraction, seed, flag="--dev_fraction"):
    """Holds out a stratified part of the training rows; every class keeps a row in train.

    Args:
        labels: class indices, one per row.
        fraction: how much of them to hold out, above 0 and below 1.
        seed: seed of the draw.
        flag: the one that asks for it, for messages.

    Returns:
        tuple of numpy.ndarray: the positions that stay in train, and those held out, both ascending.

    Raises:
        UserError: if train would lose a class.
    """
    labels = np.asarray(labels)
    size = max(1, round(fraction * len(labels)))
    classes, counts = np.unique(labels, return_counts=True)
    if size > len(labels) - len(classes):
        left = f", too few of them left for {len(classes)} classes" if size < len(labels) else ""
        raise UserError(
            f"{'--selection dev' if flag == '--dev_fraction' else flag} would hold out {size} of {len(labels)} "
            f"training examples{left}; use a smaller {flag} or more examples"
        )
    held = stratified_sample(labels, size, seed, most=counts - 1)
    return np.setdiff1d(np.arange(len(labels)), held), held


def plain_sample(rows, size, seed):
    """Positions (size,) of a seeded sample of ``rows`` rows, ascending; what is in them does not count."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:size])


def plain_hold_out(rows, fraction, seed, flag="--dev_fraction"):
    """Holds out a part of so many training rows, at least one, whatever is in them; as `hold_out`."""
    return hold_out(np.zeros(rows, dtype=np.int64), fraction, seed, flag)
