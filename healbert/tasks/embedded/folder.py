"""Where an embedded task lies: built on first use, and kept."""

import dataclasses
import hashlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable

from ...utils.errors import UserError
from .libraries import LIBRARIES, version


@dataclasses.dataclass(frozen=True)
class EmbeddedTask:
    """How an embedded task is drawn.

    ``settings`` are the figures that decide which rows it holds, the first a version that is raised when the draw or
    the files change: another version is another folder. ``splits()`` draws {split: list of tuples}, ``features()``
    says what is in them, as `datasets.Features` in that order.
    """

    settings: tuple
    splits: Callable
    features: Callable


def embedded_folder(name, task, cache_dir=None):
    """The folder of an embedded task (train.parquet, validation.parquet), built on first use.

    Args:
        name: of the task.
        task: its `EmbeddedTask`.
        cache_dir: where to keep it; default HEALBERT_CACHE, else ~/.cache/healbert.

    Raises:
        UserError: if one of the libraries is not installed or holds too little, or the cache cannot be written.
    """
    root = pathlib.Path(cache_dir or os.environ.get("HEALBERT_CACHE") or "~/.cache/healbert").expanduser()
    folder = root / f"{name}-{embedded_key(task)}"
    if not folder.is_dir():
        try:
            root.mkdir(parents=True, exist_ok=True)
            build(task, folder)
        except OSError as error:
            raise UserError(
                f"the embedded task cannot be kept in {root} ({error.strerror}); name a folder with --cache_dir"
            ) from error
    return folder


def embedded_key(task):
    """A hash of all that decides which rows an embedded task holds: the libraries' versions, how they are read.

    Raises:
        UserError: if one of the libraries is not installed.
    """
    versions = {name: version(distribution) for name, distribution in LIBRARIES.items()}
    key = f"{' '.join(map(str, task.settings))} {sorted(versions.items())}"
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def build(task, folder):
    """Draws an `EmbeddedTask` and writes it, all or nothing."""
    splits = task.splits()
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for split, rows in splits.items():
            _write_parquet(temporary / f"{split}.parquet", rows, task.features())
        os.replace(temporary, folder)
    except OSError:
        if not folder.is_dir():  # another process was faster: its folder holds the same
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_parquet(path, rows, features):
    from datasets import Dataset

    columns = dict(zip(features, map(list, zip(*rows, strict=True)), strict=True))
    Dataset.from_dict(columns, features=features).to_parquet(path)
