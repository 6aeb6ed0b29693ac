"""What a run would refuse only after loading, found for all runs before the first one runs."""

import dataclasses
import json
import warnings

from ..utils.errors import UserError, check_choice
from .engines import ENGINES, LAUNCHERS
from .progress import count_runs
from .seeds import check_plan
from .until import FLAG


def check_options(plan, engine="local", run_launcher="python", until_width=None):
    """Refuses what a sweep could not be run with, before anything runs; see `healbert.sweep.run.run_sweep`.

    Raises:
        UserError: for an engine or a launcher that there is not, and for a sweep to which seeds cannot be added.
    """
    check_choice("engine", engine, ENGINES)
    check_choice("run launcher", run_launcher, LAUNCHERS)
    if until_width is not None:
        check_plan(plan, FLAG)


def check_runs(runs, processes=1):
    """Opens each dataset and tokenizer once, builds each model once without its weights, and tries each run on them.

    Args:
        runs: list of `PlannedRun`.
        processes: processes that train one run together.

    Raises:
        UserError: naming the runs that would fail, and why the first would.
    """
    found = []
    for group in _groups(runs, _data_key):
        found += _refused(group, _open_data, _check_data)
    for group in _groups(runs, _model_key):
        found += _refused(group, _open_model, lambda model, arguments: _check_model(model, arguments, processes))
    for group in _groups([run for run in runs if run.arguments.run.teacher], _teacher_key):
        found += _refused(group, _check_teacher, _nothing_more)
    for group in _groups([run for run in runs if run.arguments.run.heal_text], lambda a: a.run.heal_text):
        found += _refused(group, lambda arguments: arguments.sources.text.read(), _nothing_more)
    refused = list(dict.fromkeys(run.name for run, _ in found))  # for its data and its model, a run is refused once
    if refused:
        names = ", ".join(refused[:3]) + (" ..." if len(refused) > 3 else "")
        raise UserError(f"{len(refused)} of {count_runs(len(runs))} cannot run ({names}): {found[0][1]}")


def _groups(runs, key):
    groups = {}
    for run in runs:
        groups.setdefault(json.dumps(key(run.arguments), default=str), []).append(run)
    return groups.values()


def _data_key(arguments):
    return [dataclasses.asdict(arguments.data), arguments.run.selection, arguments.run.dev_fraction]


def _model_key(arguments):
    return [dataclasses.asdict(arguments.model)]


def _teacher_key(arguments):
    return [arguments.run.teacher, *_model_key(arguments), *_data_key(arguments)]


def _nothing_more(shared, arguments):
    """What is alike in a group was tried when it was opened."""


def _refused(group, open_shared, check):
    """The runs of a group that ``check(shared, arguments)`` refuses (all, if nothing opens), with their errors."""
    try:
        shared = open_shared(group[0].arguments)
    except UserError as error:
        return [(run, error) for run in group]
    refused = []
    for run in group:
        try:
            check(shared, run.arguments)
        except UserError as error:
            refused.append((run, error))
    return refused


def _open_data(arguments):
    from ..experiment.offline import require_hub_or_cache
    from ..tasks.load import load_task

    require_hub_or_cache(arguments)
    run, source = arguments.run, arguments.sources.data
    return load_task(arguments.data, arguments.model, run.selection, run.dev_fraction, source=source)


def _check_data(task, arguments):
    from ..experiment.harness import require_harness
    from ..experiment.loading import choose_pictured

    require_harness(arguments)
    if arguments.features.tsne:
        choose_pictured(task, arguments)


def _check_teacher(arguments):
    from ..experiment.teacher import check_given
    from ..models.loading import load_tokenizer

    task, tokenizer = _open_data(arguments), load_tokenizer(arguments.model, arguments.sources.model)
    check_given(arguments, task.type.outputs(task.label_names), tokenizer)


def _open_model(arguments):
    from ..models.loading import empty_model, load_tokenizer

    load_tokenizer(arguments.model, arguments.sources.model)
    return empty_model(arguments.model, arguments.sources.model)


def _check_model(model, arguments, processes):
    from ..damage.series import select_all
    from ..damage.shorter import depth_after
    from ..healing.requirements import check_optional
    from ..probing.probes import check_layers

    spec = arguments.spec
    select_all(model, spec)
    layers = arguments.features.layers()
    if layers is not None:
        check_layers(layers, depth_after(model, spec))
    check_optional(arguments.training, model, processes)


def warn_of_lacking_models(plan):
    """Warns of finished runs whose models are asked for now and were not kept; those that teach are made again."""
    teachers = {id(run.teacher) for run in plan.runs}
    wanted = [run for run in plan.in_state("completed") if run.settings.get("save_model") and id(run) not in teachers]
    lacking = [run.name for run in wanted if not (run.folder / "config.json").exists()]
    if lacking:
        warnings.warn(
            f"{count_runs(len(lacking))} finished without --save_model, such as {lacking[0]}; there is no model of "
            "them, and they are not made again unless their folders are removed",
            stacklevel=3,
        )
