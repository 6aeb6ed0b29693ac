"""The order of a cell, and its results file."""

import os
import pathlib
import time

import torch
from transformers import logging as hf_logging

from ..cell import (
    SCHEMA_VERSION,
    finished_results,
    open_cell,
    remove_checkpoints,
    table_rows,
)
from ..corruption import corrupt
from ..healing import HEALING
from ..hub.offline import require_hub_or_cache
from ..hub.push import check_push
from ..machine import cpu_cores
from ..provenance import environment
from ..tracking import Tracking
from .loading import LoadCache, load
from .stages import Cell


def run_experiment(arguments, cache=None):
    """Runs one cell, continues an interrupted one, or reports a finished one from disk.

    Args:
        arguments: `Arguments` (see `make_arguments`).
        cache: a `LoadCache` that cells of one process share; figures are the same with and without.

    Returns:
        dict: what ``results.json`` holds.

    Raises:
        UserError: if something that the user gave cannot be used; nothing on disk is overwritten then.
    """
    output_dir = pathlib.Path(arguments.training.output_dir)
    finished = finished_results(output_dir, arguments)
    if finished:
        if not finished["config"]["save_model"] and arguments.training.process_index == 0:
            remove_checkpoints(output_dir)  # a kill may have come between the results and this
        return finished
    hf_logging.disable_progress_bar()  # of loading and saving; training has its own
    _set_threads(arguments)
    check_push(arguments)
    require_hub_or_cache(arguments)
    clock = _Clock()
    cell = Cell(arguments, *load(arguments, cache or LoadCache(0)))
    clock.lap("load")
    receipt = corrupt(cell.model, arguments.corruption.spec())
    clock.lap("corrupt")
    with open_cell(output_dir, arguments, receipt) as finished:
        if finished:
            return finished
        HEALING[arguments.cell.healing].prepare(cell.model)
        with Tracking(arguments) as tracking:
            tracking.settings(arguments.settings(), receipt)
            outcome = cell.damage_and_heal(clock, tracking)
            results = _results(arguments, cell, receipt, outcome, clock)
            cell.finish(results)  # first: a tracker that fails at the end must not cost the cell
            tracking.table(table_rows(results, output_dir), cell.trainer.state.global_step)
        return results


def _results(arguments, cell, receipt, outcome, clock):
    return {
        "schema_version": SCHEMA_VERSION,
        "config": arguments.settings(),
        "task": cell.task.describe(),
        "model": cell.description,
        "corruption": receipt.to_dict()["spec"] | receipt.summary,
        **outcome,
        "timing": clock.seconds,
        "environment": environment(arguments.training),
    }


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self):
        self.seconds, self._last = {}, time.perf_counter()

    def lap(self, stage):
        now = time.perf_counter()
        self.seconds[stage], self._last = round(now - self._last, 3), now


def _set_threads(arguments):
    # accelerate launch sets OMP_NUM_THREADS=1, which would leave most of a CPU idle.
    training, threads = arguments.training, arguments.cell.torch_num_threads
    if threads is None and training.device.type == "cpu":
        local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", training.world_size))
        threads = max(1, cpu_cores() // local_processes)
    if threads is not None:
        torch.set_num_threads(threads)
