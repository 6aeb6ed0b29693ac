"""Opening what a `DataSource` stands for: a task of the table, a dataset of the Hub, a folder, files."""

import dataclasses
import glob
import logging
import pathlib

from ..hub.cache import cached_dataset
from ..hub.errors import explain
from ..hub.reach import hub_is_off, refusal
from ..utils.errors import UserError
from .table import Task


def load_raw(source, model):
    """Opens what a `DataSource` stands for.

    Args:
        source: a `DataSource`.
        model: `ModelArguments`, for the cache and the token.

    Returns:
        tuple: the `Task`, its ``evaluation`` being the split that was found; a dict of the raw splits; and where they
        come from.

    Raises:
        UserError: if it cannot be opened or lacks a split.
    """
    if source.files:
        return _load_files(source.files, model)
    task, folder = source.task, source.folder
    place = str(folder) if folder else "/".join(filter(None, (task.dataset, task.config)))
    raw = _open(str(folder), None, model) if folder else _open_from_hub(source, model)
    evaluation = _evaluation_split(raw, source)
    task = dataclasses.replace(task, evaluation=evaluation)
    return task, {"train": raw["train"], "evaluation": raw[evaluation]}, place


def _open_from_hub(source, model):
    task, commit = source.task, source.commit
    cached = cached_dataset(task.dataset, task.config, commit, model.cache_dir) if hub_is_off() else None
    if cached:
        return cached()
    revision = commit or source.revision
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


def _evaluation_split(raw, source):
    task = source.task
    if "train" not in raw:
        raise UserError(f"{task.dataset} has no split 'train' (found: {', '.join(raw)})")
    wanted = [task.evaluation] if source.is_of_table else ["validation", "test"]
    for split in wanted:
        if split in raw:
            return split
    raise UserError(f"{task.dataset} has no split '{' or '.join(wanted)}' to evaluate on (found: {', '.join(raw)})")


def _load_files(files, model):
    splits = {split: _open_file(path, model) for split, path in files.items()}
    evaluation = "validation" if "validation" in splits else "test"
    splits["evaluation"] = splits.pop(evaluation)
    return Task("files", text=(), evaluation=evaluation), splits, " ".join(files.values())


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
