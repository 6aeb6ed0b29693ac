"""Opening what a task's name, a Hub id, a folder or files stand for."""

import dataclasses
import glob
import logging
import pathlib

from ..hub.cache import cached_dataset
from ..hub.errors import explain
from ..hub.reach import hub_is_off, refusal, resolve_commit
from ..utils.errors import UserError
from .docstrings import docstrings_folder
from .source import local_dataset
from .table import EMBEDDED_TASK, TASKS, Task


def load_raw(data, model):
    """Opens what `DataArguments` name.

    Returns:
        tuple: the `Task`, its ``evaluation`` being the split that was found; a dict of the raw splits; where they
        come from; and the commit of a dataset on the Hub, else None.

    Raises:
        UserError: if it cannot be opened or lacks a split.
    """
    if data.train_file:
        return *_load_files(data, model), None
    task = TASKS.get(data.task_name) or Task(data.dataset_name, data.dataset_config_name, text=())
    embedded_task = data.task_name == EMBEDDED_TASK
    folder = docstrings_folder(model.cache_dir) if embedded_task else local_dataset(task, data.data_root)
    source = str(folder) if folder else "/".join(filter(None, (task.dataset, task.config)))
    commit = None if folder else resolve_commit(task.dataset, "dataset", data.data_revision, model.token)
    raw = _open(str(folder), None, model) if folder else _open_from_hub(task, commit, data, model)
    evaluation = _evaluation_split(raw, task, data)
    task = dataclasses.replace(task, evaluation=evaluation)
    return task, {"train": raw["train"], "evaluation": raw[evaluation]}, source, commit


def _open_from_hub(task, commit, data, model):
    cached = cached_dataset(task.dataset, task.config, commit, model.cache_dir) if hub_is_off() else None
    if cached:
        return cached()
    revision = commit or data.data_revision
    try:
        return _open(task.dataset, task.config, model, revision=revision)
    except UserError as error:
        refused = None if hub_is_off() else refusal(task.dataset, "dataset", revision, model.token)
        if refused is None:
            raise
        raise UserError(f"dataset '{task.dataset}' cannot be opened: {explain(refused)}") from error


def _open(path, config, model, named=None, **options):
    named = named or f"dataset '{path}'"
    import datasets
    from huggingface_hub.errors import HTTPError

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # it would call a counter even for files of this machine
    verbosity = datasets.logging.get_verbosity()
    datasets.logging.set_verbosity(logging.CRITICAL)  # what it logs as an error it raises, too
    try:
        return datasets.load_dataset(path, config, cache_dir=model.cache_dir, token=model.token, **options)
    except ConnectionError as error:
        raise UserError(
            f"{named} is not on this machine and the Hub cannot be reached; go on without it with "
            "--data_root DIR, --dataset_name FOLDER, --train_file FILE, or the embedded --task_name docstrings"
        ) from error
    except datasets.exceptions.DatasetGenerationError as error:
        raise UserError(f"{named} cannot be read: {error.__cause__ or error}") from error
    except ValueError as error:
        if 'Instruction "train" corresponds to no data' in str(error):
            raise UserError(f"{named} holds no examples") from error
        raise UserError(f"{named} cannot be opened: {error}") from error  # an unknown configuration
    except (OSError, HTTPError) as error:  # not on the Hub, no data files, no access, no room for the cache
        raise UserError(f"{named} cannot be opened: {explain(error)}") from error
    finally:
        datasets.logging.set_verbosity(verbosity)


def _evaluation_split(raw, task, data):
    if "train" not in raw:
        raise UserError(f"{task.dataset} has no split 'train' (found: {', '.join(raw)})")
    wanted = [task.evaluation] if data.task_name else ["validation", "test"]
    for split in wanted:
        if split in raw:
            return split
    raise UserError(f"{task.dataset} has no split '{' or '.join(wanted)}' to evaluate on (found: {', '.join(raw)})")


def _load_files(data, model):
    files = {"train": data.train_file, "validation": data.validation_file, "test": data.test_file}
    splits = {split: _open_file(path, model) for split, path in files.items() if path}
    evaluation = "validation" if "validation" in splits else "test"
    splits["evaluation"] = splits.pop(evaluation)
    return Task("files", text=(), evaluation=evaluation), splits, " ".join(path for path in files.values() if path)


def _open_file(path, model):
    kind = pathlib.Path(path).suffix[1:].lower()
    builder = {"tsv": "csv", "jsonl": "json"}.get(kind, kind)
    options = {"keep_default_na": False} if builder == "csv" else {}  # the word "null" is a text, not a gap
    if kind == "tsv":
        options["sep"] = "\t"
    rows = _open(builder, None, model, named=path, data_files=glob.escape(str(path)), split="train", **options)
    if not len(rows):
        raise UserError(f"{path} holds no examples")
    return rows
