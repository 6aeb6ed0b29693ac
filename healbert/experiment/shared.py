"""What the runs of a sweep share on disk: the scores of a damaged model from which several of them start."""

import hashlib
import json
import pathlib

import torch
import transformers

from ..damage.receipt import quick_digest
from ..results.schema import DAMAGED
from ..utils.files import read_json, write_json
from ..utils.machine import cpu_name
from .provenance import device_name, version


def damaged_once(evaluate, trainer, model, rows, run, more):
    """The metrics of a damaged model, from another run of the folder where one has evaluated the same.

    The same is the same by content: every weight, the head among them, and the rows; and the same by all else that an
    evaluation's last bits depend on, the processor and its threads among it.

    Args:
        evaluate: function that evaluates it: {metric: number}.
        trainer: the `HealingTrainer` that would; of several processes each evaluates for itself.
        model: the damaged model.
        rows: the tokenized rows, a `datasets.Dataset`.
        run: folder of the run.
        more: what else the metrics depend on, as JSON can hold it: their names, hashes of plugins.

    Returns:
        tuple: {metric: number}, and the name of the run that found them; None where this one did.
    """
    if trainer.args.world_size > 1:
        return evaluate(), None
    key, run = _key(trainer.args, model, rows, more), pathlib.Path(run)
    path = run.parent / DAMAGED / f"{key}.json"
    known = read_json(path)
    if isinstance(known, dict) and known.get("key") == key and known.get("run") != run.name:
        return known["metrics"], known["run"]
    metrics = evaluate()
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"key": key, "run": run.name, "metrics": metrics})
    return metrics, None


def how_evaluated(training):
    """What of `TrainingArguments` an evaluation's figures depend on: a list, for keys of what runs share."""
    return [
        training.eval_batch_size,
        training.mixed_precision,
        training.torch_compile,
        training.tf32,
        training.full_determinism,
        training.label_smoothing_factor,
    ]


def _key(training, model, rows, more):
    held = [*model.named_parameters(), *model.named_buffers()]
    found = {
        "weights": [f"{name} {quick_digest(value).hex()}" for name, value in held],
        "model": [type(model).__name__, str(model.config), str(getattr(model, "generation_config", None))]
        + [getattr(model, "pooling", None)],  # which `SentencePairs` says nowhere else
        "rows": rows._fingerprint,
        "training": how_evaluated(training),
        "machine": [device_name(training.device), cpu_name(), torch.get_num_threads()],
        "versions": [torch.__version__, transformers.__version__, version("healbert")],
        "more": more,
    }
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:24]
