"""Scores of a decoder on tasks of lm-evaluation-harness (``--lm_eval``; an extra: the package lm_eval)."""

import copy
import functools
import importlib.util
import logging
import math

from ..utils.errors import UserError, did_you_mean
from .change import draws_kept


def require_harness(arguments):
    """Raises `UserError` if ``--lm_eval`` is asked for, and the package is not installed."""
    if arguments.features.lm_eval and importlib.util.find_spec("lm_eval") is None:
        raise UserError("--lm_eval needs the package lm_eval; run in the repository: pip install '.[lm-eval]'")


class Harness:
    """Scores a decoder, as it is, on tasks of lm-evaluation-harness.

    Args:
        arguments: `Arguments`.
        tokenizer: the model's.

    Raises:
        UserError: if there is no such task, or its data cannot be loaded.
    """

    def __init__(self, arguments, tokenizer):
        logging.getLogger("lm_eval").setLevel(logging.ERROR)  # it warns of every model that is not named by a text
        self._tasks, self._files = arguments.features.lm_eval_tasks(), arguments.features.lm_eval_files()
        self._tokenizer = tokenizer
        self._batch = arguments.training.per_device_eval_batch_size
        self._manager = _manager()
        for name in self._tasks:
            self._require(name)
        self._about = {}

    def _require(self, name):
        from datasets.exceptions import DatasetsError

        if name not in self._manager.all_tasks and name not in self._files:
            near = did_you_mean(name, self._manager.all_tasks)
            raise UserError(f"--lm_eval: lm_eval has no task '{name}'{near}; `lm_eval ls tasks` lists them")
        try:
            with draws_kept():
                self._manager.load([name])
        except (DatasetsError, ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            said = str(error).strip().partition("\n")[0] or type(error).__name__
            raise UserError(
                f"--lm_eval: task '{name}' cannot be loaded ({said}); choose another, or fetch it"
            ) from error

    def score(self, model):
        """The scores of a model: {task: {metric: value}}, None for what is not finite or not known.

        Args:
            model: a transformers decoder with its head; it stays as it is, and so does every random generator.
        """
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM

        was_training = model.training
        with draws_kept():
            reader = HFLM(model, backend="causal", tokenizer=copy.deepcopy(self._tokenizer), batch_size=self._batch)
            found = simple_evaluate(reader, tasks=self._tasks, task_manager=self._manager, log_samples=False)
        model.train(was_training)
        self._about = {name: _about(found, name) for name in found["results"]}
        return {name: _figures(values) for name, values in found["results"].items()}

    def describe(self):
        """What ``results.json`` says of it: the package's version, and of each task what it is."""
        import lm_eval

        return {"version": lm_eval.__version__, "tasks": self._about}


@functools.cache  # it looks through thousands of files
def _manager():
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _about(found, name):
    return {
        "version": str(found["versions"].get(name)),
        "few_shot": found["n-shot"].get(name),
        "examples": found["n-samples"].get(name, {}).get("effective"),
        "greater_is_better": found["higher_is_better"].get(name, {}),
    }


def _figures(values):
    """{"acc,none": 0.5, ...}: names of metrics and filters, as the harness writes them."""
    return {name: _figure(value) for name, value in values.items() if "," in name}


def _figure(value):
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
