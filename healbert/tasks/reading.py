"""Opening what a `DataSource` stands for: a task of the table, a dataset of the Hub, a folder, files."""

import dataclasses

from ..utils.errors import UserError
from .files.folder import read_folder
from .files.store import read_file
from .from_hub import open_from_hub
from .table import Task


def load_raw(source, model):
    """Opens what a `DataSource` stands for.

    Args:
        source: a `DataSource`.
        model: `ModelArguments`, for the cache and the token.

    Returns:
        tuple: the `Task`, its ``evaluation`` being the split that was found; a dict of the raw splits; where they come
        from; and {split: list of `FileRead`}, empty for what the datasets library read.

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
        raw, read = open_from_hub(source, model)
    evaluation = _evaluation_split(raw, source)
    task = dataclasses.replace(task, evaluation=evaluation, called={"evaluation": evaluation})
    names = {"train": "train", "evaluation": evaluation}
    read = {split: read[name] for split, name in names.items() if name in read}
    return task, {split: raw[name] for split, name in names.items()}, place, read


def _evaluation_split(raw, source):
    task = source.task
    if "train" not in raw:
        raise UserError(f"{task.dataset} has no split 'train' (found: {', '.join(raw)})")
    wanted = [task.evaluation] if source.is_of_table else ["validation", "test"]
    for split in wanted:
        if split in raw:
            return split
    raise UserError(
        f"{task.dataset} has no split '{' or '.join(wanted)}' to evaluate on (found: {', '.join(raw)}); give its file "
        "as --train_file with --validation_fraction 0.1, which holds a part out"
    )


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
