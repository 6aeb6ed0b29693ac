"""The examples that a run is most surely wrong about."""

import collections

import numpy as np

# `at` is the example's place in order of ids; `confidence` the probability of what was predicted, None where unknown.
Mistake = collections.namedtuple("Mistake", "at id label predicted confidence")


def worst_mistakes(run, predictions, most):
    """The wrong predictions of the chosen epoch, the surest first; of equally sure ones the smaller id first.

    Args:
        run: a `Run` that ``predictions`` can read.
        predictions: `Predictions`.
        most: how many, at most.

    Returns:
        list of `Mistake`.
    """
    ids, labels, predicted = predictions.of(run)
    wrong = np.flatnonzero(labels != predicted)
    sure = _confidence(run, wrong)
    order = wrong[:most] if sure is None else wrong[np.argsort(-sure, kind="stable")[:most]]
    surest = {} if sure is None else dict(zip(wrong.tolist(), sure.tolist(), strict=True))
    return [Mistake(at, int(ids[at]), int(labels[at]), int(predicted[at]), surest.get(at)) for at in order.tolist()]


def _confidence(run, places):
    """The greatest probability that the logits give at places in order of ids (places,); None without logits."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(run.folder / "predictions.parquet", columns=["id", "logits"])
        order = np.argsort(table["id"].to_numpy(), kind="stable")
        logits = np.stack(table["logits"].take(order[places]).to_numpy()).astype(float)
    except (pyarrow.ArrowException, OSError, KeyError, ValueError, TypeError):
        return None
    if logits.ndim != 2 or not np.isfinite(logits).all():
        return None
    return 1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)
