"""What a task type is: everything about a kind of task that the other rooms do not need to know."""

import numpy as np

from ...utils.errors import UserError, check_choice
from ...utils.registry import table
from ..columns import find_columns, text_columns
from ..draws import plain_hold_out, plain_sample
from ..guess import type_of
from ..metrics import LOSS, METRICS
from .encoding import encode_texts, logits_of


class TaskType:
    """One kind of task. A type derives from this class, registers itself and overrides what is its own.

    What is not overridden is right for texts, or pairs of them, with a label each; samples are drawn plainly.

    Attributes of the class:
        auto_class: name of the class in transformers that builds the model with its head.
        hub_task: what the Hub calls it, for model cards.
        version: raised by a change that alters figures, which renames the runs of this type and no others.
        problem_type: what the model's configuration calls the task, where transformers has it choose the loss by that.
        per_text: whether the model answers once for a whole text, as mean pooling, linear probes and scans' heads need.
        pools: whether `--pooling` has another use than a head for a whole text.
        one_sequence: whether an example is one sequence of tokens, as traces, teachers and reused frozen layers need.
        continues: whether the model says how a text goes on, which is what harnesses for decoders score.
        pipeline: whether transformers has a pipeline of the name `hub_task`.
        own_head: whether the head is the checkpoint's, and not a new one that has to be learnt.
        smooths: whether classes are learnt, of texts or of tokens, which label smoothing can spread.
        has_texts: whether an example is of texts; else of lists of words.
        one_class: whether a label is one class of `TaskData.label_names`, as pictures and confusions of classes need.
        baseline_name, baseline_says: what tables call `baseline`, and what it is in words.
    """

    auto_class = ""
    hub_task = ""
    version = 1
    problem_type = None
    per_text, own_head, has_texts, one_class = True, False, True, False
    pools, one_sequence, pipeline, continues, smooths = False, True, True, False, True
    baseline_name, baseline_says = "baseline", "the answer that needs no model"

    @property
    def name(self):
        """The name that it is registered under, which `Task.type` says."""
        return next((name for name, entry in TASK_TYPES.items() if type(entry) is type(self)), "")

    # From the source to splits that can be trained on.

    def find_columns(self, raw, task, data):
        """Which columns of the source hold the inputs and the target.

        Args:
            raw: {split: `datasets.Dataset`} as the source has them, ``train`` among them.
            task: the `Task`.
            data: `DataArguments`.

        Returns:
            tuple: (list of input columns, target column).

        Raises:
            UserError: naming the columns that were found, where one is missing.
        """
        return find_columns(raw, task, data, type_of)

    def prepare(self, raw, task, columns):
        """Checks every row and brings it into the form that `encode` and the trainer take.

        Args:
            raw, task: as for `find_columns`.
            columns: what `find_columns` gave.

        Returns:
            tuple: {split: `datasets.Dataset` with ``id`` (row in its source) and ``label``, which a test split may
            lack: it is predicted and not scored}, list of label names.
        """
        raise NotImplementedError

    def check(self, splits, label_names):
        """Raises `UserError` if the splits, as drawn, cannot be trained on."""

    def draw(self, rows, size, seed):
        """Positions (size,) of a seeded sample of ``rows``, ascending."""
        return plain_sample(len(rows), size, seed)

    def hold_out(self, train, fraction, seed, flag="--dev_fraction"):
        """{"train": what is left, "dev": what is held out} of a split, by a seeded draw; ``flag`` asked for it."""
        kept, held = plain_hold_out(len(train), fraction, seed, flag)
        return {"train": train.select(kept), "dev": train.select(held)}

    def outputs(self, label_names):
        """The names of the model's outputs, for its configuration."""
        return label_names

    def count(self, rows, label_names):
        """{name of a label: how many rows have it} for ``results.json``; empty where there is nothing to count."""
        return {}

    def fingerprint_columns(self, rows):
        """The columns whose content makes the examples what they are."""
        return [column for column in (*text_columns(rows), "label") if column in rows.column_names]

    # From texts to a model's inputs.

    def encode(self, rows, tokenizer, data):
        """A function for `datasets.Dataset.map` from a batch of texts to token ids, and the columns that it replaces.

        Args:
            rows: a split that `prepare` made.
            tokenizer: a transformers tokenizer.
            data: `DataArguments` (max_seq_length, pad_to_max_length).
        """
        return encode_texts(rows, tokenizer, data)

    def encode_split(self, split, rows, tokenizer, data):
        """`encode` of the split called ``split``, for types whose training examples are others than those scored."""
        return self.encode(rows, tokenizer, data)

    def encoded(self, rows, split):
        """The rows of a split (its name is ``split``) that `encode` has gone over, looked at as a whole."""
        return rows

    def collator(self, tokenizer):
        """What makes a batch of encoded examples; None for Trainer's default."""

    def training_inputs(self, tokenizer, seed):
        """What a training batch goes through before the model: function(inputs, epoch) -> inputs; None: nothing.

        What it draws may depend on its arguments and ``seed`` alone: runs are resumed.
        """

    @property
    def hides(self):
        """Whether `training_inputs` puts other tokens in the place of a text's, which can be any of the tokenizer's."""
        return type(self).training_inputs is not TaskType.training_inputs

    # Every batch on its way to a model that does not take it as it is: function(inputs) -> inputs; None: it does.
    model_inputs = None

    # Columns beside the model's own that batches are to have.
    row_columns = ()

    def configure(self, model, tokenizer, data):
        """Sets on a loaded model what it needs for tasks of this type; arguments as of `encode`."""

    def generates(self, tokenizer):
        """What a model writes of a batch in an evaluation, as `HealingTrainer` takes it; None: its outputs will do."""

    # From a model's outputs to figures.

    # What is kept of each batch's outputs, on the device: function(logits, labels) -> tensors; None: all of them.
    reduce = None

    def metrics(self):
        """{name: `Metric`} of all that this type reports: the primary one first, then as they were registered.

        Raises:
            UserError: if not exactly one of them is the primary one, or a metric is of a type that does not exist.
        """
        for name, metric in METRICS.items():  # else a metric of a misspelt type would be left out in silence
            for kind in metric.task_types:
                check_choice(f"metric '{name}': task type", kind, TASK_TYPES)
        own_name = self.name
        own = {name: metric for name, metric in METRICS.items() if own_name in metric.task_types}
        primary = [name for name, metric in own.items() if metric.primary]
        if len(primary) != 1:
            found = f"{len(primary)} ({', '.join(primary)})" if primary else "none"
            raise UserError(f"task type '{self.name}' needs one metric that is registered as primary, and has {found}")
        return {primary[0]: own[primary[0]], **own}

    @property
    def primary_metric(self):
        """The name of the metric that chooses the best epoch."""
        return next(iter(self.metrics()))

    @property
    def greater_is_better(self):
        """The direction of the primary metric."""
        return self.metrics()[self.primary_metric].greater_is_better

    def describe_metrics(self):
        """What ``results.json`` says of the metrics, the primary one first, the loss last."""
        return {name: metric.describe(name) for name, metric in self.metrics().items()} | {"loss": LOSS}

    def predictions(self, outputs):
        """What the model predicts, out of its outputs; what the metrics compare with the labels.

        Args:
            outputs: numpy array or tuple of arrays, as `transformers.Trainer.predict` gives them.
        """
        raise NotImplementedError

    def compute_metrics(self, prediction):
        """`transformers.Trainer`'s hook: every metric of an `EvalPrediction`."""
        predicted = self.predictions(prediction.predictions)
        return {
            name: float(metric.function(predicted, prediction.label_ids)) for name, metric in self.metrics().items()
        }

    def primary_score(self, predictions, labels):
        """The primary metric of predictions (examples, ...) against labels (examples, ...)."""
        return float(self.metrics()[self.primary_metric].function(predictions, labels))

    def baseline(self, splits):
        """The primary metric of the answer that needs no model, on the evaluation split; None if there is none."""

    def probe(self):
        """What a linear probe of a depth is: an unfitted scikit-learn estimator; None for logistic regression."""

    def column(self, predicted):
        """What an evaluation predicted, as `predictions` gives it, as a column of a table: values (examples,)."""
        return predicted if predicted.ndim == 1 else list(predicted)

    def labels_of(self, rows):
        """The labels of a split that is tokenized, as a column of a table beside `column` (examples,)."""
        return rows["label"]

    def by_label(self, predictions, labels, label_names):
        """Scores of each label, for cards and ``results.json``: {name: {"f1": value, "examples": count}}.

        Args:
            predictions, labels: columns ``prediction`` and ``label`` of ``predictions.parquet``.
            label_names: the task's.
        """
        return {}

    def prediction_columns(self, ids, labels, outputs):
        """The columns of ``predictions.parquet``: {name: values (examples,)}; ``labels`` may be None."""
        raise NotImplementedError

    def named_predictions(self, outputs, label_names):
        """Further columns, for people, of ``predictions_test.parquet``: {name: values (examples,)}."""
        return {}

    def collapsed(self, score, baseline, outputs):
        """Whether a model has learnt nothing: one answer for every example, or no better than `baseline`.

        An answer is a class, a figure, or all labels of an example. Without a baseline only the first counts.

        Args:
            score: its primary metric.
            baseline: what `baseline` gives, or None.
            outputs: of the model, as for `predictions`.
        """
        predicted = np.asarray(self.predictions(outputs))
        same = np.isclose if predicted.dtype.kind == "f" else np.equal  # figures that differ by rounding are one answer
        alike = len(predicted) > 1 and same(predicted, predicted[0]).all()
        if baseline is None:
            return bool(alike)
        return bool(alike or (score <= baseline if self.greater_is_better else score >= baseline))

    def divergence(self, intact, damaged):
        """The mean over examples of KL(intact || damaged) of the predicted distributions, in nats.

        Args:
            intact, damaged: outputs of two models for the same examples, as for `predictions`.

        Returns:
            float; None where the type predicts no distribution, or it is not finite.
        """

    def changed(self, intact, damaged):
        """Which examples the damaged model answers otherwise than the intact one, or not at all.

        Args: as of `divergence`.

        Returns:
            bool numpy (examples,), and the same of those that it gives no finite output for.
        """
        lost = ~_finite(damaged)
        other = np.asarray(self.predictions(damaged)) != np.asarray(self.predictions(intact))
        return other.reshape(len(other), -1).any(axis=1) | lost, lost

    def resampled(self, labels, predictions, classes, counts):
        """The primary metric on resamples of the evaluation examples.

        Args:
            labels, predictions: (examples,), columns of ``predictions.parquet``.
            classes: how many labels there are.
            counts: (examples, resamples), how often each example is in each resample.

        Returns:
            numpy (resamples,).
        """
        chosen = [np.repeat(np.arange(len(labels)), column) for column in np.asarray(counts).T]
        return np.array([self.primary_score(np.asarray(predictions)[i], np.asarray(labels)[i]) for i in chosen])


def _entry(kind):
    if not (isinstance(kind, type) and issubclass(kind, TaskType)):
        raise TypeError(f"{kind!r} is not a class derived from healbert.tasks.types.TaskType")
    return kind()


TASK_TYPES = table("task_type", _entry)


def _finite(outputs):
    """Whether all of an example's outputs are finite: (examples,)."""
    first = logits_of(outputs)
    return np.isfinite(first).reshape(len(first), -1).all(axis=1)
