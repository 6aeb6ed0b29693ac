"""`healbert run`, and what run_corrupt_glue.py does: one run, its closing table, and the push if one is asked for."""

import contextlib
import os

from ..utils.errors import is_main_rank


def run(argv):
    """Make one run: the flags of run_corrupt_glue.py."""
    from ..arguments.parser import parse_arguments, print_settings
    from ..utils.processes import end_with

    if "HEALBERT_PARENT" in os.environ:  # a run of a sweep, started through accelerate launch
        end_with(int(os.environ["HEALBERT_PARENT"]))
    arguments, print_config = parse_arguments(argv)
    if print_config:
        print_settings(arguments)
        return

    from ..experiment.run import run_experiment
    from ..publish.push import check_push, push_experiment
    from ..results.summary import format_results
    from ..utils.text import clean

    if arguments.corruption.corrupt_only:
        _keep_damaged(arguments)
        return
    check_push(arguments)
    with _counted():
        results = run_experiment(arguments)
    if arguments.training.process_index == 0:
        print(clean(format_results(results, arguments.training.output_dir)))
        if arguments.training.push_to_hub:
            print(f"pushed to {push_experiment(arguments)}")


def _keep_damaged(arguments):
    from ..experiment.damaged import keep_damaged

    with _counted():
        was_there = keep_damaged(arguments)
    if arguments.training.process_index == 0:
        what = "is there already; nothing was done" if was_there else "is written; corruption.json says what was done"
        print(f"the damaged model {what}: {arguments.training.output_dir}")


def _counted():
    """Lets sweeps on this machine know of a run that is none of theirs."""
    from ..sweep.share import at_work

    alone = "HEALBERT_PARENT" not in os.environ and is_main_rank()
    return at_work() if alone else contextlib.nullcontext()
