"""One of several choices that goes with a context."""

import numpy as np

from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import is_string, named_columns, require_column, with_text_and_label
from ..guess import apart
from ..labels import Classes, encode_labels, is_unlabelled
from .classification import Classification, accuracy
from .encoding import Sequences, encode_sequences


@register(
    "metric",
    "choice_accuracy",
    title="accuracy",
    primary=True,
    task_types=("multiple_choice",),
    hub={"metric_type": "accuracy", "metric_name": "Accuracy"},
)
def choice_accuracy(predictions, labels):
    """Fraction of the examples whose right choice is chosen (scikit-learn)."""
    return accuracy(predictions, labels)


@register("task_type", "multiple_choice")
class MultipleChoice(Classification):
    """Labels are positions of choices, each a column; the model scores each choice beside the context.

    Contexts of several columns are joined by a space.
    """

    auto_class = "AutoModelForMultipleChoice"
    hub_task = "multiple-choice"
    per_text, one_class, one_sequence, pipeline = False, False, False, False
    baseline_name, baseline_says = "commonest position", "always choosing the position that is the commonest in train"

    def find_columns(self, raw, task, data):
        found, train = raw["train"].column_names, task.call("train")
        label = data.label_column_name or task.label
        require_column(train, "label", label, found, "; name it with --label_column_name")
        inputs = named_columns(data.text_column_names) or list(task.text) or _guessed(raw["train"], label, train)
        for column in inputs:
            require_column(train, "text", column, found, "; name it with --text_column_names")
        contexts, choices = apart(inputs)
        if not contexts or len(choices) < 2:
            raise UserError(
                f"columns {', '.join(map(repr, inputs))} are {len(contexts)} of a context and {len(choices)} of "
                "choices, and one or more and two or more are needed; choices are columns such as choice1, choice2 or "
                "ending0, ending1"
            )
        return inputs, label

    def prepare(self, raw, task, columns):
        inputs, label = columns
        contexts, choices = apart(inputs)
        classes, splits = Classes(tuple(choices), indexed=True), {}
        for split, rows in raw.items():
            called = task.call(split)
            bare = is_unlabelled(split, rows, label, raw["train"])
            if not bare:
                require_column(called, "label", label, rows.column_names)
            texts = {name: with_text_and_label(rows, called, [name], None)["text"][:] for name in inputs}
            found = {
                "text": [" ".join(parts) for parts in zip(*(texts[name] for name in contexts), strict=True)],
                "choices": list(map(list, zip(*(texts[name] for name in choices), strict=True))),
                "id": list(range(len(rows))),
            }
            if not bare:
                rows = _by_position(rows, label, choices)
                found["label"] = encode_labels(rows, classes, called, label, train="the list of choices")
            splits[split] = _as_rows(found)
        return splits, choices

    def fingerprint_columns(self, rows):
        return [column for column in ("text", "choices", "label") if column in rows.column_names]

    def encode(self, rows, tokenizer, data):
        def pairs(batch):
            return [
                [(text, choice) for choice in choices]
                for text, choices in zip(batch["text"], batch["choices"], strict=True)
            ]

        return encode_sequences(pairs, tokenizer, data, pair=True), ["text", "choices"]

    def collator(self, tokenizer):
        return Sequences(tokenizer)

    def by_label(self, predictions, labels, label_names):
        return {}  # positions, which tell nothing

    def resampled(self, labels, predictions, classes, counts):
        if self.primary_metric != "choice_accuracy":  # of a type derived from this one
            return super().resampled(labels, predictions, classes, counts)
        hits = np.asarray(labels) == np.asarray(predictions)
        return (hits @ counts) / np.sum(counts, axis=0)


def _guessed(rows, label, train):
    """The columns of text, where one of them alone is no choice.

    Raises:
        UserError: if which is the context is not certain.
    """
    texts = [name for name, of in rows.features.items() if is_string(of)]
    contexts, choices = apart([name for name in texts if name != label])
    if len(contexts) != 1:
        named = ",".join(["CONTEXT", *(choices or ["choice1", "choice2"])])
        raise UserError(
            f"{train} has {len(contexts)} columns that may be the context ({', '.join(map(repr, contexts))}); say "
            f"which, for example --text_column_names {named}"
        )
    return [*contexts, *choices]


def _by_position(rows, label, choices):
    """Rows whose labels are plain numbers, where the names that their column declares are not those of choices."""
    from datasets import Value

    names = getattr(rows.features[label], "names", None)
    return rows if names is None or set(names) <= set(choices) else rows.cast_column(label, Value("int64"))


def _as_rows(columns):
    from datasets import Dataset

    return Dataset.from_dict(columns)
