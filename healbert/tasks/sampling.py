"""Seeded, stratified draws."""

import numpy as np

from ..utils.errors import UserError


def hold_out(train, fraction, seed):
    """Divides the training examples for ``--selection dev``, by a stratified draw.

    Args:
        train: `datasets.Dataset` with ``label``.
        fraction: share of it that is held out, at least one example.
        seed: seed of the draw.

    Returns:
        dict: "train" and "dev".

    Raises:
        UserError: if nothing would be left to train on.
    """
    size = max(1, round(fraction * len(train)))
    if size == len(train):
        raise UserError(
            f"--selection dev would hold out {size} of {len(train)} training examples; "
            "use a smaller --dev_fraction or more examples"
        )
    held = stratified_sample(train["label"], size, seed)
    kept = np.setdiff1d(np.arange(len(train)), held)
    return {"train": train.select(kept), "dev": train.select(held)}


def stratified_sample(labels, size, seed):
    """Draws ``size`` positions so that every class keeps its share, to within one example.

    Args:
        labels: class indices, one per example.
        size: how many to draw, at most ``len(labels)``.
        seed: seed of the draw.

    Returns:
        numpy.ndarray of int: the drawn positions in ascending order.
    """
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * size / len(labels)
    quota = np.floor(shares).astype(int)
    # Stable: of classes with the same remainder the first ones get one more, on every machine.
    largest_remainders = np.argsort(quota - shares, kind="stable")[: size - quota.sum()]
    quota[largest_remainders] += 1
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, quota, strict=True)]
    # Ascending: the seed of a sample says which rows there are; their order in training has a seed of its own.
    return np.sort(np.concatenate(drawn))
