"""One error, before anything starts, for all that an offline run lacks."""

import shlex

from ..hub.cache import cached_dataset, model_is_cached
from ..hub.reach import hub_is_off, resolve_commit, work_offline_if_unreachable
from ..models.source import EMBEDDED_MODEL, local_model
from ..tasks.source import local_dataset
from ..tasks.table import EMBEDDED_TASK, TASKS, Task
from ..utils.errors import UserError


def require_hub_or_cache(arguments):
    """Goes on without the Hub if no route leads there, and checks that the caches hold what is needed then.

    Args:
        arguments: `Arguments`.

    Raises:
        UserError: naming everything that is missing, each with the command that fetches it.
    """
    models, dataset = _models(arguments.model), _dataset(arguments.data)
    if not models and dataset is None:
        return
    work_offline_if_unreachable()
    if hub_is_off():
        missing = _missing_models(arguments.model, models) + _missing_dataset(arguments, dataset)
        if missing:
            raise UserError(_message(missing))


def _models(model):
    """Hub id -> the parts that are read from there."""
    parts = {
        "weights": model.model_name_or_path,
        "config": model.config_name or model.model_name_or_path,
        "tokenizer": model.tokenizer_name or model.model_name_or_path,
    }
    found = {}
    for part, name in parts.items():
        if local_model(name) is None:
            found.setdefault(name, []).append(part)
    return found


def _dataset(data):
    if data.train_file or data.task_name == EMBEDDED_TASK:
        return None
    task = TASKS.get(data.task_name) or Task(data.dataset_name, data.dataset_config_name)
    return None if local_dataset(task, data.data_root) else task


def _missing_models(model, names):
    missing = []
    for name, parts in names.items():
        commit = resolve_commit(name, "model", model.model_revision, model.token, model.cache_dir)
        if not model_is_cached(name, commit, model.cache_dir, parts):
            what = "tokenizer" if parts == ["tokenizer"] else "model"
            revision = None if model.model_revision == "main" else model.model_revision
            missing.append((what, name, _download(name, revision, model.cache_dir)))
    return missing


def _missing_dataset(arguments, task):
    if task is None:
        return []
    revision = arguments.data.data_revision
    commit = resolve_commit(task.dataset, "dataset", revision, arguments.model.token)
    if cached_dataset(task.dataset, task.config, commit, arguments.model.cache_dir):
        return []
    return [("dataset", task.dataset, _download(task.dataset, revision, None, "--repo-type", "dataset"))]


def _download(name, revision, cache_dir, *options):
    flags = [
        *options,
        *(["--revision", revision] if revision else []),
        *(["--cache-dir", cache_dir] if cache_dir else []),
    ]
    return shlex.join(["hf", "download", name, *flags])


def _message(missing):
    ways = {
        "model": f"a model folder or --model_name_or_path {EMBEDDED_MODEL}",
        "tokenizer": "a folder as --tokenizer_name",
        "dataset": "--data_root DIR, --dataset_name FOLDER, --train_file FILE, or the embedded --task_name docstrings",
    }
    listed = "; ".join(f"{what} '{name}' (fetch it with: {command})" for what, name, command in missing)
    instead = " and ".join(dict.fromkeys(ways[what] for what, _, _ in missing))
    return f"the Hub cannot be reached, and this is not on this machine: {listed}; or go on without it with {instead}"
