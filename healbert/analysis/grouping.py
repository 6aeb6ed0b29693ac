"""Which runs belong together: they differ in dataset, place of the damage, learning rate and seeds alone."""

import collections
import pathlib
import re

from ..arguments.neutral import NOT_IDENTITY
from ..results.schema import is_damage, methods_of
from ..results.validation import SEEDS
from .runs import DATA, INTACT, Group, signature

AXES = frozenset(("corrupt_level", "corrupt_region", "corrupt_layers", "learning_rate", *SEEDS, *DATA))
# Looked at, without an effect on scores.
MEASURED = frozenset(
    "measure_damage probe_layers lm_eval tsne tsne_samples tsne_perplexity trace_healing trace_samples".split()
)
LEFT = AXES | MEASURED | NOT_IDENTITY
# Settings that make another experiment, on whatever dataset.
EVERYWHERE = frozenset(("healing", "healing_options", "pooling", "selection"))
OF_MODEL = frozenset(("corrupt_donor",))  # which must fit the model, and may be another for each dataset, as that may


def varying(runs):
    """The settings, beside the axes of a study, that can change a result and tell its groups apart.

    Each dataset may have a model, epochs and examples of its own, the same for all of its runs. How it was damaged,
    healed and read is compared over all datasets.
    """
    values = collections.defaultdict(set)
    for run in runs:
        for name, value in _counting(run):
            anywhere = name in EVERYWHERE or is_damage(name) and name not in OF_MODEL
            values["" if anywhere else run.dataset, name].add(signature(value))
    return sorted({name for (_, name), found in values.items() if len(found) > 1})


def of_datasets(group):
    """The settings that can change a result and that a group's datasets have values of their own of, sorted."""
    values = collections.defaultdict(set)
    for run in group.runs:
        for name, value in _counting(run):
            values[name].add(signature(value))
    return sorted(name for name, found in values.items() if len(found) > 1)


def _counting(run):
    """The settings of a run, as pairs, that can change a result and are no axes of a study."""
    return [(n, v) for n, v in run.config.items() if not (n in LEFT or (run.damage == INTACT and is_damage(n)))]


def group_runs(runs):
    """The `Group` list of these runs, those that answer the main question first."""
    names = varying(runs)
    damaged = collections.defaultdict(list)
    for run in (run for run in runs if run.damage != INTACT):
        damaged[_key(run, names)].append(run)
    shared = [name for name in names if not is_damage(name)]
    intact = collections.defaultdict(list)
    for run in (run for run in runs if run.damage == INTACT):
        intact[_key(run, shared)].append(run)
    keys = {key: _key(members[0], shared) for key, members in damaged.items()}
    several = len({run.metric for run in runs}) > 1
    beside = {key: _intact_of(damaged, keys, key, intact.get(keys[key], [])) for key in damaged}
    called = model_names(runs)
    groups = [_make(damaged[key] + beside[key], names, several, called) for key in damaged]
    groups += [_make(members, shared, several, called) for key, members in intact.items() if key not in keys.values()]
    groups.sort(key=lambda group: (not group.answers, group.label))
    for number, group in enumerate(groups, 1):
        words = re.sub(r"[^\w.\-]+", "_", group.label).strip("_")[:60]
        group.slug = f"{number}-{words}" if len(groups) > 1 else ""
    return groups


def _intact_of(damaged, keys, key, intact):
    """Of the intact runs with a group's settings those that belong to it: not of datasets that another group of these
    settings damaged."""
    alike = [members for other, members in damaged.items() if keys[other] == keys[key]]
    others = {run.dataset for members in alike for run in members} - {run.dataset for run in damaged[key]}
    return [run for run in intact if run.dataset not in others]


def model_names(runs):
    """{model: what it is called}: a folder by the last parts of its path, so many that no other model ends alike."""
    models = {str(run.config.get("model_name_or_path")) for run in runs}
    parts = {model: pathlib.PurePath(model).parts for model in models}
    names = {}
    for model in models:
        most = len(parts[model]) - model.startswith("/")
        kept = range(1, most + 1) if model.startswith((".", "/", "~")) else ()
        others = [parts[other] for other in models if parts[other] != parts[model]]
        alone = (n for n in kept if not any(other[-n:] == parts[model][-n:] for other in others))
        names[model] = "/".join(parts[model][-count:]) if (count := next(alone, 0)) else model
    return names


def _key(run, names):
    return run.metric, *(signature(run.config.get(name)) for name in names)


def _make(runs, names, several_metrics, called):
    config = runs[0].config
    models = (str(run.config.get("model_name_or_path")) for run in sorted(runs, key=lambda run: run.dataset))
    model = " and ".join(dict.fromkeys(called[model] for model in models))
    method = "intact only" if runs[0].damage == INTACT else methods_of(config)
    settings = {name: config.get(name) for name in names}
    if several_metrics:
        settings["scored by"] = runs[0].metric.title
    return Group(runs, settings, model, method, runs[0].metric)
