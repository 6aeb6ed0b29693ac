"""Linear probes by depth: where in the model the classes can be told apart."""

import numpy as np

from ..utils.errors import UserError
from .features import read_features


def check_layers(wanted, depth):
    """The depths to probe, 0 to ``depth``.

    Raises:
        UserError: if one does not exist.
    """
    if wanted == "all":
        return list(range(depth + 1))
    missing = [layer for layer in wanted if layer > depth]
    if missing:
        raise UserError(f"--probe_layers names layer {missing[0]}, but the model has {depth} (0 is the embeddings)")
    return wanted


def probe(train, train_labels, evaluation, evaluation_labels, score, estimator=None):
    """The score of a linear probe on standardised features (scikit-learn).

    Args:
        train, evaluation: numpy (examples, features).
        train_labels, evaluation_labels: class indices (examples,), or what the task's type has.
        score: function (predictions, labels) -> float, the primary metric of the task's type.
        estimator: an unfitted one of scikit-learn, as `TaskType.probe` gives it; default: logistic regression.

    Returns:
        float, or None where features are not finite, which no probe can take.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not (np.isfinite(train).all() and np.isfinite(evaluation).all()):
        return None
    # Its solver (lbfgs) draws nothing, so a probe needs no seed. The default 100 steps are too few for some depths.
    estimator = LogisticRegression(max_iter=1000) if estimator is None else estimator
    predicted = make_pipeline(StandardScaler(), estimator).fit(train, train_labels).predict(evaluation)
    return float(score(predicted, evaluation_labels))


def probe_by_depth(model, arguments, splits, tokenizer, layers, score, name, estimator=None):
    """The score on the evaluation split of a probe at each depth, from one pass over each split.

    Args:
        model: a sequence classifier.
        arguments: `Arguments`.
        splits: {"train", "evaluation": tokenized `datasets.Dataset`}.
        tokenizer: their tokenizer, for padding.
        layers: the depths; 0 is the embedding output.
        score: function (predictions, labels) -> float.
        name: the metric's name, such as "f1_weighted".
        estimator: as of `probe`.

    Returns:
        list of dict: ``layer``, and the score (None where hidden states are not finite) under ``name``.
    """
    _, train = read_features(model, arguments, splits["train"], tokenizer, layers)
    _, evaluation = read_features(model, arguments, splits["evaluation"], tokenizer, layers)
    labels = [np.asarray(splits[name]["label"]) for name in ("train", "evaluation")]
    return [
        {"layer": layer, name: probe(train[layer], labels[0], evaluation[layer], labels[1], score, estimator)}
        for layer in layers
    ]
