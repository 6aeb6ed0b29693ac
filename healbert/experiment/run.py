"""The order of a run, and its results file."""

import os
import pathlib
import time

import torch
from transformers import logging as hf_logging

from ..results.schema import SCHEMA_VERSION
from ..results.summary import table_rows
from ..tracking import Tracking
from ..utils.errors import UserError
from ..utils.machine import cpu_cores
from .damaged import damage
from .disk import faults_of_the_disk, mark_of, require_same_folder
from .folder import finished_results, open_run, tidy_finished
from .harness import require_harness
from .loading import LoadCache, load
from .offline import require_hub_or_cache
from .provenance import environment
from .stages import Experiment
from .teacher import find_teacher


def run_experiment(arguments, cache=None):
    """Runs one run, continues an interrupted one, or reports a finished one from disk.

    Args:
        arguments: `Arguments` (see `make_arguments`).
        cache: a `LoadCache` that runs of one process share; figures are the same with and without.

    Returns:
        dict: what ``results.json`` holds.

    Raises:
        UserError: if something that the user gave cannot be used; nothing on disk is overwritten then.
    """
    if arguments.corruption.corrupt_only:
        raise UserError("--corrupt_only makes no run; leave it out, or damage the model with healbert.corrupt")
    output_dir = pathlib.Path(arguments.training.output_dir)
    finished = finished_results(output_dir, arguments)
    if finished:
        if arguments.training.process_index == 0:
            tidy_finished(output_dir, keep_checkpoints=finished["config"]["save_model"])
        return finished
    hf_logging.disable_progress_bar()  # of loading and saving; training has its own
    set_threads(arguments)
    require_harness(arguments)
    require_hub_or_cache(arguments)
    cache = cache or LoadCache(0)
    teacher = find_teacher(arguments, lambda intact: run_experiment(intact, cache))  # first: it may have to be trained
    clock = _Clock()
    loaded = load(arguments, cache)
    experiment = Experiment(arguments, *loaded, teacher, cache)
    clock.lap("load")
    receipt, experiment.change = damage(arguments, *loaded)
    experiment.receipt = receipt
    clock.lap("corrupt")
    with open_run(output_dir, arguments, receipt) as finished:
        if finished:
            return finished
        experiment.prepare(receipt)
        mark = mark_of(output_dir)
        with faults_of_the_disk(output_dir), Tracking(arguments) as tracking:
            tracking.settings(arguments.settings(), receipt)
            outcome = experiment.damage_and_heal(clock, tracking)
            results = _results(arguments, experiment, receipt, outcome, clock)
            if arguments.training.process_index == 0:
                require_same_folder(output_dir, mark)
            experiment.finish(results)  # first: a tracker that fails at the end must not cost the run
            tracking.table(table_rows(results, output_dir), experiment.trainer.state.global_step)
        return results


def _results(arguments, experiment, receipt, outcome, clock):
    return {
        "schema_version": SCHEMA_VERSION,
        "config": arguments.settings(),
        "task": experiment.task.describe(),
        "model": experiment.description,
        "corruption": receipt.asked() | receipt.summary,
        **outcome,
        "timing": clock.seconds,
        "environment": environment(arguments.training),
        **({"plugins": arguments.plugins} if arguments.plugins else {}),
    }


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self):
        self.seconds, self._last = {}, time.perf_counter()

    def lap(self, stage):
        now = time.perf_counter()
        self.seconds[stage], self._last = round(now - self._last, 3), now


def set_threads(arguments):
    """Has torch use the CPU threads of a run: those asked for, else the machine's cores shared out."""
    # accelerate launch sets OMP_NUM_THREADS=1, which would leave most of a CPU idle.
    training, threads = arguments.training, arguments.run.torch_num_threads
    if threads is None and training.device.type == "cpu":
        local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", training.world_size))
        threads = max(1, cpu_cores() // local_processes)
    if threads is not None:
        torch.set_num_threads(threads)
