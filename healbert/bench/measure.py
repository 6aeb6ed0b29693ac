"""Training and evaluating a few batches with one trainer in one precision, in a process of its own."""

import pathlib
import resource
import sys
import time

import datasets
import numpy as np
import torch
from transformers import logging as hf_logging
from transformers import set_seed
from transformers.trainer_callback import PrinterCallback

from ..experiment.damaged import damage
from ..experiment.loading import LoadCache, load
from ..experiment.offline import require_hub_or_cache
from ..experiment.run import set_threads
from ..experiment.stages import Experiment
from ..healing.fast.chosen import FastPaths
from .arithmetic import FlopsOfLength, bytes_of_step
from .batches import WARM_UP, examples_of, real_lengths, use_few_batches
from .phases import STEP_PHASES, Clock
from .variants import OURS, REFERENCES, longest, padding, reference_trainer

EVALUATED = 256  # examples, at most: four batches of 64
IMPORTED = 8  # examples of an evaluation that imports what the first one imports


def measure(make, variant, steps, folder):
    """Times one trainer.

    Args:
        make: function without arguments that gives `Arguments`.
        variant: `OURS`, or a name in `REFERENCES`.
        steps: steps to time, at most.
        folder: of its own, for the checkpoint.

    Returns:
        dict: see docs/performance.md; seconds, counts, tokens, FLOPs and bytes as they were measured.
    """
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    began, arguments = time.perf_counter(), make()
    set_threads(arguments)
    require_hub_or_cache(arguments)
    experiment = Experiment(arguments, *load(arguments, LoadCache(0)))
    loaded = time.perf_counter() - began
    receipt, _ = damage(arguments, experiment.task, experiment.tokenizer, experiment.model, experiment.description)
    if variant == OURS:
        experiment.prepare(receipt)
    whole = {split: len(rows) for split, rows in experiment.task.splits.items()}
    splits = experiment.task.splits
    evaluated = [split for split in ("evaluation", "dev") if split in splits and (variant == OURS or split != "dev")]
    splits |= {split: examples_of(splits[split], EVALUATED) for split in evaluated}
    found = {"load": loaded, "splits": whole, "parameters": experiment.description["parameters"]}
    on_gpu = arguments.training.device.type == "cuda"
    trainer, clock, batches, paths = _train(experiment, variant, steps, folder)
    found |= _times(clock, len(batches), sum(len(splits[split]) for split in evaluated), trainer)
    found |= {"peak_memory_bytes": _peak(on_gpu), "fast_paths": paths}
    if on_gpu:  # to know the parts each must be waited for, which takes longer in all
        trainer, parts, batches, _ = _train(experiment, variant, steps, folder, wait=True)
        found["phases"] = _phases(parts, found["steps"])
    return found | _counts(experiment, trainer, clock, batches)


def _train(experiment, variant, steps, folder, wait=False):
    """A trainer that has trained a few batches, the clock of it, those that count, and its fast paths, None without."""
    arguments, fast = experiment.arguments, None
    arguments.training.output_dir = folder
    if variant == OURS:
        experiment.output_dir = pathlib.Path(folder)
        experiment.begin()
        trainer = experiment.trainer
        fast = FastPaths(arguments.run.fast_paths, experiment.scene())
        experiment.strategy.begin(trainer)
    else:
        parts = experiment.task, experiment.tokenizer, experiment.model, experiment.task.splits
        trainer = reference_trainer(REFERENCES[variant], arguments, *parts, folder)
    trainer.remove_callback(PrinterCallback)
    trainer.evaluate(examples_of(trainer.eval_dataset, IMPORTED))
    batches = use_few_batches(trainer, steps)
    clock = Clock(trainer, WARM_UP, wait)
    if fast:
        fast.begin_training()
    set_seed(arguments.training.seed)
    trainer.train()
    if fast:
        fast.end_training()
        fast.end()
        trainer.optimizer = None  # its state is of the rows of the embedding that occur
        trainer.create_optimizer()
    return trainer, clock, batches, fast and fast.describe()


def _times(clock, batches, evaluated, trainer):
    steps = trainer.state.global_step - WARM_UP
    return {
        "steps": steps,
        "batches": batches,
        "seconds": clock.wall,
        "cpu_seconds": clock.cpu,
        "phases": _phases(clock, steps),
        "evaluated": evaluated,
        "evaluation_seconds": clock.seconds["evaluation"],
        "saving_seconds": clock.seconds["saving"],
    }


def _phases(clock, steps):
    return {name: clock.seconds[name] / steps for name in STEP_PHASES}


def _peak(on_gpu):
    if on_gpu:
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _counts(experiment, trainer, clock, batches):
    """Examples, tokens and FLOPs of the batches that count, and FLOPs for each byte of the middling one."""
    rows, tokenizer = trainer.train_dataset, experiment.tokenizer
    lengths = [real_lengths(rows.select(batch)) for batch in batches]
    given = [_as_given(shape, own) for shape, own in zip(clock.shapes, lengths, strict=True)]
    row = trainer._remove_unused_columns(rows, "training")[0]
    collator = padding(experiment.task, tokenizer)
    flops = FlopsOfLength(trainer, collator, row, longest(experiment.arguments, tokenizer))
    inputs = next(iter(trainer.get_train_dataloader()))
    one = flops(np.full(*inputs["input_ids"].shape))
    return {
        "examples": sum(map(len, lengths)),
        "real_tokens": int(sum(map(sum, lengths))),
        "padded_tokens": sum(rows * width for rows, width in clock.shapes),
        "flops": flops(np.concatenate(lengths)),
        "flops_with_padding": flops(np.concatenate(given)),
        "flops_per_byte": one and one / bytes_of_step(trainer, inputs),
    }


def _as_given(shape, lengths):
    """The lengths that a model was given of texts of these: those of the padded batch, if that is what it was."""
    rows, width = shape
    return np.full(rows, width) if rows == len(lengths) else lengths
