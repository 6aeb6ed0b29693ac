"""Any number of labels for each text, none among them."""

import numpy as np

from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import with_text_and_label
from ..labels import lacks_labels, refuse_unnamed
from ..rows import BadRowsError, are_lists, counted
from .base import TaskType
from .encoding import logits_of

SHOWN = 5  # labels in a message
OWN = {"task_types": ("multi_label",)}
HUB_F1 = {"metric_type": "f1", "metric_name": "Micro F1", "metric_config": "micro", "metric_args": {"average": "micro"}}


@register("metric", "f1_micro", title="micro F1", primary=True, hub=HUB_F1, **OWN)
def f1_micro(predictions, labels):
    """F1 of all pairs of a text and a label together (scikit-learn)."""
    return _f1(predictions, labels, "micro")


@register("metric", "f1_macro_labels", title="macro F1", **OWN)
def f1_macro_labels(predictions, labels):
    """Mean F1 of the labels (scikit-learn); 0 for one that is neither there nor predicted."""
    return _f1(predictions, labels, "macro")


@register("metric", "subset_accuracy", title="subset accuracy", **OWN)
def subset_accuracy(predictions, labels):
    """How many texts have exactly their labels predicted (scikit-learn)."""
    from sklearn.metrics import accuracy_score

    return accuracy_score(_whole(labels), _whole(predictions))


def _f1(predictions, labels, average):
    from sklearn.metrics import f1_score

    return f1_score(_whole(labels), _whole(predictions), average=average, zero_division=0)


def _whole(side):
    """0 and 1 as integers (examples, labels), of an array or of a column of lists."""
    return np.array([*side]).astype(np.int64)


@register("task_type", "multi_label")
class MultiLabel(TaskType):
    """A label is a list of 0 and 1, one for each name; the model has an output for each, learnt on its own."""

    auto_class = "AutoModelForSequenceClassification"
    hub_task = "text-classification"
    problem_type = "multi_label_classification"
    smooths = False
    baseline_name, baseline_says = "same labels", "always answering the labels that are commonest in train"

    def prepare(self, raw, task, columns):
        texts, label = columns
        found, splits = {}, {}
        for split, rows in raw.items():
            bare = lacks_labels(split, rows, label) or _holds_none(split, rows, label)
            splits[split] = with_text_and_label(rows, task.call(split), texts, None if bare else label)
            if not bare:
                found[split] = _named(splits[split], task.call(split), task.label_names)
        names = _all_names(raw["train"].features[label], found["train"], task)
        for split, labels in found.items():
            hot = _multi_hot(labels, names, task.call(split), task.call("train"))
            splits[split] = splits[split].remove_columns("label").add_column("label", hot)
        return splits, names

    def check(self, splits, label_names):
        for split in ("train", "evaluation"):
            if not any(any(row) for row in splits[split]["label"]):
                raise UserError(f"no example of {split} has a label; use more of it")

    def count(self, rows, label_names):
        if "label" not in rows.column_names:
            return {}
        return dict(zip(label_names, _whole(rows["label"]).sum(axis=0).tolist(), strict=True))

    def predictions(self, outputs):
        return (logits_of(outputs) > 0).astype(np.int64)  # a probability above one half

    def baseline(self, splits):
        """The labels that, answered for every text, have the best micro F1 on train: so many of the commonest."""
        train, labels = (_whole(splits[name]["label"]) for name in ("train", "evaluation"))
        counts = np.sort(train.sum(axis=0))[::-1]
        scores = 2 * np.cumsum(counts) / (counts.sum() + len(train) * np.arange(1, len(counts) + 1))
        answer = np.argsort(-train.sum(axis=0), kind="stable")[: scores.argmax() + 1]
        predictions = np.zeros_like(labels)
        predictions[:, answer] = 1
        return self.primary_score(predictions, labels)

    def probe(self):
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier

        return OneVsRestClassifier(LogisticRegression(max_iter=1000))

    def by_label(self, predictions, labels, label_names):
        from sklearn.metrics import f1_score

        labels = _whole(labels)
        scores = f1_score(labels, _whole(predictions), average=None, zero_division=0)
        found = zip(label_names, scores, labels.sum(axis=0), strict=True)
        return {name: {"f1": float(score), "examples": int(count)} for name, score, count in found}

    def prediction_columns(self, ids, labels, outputs):
        found = {"id": np.asarray(ids)} | ({} if labels is None else {"label": list(_whole(labels))})
        logits = logits_of(outputs).astype(np.float32)
        return found | {"prediction": list(self.predictions(outputs)), "logits": list(logits)}

    def named_predictions(self, outputs, label_names):
        """The names of the predicted labels, and the probability of each label in the order of the names."""
        from scipy.special import expit

        names = np.array(label_names, dtype=object)
        labels = [names[row == 1].tolist() for row in self.predictions(outputs)]
        return {"labels": labels, "probabilities": list(expit(logits_of(outputs).astype(np.float64)))}

    def divergence(self, intact, damaged):
        from scipy.special import expit, log_expit

        before, after = (logits_of(outputs).astype(np.float64) for outputs in (intact, damaged))
        with np.errstate(invalid="ignore"):
            there = expit(before) * (log_expit(before) - log_expit(after))
            absent = expit(-before) * (log_expit(-before) - log_expit(-after))
            found = float((there + absent).sum(axis=-1).mean())
        return max(found, 0.0) if np.isfinite(found) else None

    def resampled(self, labels, predictions, classes, counts):
        if self.primary_metric != "f1_micro":  # of a type derived from this one
            return super().resampled(labels, predictions, classes, counts)
        labels, predictions = _whole(labels), _whole(predictions)
        right, both = (labels * predictions).sum(axis=1), (labels + predictions).sum(axis=1)
        return 2 * (right @ counts) / np.maximum(both @ counts, 1)


def _holds_none(split, rows, label):
    """Whether this is a test split whose column of labels is empty in every row."""
    return split == "test" and label in rows.column_names and not any(rows[label][:])


def _named(rows, split, known):
    """The labels of each row by name: a list of lists of str.

    Raises:
        UserError: if they are no lists, or one is missing or has no name.
    """
    names = getattr(getattr(rows.features["label"], "feature", None), "names", None)
    values = rows["label"][:]
    if not are_lists(values):
        raise UserError(
            f"the labels of {split} are no lists; for one label for each text give --task_type classification"
        )
    where = np.flatnonzero([value is None or None in value for value in values])
    if len(where):
        labels, are = counted(len(where), "list", "is", "are")
        raise BadRowsError(
            f"{labels} of labels of {split} {are} missing, or holds nothing", split, where, "remove the rows"
        )
    if any(isinstance(label, (float, dict, list)) for value in values for label in value):
        raise UserError(f"the lists of labels of {split} hold no names and no whole numbers")
    names = names or (known if all(isinstance(label, int) for value in values for label in value) else None)
    if names:
        refuse_unnamed(values, names, split)
    return [[names[label] if names else str(label) for label in value] for value in values]


def _all_names(feature, train, task):
    declared = getattr(getattr(feature, "feature", None), "names", None) or task.label_names
    found = {name for row in train for name in row}
    numbers = all(name.isdecimal() for name in found)
    names = [*declared] or sorted(found, key=(lambda name: (len(name), name)) if numbers else None)
    if len(names) < 2:
        raise UserError(f"{task.call('train')} holds {len(names)} different labels; two or more are needed")
    return names


def _multi_hot(labels, names, split, train):
    """float32 (rows, labels) as a list of rows: 1 where a row has the label.

    Raises:
        UserError: for labels that train lacks.
    """
    place = {name: index for index, name in enumerate(names)}
    unknown = sorted({name for row in labels for name in row} - set(names))
    if unknown:
        where = np.flatnonzero([any(name not in place for name in row) for row in labels])
        what = f"{split} has labels that {train} lacks: {', '.join(map(repr, unknown[:SHOWN]))}"
        raise BadRowsError(what, split, where, f"{train} knows [{', '.join(names[:20])}]")
    hot = np.zeros((len(labels), len(names)), np.float32)
    for row, found in enumerate(labels):
        hot[row, [place[name] for name in found]] = 1
    return hot.tolist()
