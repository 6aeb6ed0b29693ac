"""The head that a scan evaluates through: the model's own, or a linear probe on the intact model's features."""

import numpy as np
import torch

from ..healing.head import classification_layer
from ..models.heads import listed_labels, other_labels
from ..probing.features import read_features
from ..tasks.labels import label_column
from ..utils.errors import UserError

DEAD = 1e-6  # of the largest standard deviation of a feature: one of less is left out


def prepare_head(experiment, wants_probe):
    """Checks that the model's head is one of the task's, or trains one, in place.

    Args:
        experiment: an `Experiment` whose model is intact.
        wants_probe: whether a new one is trained whatever there is.

    Returns:
        dict: what scan.json says of it: ``head``, "own" or "linear_probe", and what was done for the latter.

    Raises:
        UserError: if the model was trained for other labels, or no probe can be trained.
    """
    if wants_probe or (experiment.model.head_was == "missing" and not experiment.kind.own_head):
        if not experiment.kind.one_class:
            raise UserError(
                f"a linear probe is trained for classes, and a task of type {experiment.kind.name} has none: scan a "
                "model with a head of its own for the task, such as that of a run with --save_model"
            )
        return {"head": "linear_probe"} | _fit_probe(experiment)
    if not experiment.kind.own_head:
        _require_labels(experiment)
    return {"head": "own"}


def _require_labels(experiment):
    source = experiment.arguments.sources.model.config
    wanted = experiment.kind.outputs(experiment.task.label_names)
    there = other_labels(source, wanted)
    if there is None:
        return
    raise UserError(
        f"model {source.name} was trained for the labels {listed_labels(there)}; task {experiment.task.name} has "
        f"{listed_labels(wanted)}: name its own task, or train a new head for this one with --linear_probe"
    )


def _fit_probe(experiment):
    """Trains the classification layer as `probing.probes` does: logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    model, rows = experiment.model, experiment.task.splits["train"]
    labels, names = label_column(rows), experiment.task.label_names
    lacking = sorted(set(range(len(names))) - set(labels.tolist()))
    if lacking:
        raise UserError(f"a linear probe needs every class in train, which lacks '{names[lacking[0]]}'; use more of it")
    features, _ = read_features(model, experiment.arguments, rows, experiment.tokenizer, exact=True)
    if not np.isfinite(features).all():
        raise UserError("the intact model's features are not finite, so no linear probe can be trained on them")
    layer = classification_layer(model)
    centred = layer.bias is not None  # without biases (decoders), a line through the origin
    alive = features.std(axis=0, dtype=np.float64)
    alive = alive > DEAD * alive.max()  # what is next to constant would get a weight without limit
    features = features[:, alive]
    scaler = StandardScaler(with_mean=centred).fit(features)
    probe = LogisticRegression(max_iter=1000, fit_intercept=centred)  # its solver, lbfgs, draws nothing
    _write(layer, alive, *_as_layer(probe.fit(scaler.transform(features), labels), scaler))
    return {"probe": {"train_examples": len(rows), "features": features.shape[1]}}


def _as_layer(probe, scaler):
    """Weights (classes, features) and biases (classes,) that give the probe's probabilities for plain features."""
    weight, bias = probe.coef_.astype(np.float64), probe.intercept_.astype(np.float64)
    if len(weight) == 1:  # of two classes, one line: half of it for the second, half against it for the first
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / scaler.scale_
    return weight, bias - weight @ scaler.mean_ if scaler.with_mean else bias


@torch.no_grad()
def _write(layer, alive, weight, bias):
    layer.weight.zero_()
    layer.weight[:, torch.from_numpy(alive)] = torch.from_numpy(weight).to(layer.weight)
    if layer.bias is not None:
        layer.bias.copy_(torch.from_numpy(bias))
