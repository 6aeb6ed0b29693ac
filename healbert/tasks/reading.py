"""Opening what a `DataSource` stands for: a task of the table, a dataset of the Hub, a folder, files."""

import dataclasses
import logging

from ..hub.cache import cached_dataset
from ..hub.errors import explain
from ..hub.reach import hub_is_off, refusal
from ..utils.errors import UserError
from .files.folder import read_folder
from .files.store import read_file
from .table import Task


def load_raw(source, model):
    """Opens what a `DataSource` stands for.

    Args:
        source: a `DataSource`.
        model: `ModelArguments`, for the cache and the token.

    Returns:
        tuple: the `Task`, its ``evaluation`` being the split that was found; a dict of the raw splits; where they come
        from; and {split: list of `FileRead`}, empty for a dataset of the Hub.

    Raises:
        UserError: if it cannot be opened or lacks a split.
    """
    if source.files:
        return _load_files(source, model)
    task, folder, read = source.task, source.folder, {}
    place = str(folder) if folder else "/".join(filter(None, (task.dataset, task.config)))
    if source.is_embedded:  # an older cache may lie in its folder
        paths = {split: folder / f"{split}.parquet" for split in ("train", "validation")}
        raw, read = _read_files(paths, source, model)
    elif folder:
        raw, read = read_folder(folder, source.config_of_folder, source.options, model.cache_dir, source.contents)
    else:
        raw = _open_from_hub(source, model)
    evaluation = _evaluation_split(raw, source)
    task = dataclasses.replace(task, evaluation=evaluation, called={"evaluation": evaluation})
    names = {"train": "train", "evaluation": evaluation}
    read = {split: read[name] for split, name in names.items() if name in read}
    return task, {split: raw[name] for split, name in names.items()}, place, read


def _open_from_hub(source, model):
    task, commit = source.task, source.commit
    if source.options.given:
        raise UserError(f"--{source.options.given[0]} is for files; dataset '{task.dataset}' comes from the Hub")
    cached = cached_dataset(task.dataset, task.config, commit, model.cache_dir) if hub_is_off() else None
    if cached:
        return cached()
    revision = commit or source.revision
    try:
        return _open(task.dataset, task.config, model, revision)
    except UserError as error:
        refused = None if hub_is_off() else refusal(task.dataset, "dataset", revision, model.token)
        if refused is None:
            raise
        raise UserError(f"dataset '{task.dataset}' cannot be opened: {explain(refused)}") from error


def _open(path, config, model, revision):
    named = f"dataset '{path}'"
    import datasets
    from huggingface_hub.errors import HTTPError

    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # it would call a counter even for files of this machine
    verbosity = datasets.logging.get_verbosity()
    datasets.logging.set_verbosity(logging.CRITICAL)  # what it logs as an error it raises, too
    try:
        return datasets.load_dataset(path, config, cache_dir=model.cache_dir, token=model.token, revision=revision)
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


def _load_files(source, model):
    splits, read = _read_files(source.files, source, model)
    if source.validation_fraction:  # the rest follows once the labels are known
        called = {split: f"--{split}_file" for split in splits} | {"evaluation": "--train_file"}
        task = Task("files", text=(), evaluation="validation", called=called)
        return task, splits, " ".join(source.files.values()), read
    evaluation = "validation" if "validation" in splits else "test"
    called = {split: f"--{split}_file" for split in splits} | {"evaluation": f"--{evaluation}_file"}
    for found in (splits, read):
        found["evaluation"] = found.pop(evaluation)
    task = Task("files", text=(), evaluation=evaluation, called=called)
    return task, splits, " ".join(source.files.values()), read


def _read_files(paths, source, model):
    found = {
        split: read_file(path, source.options, model.cache_dir, source.contents[str(path)])
        for split, path in paths.items()
    }
    splits = {split: rows for split, (rows, _) in found.items()}
    return splits, {split: [read] for split, (_, read) in found.items()}
