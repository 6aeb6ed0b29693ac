"""One label for each text, or for each pair of texts."""

import warnings

import numpy as np

from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import find_columns, text_columns, with_text_and_label
from ..draws import hold_out, stratified_sample
from ..labels import count_classes, encode_labels, find_classes, label_column, near_names
from .base import TaskType

PRIMARY = "f1_weighted"

SHOWN = 5  # pairs of classes in a warning


HUB_F1 = {"metric_type": "f1", "metric_name": "Weighted F1"}
HUB_F1 |= {"metric_config": "weighted", "metric_args": {"average": "weighted"}}


@register("metric", PRIMARY, title="weighted F1", primary=True, hub=HUB_F1)
def weighted_f1(predictions, labels):
    """Mean of the classes' F1, weighted by their examples; 0 for a class that is never predicted."""
    scores, examples = _f1_of_classes(predictions, labels)
    return float(np.average(scores, weights=examples))


@register("metric", "accuracy", title="accuracy", hub={"metric_type": "accuracy", "metric_name": "Accuracy"})
def accuracy(predictions, labels):
    """Fraction of the examples whose class is predicted."""
    return float(np.mean(np.asarray(labels) == np.asarray(predictions)))


@register("metric", "f1_macro", title="macro F1")
def macro_f1(predictions, labels):
    """Mean F1 of the classes that occur in the labels or in the predictions."""
    return float(np.mean(_f1_of_classes(predictions, labels)[0]))


def _f1_of_classes(predictions, labels):
    """F1 and examples of each class that occurs: the bits of scikit-learn, whose import takes half a second."""
    classes, codes = np.unique(np.concatenate([labels, predictions]), return_inverse=True)
    true, predicted = codes[: len(labels)], codes[len(labels) :]
    hits, examples, guesses = (
        np.bincount(of, minlength=len(classes)) for of in (true[true == predicted], true, predicted)
    )
    return 2 * hits / (examples + guesses), examples


# What `healbert.WeightedF1` computes, whatever plugins add to the type.
BUILT_IN = {PRIMARY: weighted_f1, "accuracy": accuracy, "f1_macro": macro_f1}


@register("task_type", "classification")
class Classification(TaskType):
    """Labels are class indices; samples keep each class's share."""

    auto_class = "AutoModelForSequenceClassification"
    hub_task = "text-classification"

    def find_columns(self, raw, task, data):
        return find_columns(raw, task, data)

    def prepare(self, raw, task, columns):
        texts, label = columns
        raw = {
            split: with_text_and_label(
                rows, task.call(split), texts, None if _unlabelled(split, rows, label, raw["train"]) else label
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

    def fingerprint_columns(self, rows):
        return [column for column in (*text_columns(rows), "label") if column in rows.column_names]

    def encode(self, rows, tokenizer, data):
        columns, blank = text_columns(rows), tokenizer.pad_token_id
        longest = min(data.max_seq_length, tokenizer.model_max_length)
        least = tokenizer.num_special_tokens_to_add(pair=len(columns) > 1) + len(columns)
        if longest < least:
            flag = "--max_seq_length" if data.max_seq_length == longest else "model_max_length of the tokenizer,"
            raise UserError(f"{flag} {longest} leaves no token of a text; {least} is the least")

        def encode(batch):
            texts = [batch[column] for column in columns]
            padding = "max_length" if data.pad_to_max_length else False
            encoded = tokenizer(*texts, truncation=True, max_length=longest, padding=padding)
            for row, ids in enumerate(encoded["input_ids"]):
                if not ids:  # a text without a single token, and a tokenizer that adds none
                    encoded["input_ids"][row], encoded["attention_mask"][row] = [blank], [1]
            return encoded

        return encode, columns

    def predictions(self, outputs):
        return _logits(outputs).argmax(-1)

    def baseline(self, splits):
        """The primary metric of always answering the commonest class of train."""
        majority = np.bincount(label_column(splits["train"])).argmax()
        labels = label_column(splits["evaluation"])
        return self.primary_score(np.full(len(labels), majority), labels)

    def prediction_columns(self, ids, labels, outputs):
        logits = _logits(outputs)  # (examples, classes)
        found = {"id": np.asarray(ids)} | ({} if labels is None else {"label": labels})
        return found | {"prediction": logits.argmax(-1), "logits": list(logits.astype(np.float32))}

    def named_predictions(self, outputs, label_names):
        """The name of the predicted class, its probability, and those of all classes in the order of the names."""
        from scipy.special import softmax

        probabilities = softmax(_logits(outputs).astype(np.float64), axis=-1)  # (examples, classes)
        names = [label_names[i] for i in probabilities.argmax(-1)]
        return {"class": names, "probability": probabilities.max(-1), "probabilities": list(probabilities)}

    def divergence(self, intact, damaged):
        from scipy.special import log_softmax

        with np.errstate(invalid="ignore"):
            before, after = (log_softmax(_logits(outputs).astype(np.float64), axis=-1) for outputs in (intact, damaged))
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


def _unlabelled(split, rows, label, train):
    """Whether this is a test split without a single label: no such column, or nothing in all of it.

    Nothing is also -1, as on the Hub, unless it is a class of ``train``.
    """
    if split != "test":
        return False
    if label not in rows.column_names:
        # A column of nearly that name holds the labels, it seems: to leave it unscored would be a guess.
        return not any(label in pair[:2] for pair in near_names([label, *rows.column_names]))
    if set(rows.unique(label)) - {None, "", -1, "-1"}:
        return False
    known = train.unique(label) if label in train.column_names else []
    return "-1" not in map(str, known) or not set(rows.unique(label)) - {None, ""}


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


def _logits(outputs):
    """(examples, classes): some models give hidden states beside them."""
    return outputs[0] if isinstance(outputs, tuple) else outputs
