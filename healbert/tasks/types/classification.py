"""One label for each text, or for each pair of texts."""

import warnings

import numpy as np

from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import with_text_and_label
from ..draws import hold_out, stratified_sample
from ..labels import count_classes, encode_labels, find_classes, is_unlabelled, label_column, near_names
from .base import TaskType
from .encoding import logits_of

PRIMARY = "f1_weighted"

SHOWN = 5  # pairs of classes in a warning


HUB_F1 = {"metric_type": "f1", "metric_name": "Weighted F1"}
HUB_F1 |= {"metric_config": "weighted", "metric_args": {"average": "weighted"}}


@register("metric", PRIMARY, title="weighted F1", primary=True, hub=HUB_F1)
def weighted_f1(predictions, labels):
    """Mean of the classes' F1, weighted by their examples (scikit-learn); 0 for a class that is never predicted."""
    from sklearn.metrics import f1_score

    return f1_score(labels, predictions, average="weighted", zero_division=0)


@register("metric", "accuracy", title="accuracy", hub={"metric_type": "accuracy", "metric_name": "Accuracy"})
def accuracy(predictions, labels):
    """Fraction of the examples whose class is predicted (scikit-learn)."""
    from sklearn.metrics import accuracy_score

    return accuracy_score(labels, predictions)


@register("metric", "f1_macro", title="macro F1")
def macro_f1(predictions, labels):
    """Mean F1 of the classes that occur in the labels or in the predictions (scikit-learn)."""
    from sklearn.metrics import f1_score

    return f1_score(labels, predictions, average="macro", zero_division=0)


# What `healbert.WeightedF1` computes, whatever plugins add to the type.
BUILT_IN = {PRIMARY: weighted_f1, "accuracy": accuracy, "f1_macro": macro_f1}


@register("task_type", "classification")
class Classification(TaskType):
    """Labels are class indices; samples keep each class's share."""

    auto_class = "AutoModelForSequenceClassification"
    hub_task = "text-classification"
    one_class = True
    baseline_name, baseline_says = "majority", "always answering the commonest class"

    def prepare(self, raw, task, columns):
        texts, label = columns
        raw = {
            split: with_text_and_label(
                rows, task.call(split), texts, None if is_unlabelled(split, rows, label, raw["train"]) else label
            )
            for split, rows in raw.items()
        }
        classes = find_classes(raw["train"], task.call("train"), task.label_names)
        _warn_of_near_names(task.call("train"), classes.names)
        if len(classes.names) < 2:
            raise UserError(f"{task.call('train')} holds a single class, {classes.names[0]!r}; two or more are needed")
        splits = {}
        for split, rows in raw.items():
            if "label" not in rows.column_names:
                splits[split] = rows
                continue
            codes = encode_labels(rows, classes, task.call(split), train=task.call("train"))
            splits[split] = rows.remove_columns("label").add_column("label", codes)
        return splits, list(classes.names)

    def check(self, splits, label_names):
        found = set(np.unique(label_column(splits["train"])).tolist())
        if len(found) < 2:
            raise UserError(f"what is left of train holds a single class, {label_names[found.pop()]!r}; use more of it")

    def draw(self, rows, size, seed):
        return stratified_sample(label_column(rows), size, seed)

    def hold_out(self, train, fraction, seed, flag="--dev_fraction"):
        kept, held = hold_out(label_column(train), fraction, seed, flag)
        return {"train": train.select(kept), "dev": train.select(held)}

    def count(self, rows, label_names):
        return count_classes(label_column(rows), label_names) if "label" in rows.column_names else {}

    def predictions(self, outputs):
        return logits_of(outputs).argmax(-1)

    def baseline(self, splits):
        """The primary metric of always answering the commonest class of train."""
        majority = np.bincount(label_column(splits["train"])).argmax()
        labels = label_column(splits["evaluation"])
        return self.primary_score(np.full(len(labels), majority), labels)

    def by_label(self, predictions, labels, label_names):
        from sklearn.metrics import f1_score

        classes = range(len(label_names))
        scores = f1_score(labels, predictions, labels=list(classes), average=None, zero_division=0)
        counts = np.bincount(labels, minlength=len(label_names))
        return {label_names[i]: {"f1": float(scores[i]), "examples": int(counts[i])} for i in classes}

    def prediction_columns(self, ids, labels, outputs):
        logits = logits_of(outputs)  # (examples, classes)
        found = {"id": np.asarray(ids)} | ({} if labels is None else {"label": labels})
        return found | {"prediction": logits.argmax(-1), "logits": list(logits.astype(np.float32))}

    def named_predictions(self, outputs, label_names):
        """The name of the predicted class, its probability, and those of all classes in the order of the names."""
        from scipy.special import softmax

        probabilities = softmax(logits_of(outputs).astype(np.float64), axis=-1)  # (examples, classes)
        names = [label_names[i] for i in probabilities.argmax(-1)]
        return {"class": names, "probability": probabilities.max(-1), "probabilities": list(probabilities)}

    def divergence(self, intact, damaged):
        from scipy.special import log_softmax

        with np.errstate(invalid="ignore"):
            before, after = (
                log_softmax(logits_of(outputs).astype(np.float64), axis=-1) for outputs in (intact, damaged)
            )
            found = float((np.exp(before) * (before - after)).sum(-1).mean())
        return max(found, 0.0) if np.isfinite(found) else None  # rounding may leave it a little below 0

    def resampled(self, labels, predictions, classes, counts):
        if self.primary_metric != PRIMARY:  # of a type derived from this one
            return super().resampled(labels, predictions, classes, counts)
        return _resampled_f1(labels, predictions, classes, counts)


def _warn_of_near_names(train, names):
    near = [f"{one!r} and {other!r} (by {word})" for one, other, word in near_names(names)]
    if near:
        more = f" and {len(near) - SHOWN} more pairs" if len(near) > SHOWN else ""
        listed = f"{', '.join(near[:SHOWN])}{more}"
        warnings.warn(f"classes of {train} that are nearly alike, and may be meant to be one: {listed}", stacklevel=4)


def _resampled_f1(labels, predictions, classes, counts):
    """Weighted F1 (as scikit-learn's, 0 for a class never predicted) on each resample, all of them at once."""
    from scipy import sparse

    examples = len(labels)
    places = np.asarray(labels) * classes + np.asarray(predictions)  # in the confusion matrix, row by row
    ones = np.ones(examples, np.int32)
    indicator = sparse.csr_array((ones, (places, np.arange(examples))), (classes**2, examples))
    matrices = (indicator @ counts).reshape(classes, classes, -1)  # (label, prediction, resamples)
    support, predicted = matrices.sum(axis=1), matrices.sum(axis=0)  # (classes, resamples)
    hits = matrices[np.arange(classes), np.arange(classes)]
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    return (f1 * support).sum(axis=0) / support.sum(axis=0)
