"""A dataset of the Hub: its files are downloaded and read as files of this machine are.

What the readers here do not know, the datasets library reads (`datasets.load_dataset`).
"""

import contextlib
import dataclasses
import logging
import pathlib
import shutil
import tempfile

from ..hub.cache import cached_dataset
from ..hub.errors import explain
from ..hub.reach import hub_is_off, refusal
from ..hub.snapshot import fetch_files, list_files
from ..utils.errors import UserError
from .files.card import LEGACY_INFOS
from .files.folder import SAVED_DICT, SAVED_STATE, find_files, read_found

SMALL = ("README.md", LEGACY_INFOS, SAVED_DICT, SAVED_STATE, f"*/{SAVED_STATE}")  # say which files are examples

STANDALONE = ".huggingface.yaml"  # what the datasets library also reads the head of a README from


def open_from_hub(source, model):
    """Opens the dataset of the Hub that a `DataSource` stands for.

    Args:
        source: the `DataSource`.
        model: `ModelArguments`, for the cache and the token.

    Returns:
        tuple: {split: `datasets.Dataset`}, and {split: list of `FileRead`}, empty if the datasets library read it.

    Raises:
        UserError: if it cannot be opened, or a file cannot be read exactly.
    """
    task = source.task
    with _hub_errors(task.dataset):
        found = _found(source, model)
    if found:
        return read_found(found.folder, found.files, model.cache_dir)
    if source.options.given:
        raise UserError(
            f"--{source.options.given[0]} is for files that are read here; dataset '{task.dataset}' is read by the "
            "datasets library"
        )
    cached = _cached(source, model) if hub_is_off() else None
    if cached:
        return cached(), {}
    revision = source.commit or source.revision
    try:
        return _load_dataset(task.dataset, task.config, model, revision), {}
    except UserError as error:
        refused = None if hub_is_off() else refusal(task.dataset, "dataset", revision, model.token)
        if refused is None:
            raise
        raise UserError(f"dataset '{task.dataset}' cannot be opened: {explain(refused)}") from error


def is_cached(source, model):
    """Whether a dataset of the Hub can be opened without the Hub, which is off."""
    return bool(_found(source, model) or _cached(source, model))


@dataclasses.dataclass(frozen=True)
class _Found:
    """The folder of a download, and its `FoundFiles`."""

    folder: str
    files: object


def _found(source, model):
    """The `_Found` files of a dataset; None if the datasets library has to read it, or the Hub is off and one lacks."""
    if source.commit is None:
        return None
    # Off the Hub, what `hf download` fetched counts, too: it lies where no --cache_dir says otherwise.
    for cache_dir in dict.fromkeys([model.cache_dir, None] if hub_is_off() else [model.cache_dir]):
        where = source.task.dataset, source.commit
        options = {"token": model.token, "cache_dir": cache_dir}
        listed = list_files(*where, SMALL, **options)
        if not listed or STANDALONE in listed:
            continue
        files = _look(listed, source, lambda paths: fetch_files(*where, paths, **options))  # noqa: B023 - called at once
        if files:
            return files
    return None


def _look(listed, source, fetch):
    """Finds the files of each split among the names of a listing, fetches them and says where they lie."""
    listed = [path for path in listed if ".." not in pathlib.PurePath(path).parts and not path.startswith("/")]
    small = [path for path in listed if any(pathlib.PurePath(path).match(pattern) for pattern in SMALL)]
    with tempfile.TemporaryDirectory() as folder:
        # Files without content stand for all: which are examples is decided by names, and before any is downloaded.
        root = pathlib.Path(folder).resolve()
        for path in listed:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        with _named(source.task.dataset, folder):
            here = fetch(small or [".gitattributes"])
            for path in small if here else ():
                shutil.copyfile(pathlib.Path(here) / path, root / path)
            found = find_files(root, source.task.config, source.options, allow_unread=True)
    if found.unread or not found.files or any("://" in path for of in found.files.values() for path in of):
        return None
    paths = {split: [_inside(path, root, source.task.dataset) for path in of] for split, of in found.files.items()}
    there = fetch([*small, *(path for of in paths.values() for path in of)])
    if not there:
        return None
    files = {split: [str(pathlib.Path(there) / path) for path in of] for split, of in paths.items()}
    return _Found(there, dataclasses.replace(found, files=files))


def _inside(path, root, dataset):
    """A path that was found, as the repository names it; a repository has no say about files outside it."""
    found = pathlib.Path(path)
    if not found.is_relative_to(root) or ".." in found.parts:
        raise UserError(f"dataset '{dataset}' names a file that is not its own: {path}")
    return str(found.relative_to(root))


@contextlib.contextmanager
def _named(dataset, folder):
    """Errors that name the folder that stands for a dataset name the dataset."""
    try:
        yield
    except UserError as error:
        named = str(error).replace(str(pathlib.Path(folder).resolve()), dataset).replace(folder, dataset)
        raise UserError(f"dataset '{dataset}' cannot be opened: {named}") from error


@contextlib.contextmanager
def _hub_errors(dataset):
    from huggingface_hub.errors import HTTPError

    try:
        yield
    except (HTTPError, OSError) as error:
        raise UserError(f"dataset '{dataset}' cannot be opened: {explain(error)}") from error


def _cached(source, model):
    return cached_dataset(source.task.dataset, source.task.config, source.commit, model.cache_dir)


def _load_dataset(path, config, model, revision):
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
