"""One error, before anything starts, for all that an offline run lacks."""

import shlex

from ..hub.cache import model_is_cached
from ..hub.reach import hub_is_off, work_offline_if_unreachable
from ..models.source import EMBEDDED_MODEL
from ..tasks.from_hub import is_cached
from ..utils.errors import UserError


def require_hub_or_cache(arguments):
    """Goes on without the Hub if no route leads there, and checks that the caches hold what is needed then.

    Args:
        arguments: `Arguments`.

    Raises:
        UserError: naming everything that is missing, each with the command that fetches it.
    """
    models, data = _models(arguments.sources), arguments.sources.data
    if not models and not data.is_on_hub:
        return
    work_offline_if_unreachable()
    if hub_is_off():
        missing = _missing_models(arguments.model, models) + _missing_dataset(arguments, data)
        if missing:
            raise UserError(_message(missing))


def _models(sources):
    """Hub id -> (its `ModelSource`, the parts that are read from there)."""
    found, source = {}, sources.model
    parts = [("weights", source), ("config", source.config), ("tokenizer", source.tokenizer)]
    for one in filter(None, (sources.donor, sources.teacher)):
        parts += [("weights", one), ("config", one)]
    for part, one in parts:
        if one.folder is None:
            found.setdefault(one.name, (one, []))[1].append(part)
    return found


def _missing_models(model, found):
    missing = []
    for name, (source, parts) in found.items():
        if not model_is_cached(name, source.commit, model.cache_dir, parts):
            what = "tokenizer" if parts == ["tokenizer"] else "model"
            revision = None if model.model_revision == "main" else model.model_revision
            missing.append((what, name, _download(name, revision, model.cache_dir)))
    return missing


def _missing_dataset(arguments, source):
    if not source.is_on_hub:
        return []
    task = source.task
    if is_cached(source, arguments.model):
        return []
    return [("dataset", task.dataset, _download(task.dataset, source.revision, None, "--repo-type", "dataset"))]


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
