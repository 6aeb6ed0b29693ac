"""What a damage changes before any healing: the intact model's predictions beside the damaged one's."""

import contextlib
import copy
import random
import tempfile

import numpy as np
import torch

from ..healing.services import without_services
from ..healing.trainer import HealingTrainer
from .evaluating import evaluation_parts
from .per_epoch import pick


class Change:
    """The intact model's answers on the evaluation split, and how a damaged one's differ.

    Args:
        arguments: `Arguments`.
        task: a tokenized `TaskData`; tokenizer: its tokenizer.
        model: the intact model. It stays as it is, and so does the state of every random generator.
    """

    def __init__(self, arguments, task, tokenizer, model):
        self.arguments, self.task, self.tokenizer, self.kind = arguments, task, tokenizer, task.type
        self.metrics, self.outputs = self.look(model)

    def describe(self, metrics, outputs):
        """What the receipt says of it.

        Args:
            metrics: of the damaged model, by name.
            outputs: of the damaged model, as `transformers.Trainer.predict` gives them.

        Returns:
            dict: ``intact`` and ``damaged``, the loss and the primary metric of each; ``kl``, None where there is none;
            ``predictions_changed``, a share of the examples.
        """
        names = (self.kind.primary_metric, "loss")
        return {
            "intact": {name: self.metrics[name] for name in names},
            "damaged": {name: metrics[name] for name in names},
            "kl": self.kind.divergence(self.outputs, outputs),
            "predictions_changed": float(self.kind.changed(self.outputs, outputs)[0].mean()),
        }

    def severity(self, metric):
        """A function of a damaged model that gives a figure of `damage.severity.METRICS`: "kl" or "f1_drop"."""

        def figure(model):
            metrics, outputs = self.look(model)
            if metric == "kl":
                return self.kind.divergence(self.outputs, outputs)
            name, sign = self.kind.primary_metric, 1 if self.kind.greater_is_better else -1
            return sign * (self.metrics[name] - metrics[name])

        return figure

    def look(self, model):
        """Metrics and outputs of a model, by a copy: evaluation may move, cast and wrap what it is given."""
        training = without_services(self.arguments.training)
        # Trainer makes its folder at once; that of the run comes with its lock.
        with draws_kept(), tempfile.TemporaryDirectory() as training.output_dir:
            trainer = HealingTrainer(
                model=copy.deepcopy(model),
                args=training,
                eval_dataset=self.task.splits["evaluation"],
                processing_class=self.tokenizer,
                **evaluation_parts(self.kind, self.tokenizer),
            )
            found = trainer.predict(self.task.splits["evaluation"], metric_key_prefix="look")
        return pick(found.metrics, "look", self.kind.describe_metrics()), found.predictions


@contextlib.contextmanager
def draws_kept():
    """A context after which every random generator goes on as if nothing had been drawn in it."""
    python, numbers = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numbers)
