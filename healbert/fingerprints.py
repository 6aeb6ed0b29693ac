"""Which model and which data a name stands for, and a fingerprint of what lies there.

Fingerprints name cells: they are taken from files or from the Hub's commits before anything is loaded.
"""

import functools
import pathlib

from . import embedded
from .cell import CELL_FILES
from .errors import UserError
from .files import file_state
from .hub import resolve_commit
from .tasks import EMBEDDED_TASK, TASKS, Task

EMBEDDED_MODEL = "embedded"
MODEL_SUFFIXES = {".json", ".model", ".py", ".safetensors", ".txt"}  # what loading a model reads


def local_model(name):
    """The folder that a model's name stands for, or None if it is a Hub id.

    Raises:
        UserError: if ``name`` is a path to nothing.
    """
    if name == EMBEDDED_MODEL:
        return str(embedded.model_folder())
    path = pathlib.Path(name).expanduser()
    if path.exists():
        return str(path)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UserError(f"model folder {name} does not exist; give a Hub id or a folder that save_pretrained wrote")
    return None


def local_dataset(task, data_root=None):
    """The folder that a `Task` stands for, or None if it is on the Hub.

    Args:
        task: a `Task`; its ``dataset`` is a Hub id or a folder.
        data_root: a folder of datasets that replaces the Hub.

    Raises:
        UserError: if ``data_root`` lacks the dataset, or ``task.dataset`` is a path to nothing.
    """
    if data_root:
        names = [task.dataset.rstrip("/").rpartition("/")[2], task.config]
        tried = [pathlib.Path(data_root).expanduser() / name for name in names if name]
        for folder in tried:
            if folder.is_dir():
                return folder
        raise UserError(f"--data_root holds no dataset {' or '.join(map(str, tried))}")
    folder = pathlib.Path(task.dataset).expanduser()
    if folder.is_dir():
        return folder
    if task.dataset.startswith((".", "/", "~")) or task.dataset.count("/") > 1:
        raise UserError(f"dataset folder {task.dataset} does not exist")
    return None


def model_fingerprint(model):
    """What the model, configuration and tokenizer of `ModelArguments` are: a dict from setting to fingerprint."""
    names = ("model_name_or_path", "config_name", "tokenizer_name")
    return {name: _of_model(getattr(model, name), model) for name in names if getattr(model, name)}


def data_fingerprint(data, model):
    """What the examples that `DataArguments` name are: "files:..." (a hash), "commit:..." or None if unknown."""
    if data.train_file:
        files = [pathlib.Path(path) for path in (data.train_file, data.validation_file, data.test_file) if path]
        return _of_files(files)
    if data.task_name == EMBEDDED_TASK:
        return f"docstrings:{embedded.docstrings_key()}"
    task = TASKS.get(data.task_name) or Task(data.dataset_name)
    folder = local_dataset(task, data.data_root)
    if folder:
        return _of_files(sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."))
    found = _of_commit(task.dataset, "dataset", data.data_revision, model.token)
    return found or (data.data_revision and f"revision:{data.data_revision}")


def _of_model(name, model):
    if name == EMBEDDED_MODEL:
        return f"files:{embedded.MODEL_SHA256[:16]}"
    folder = local_model(name)
    if folder is None:
        return _of_commit(name, "model", model.model_revision, model.token, model.cache_dir)
    files = [path for path in pathlib.Path(folder).glob("*") if path.suffix in MODEL_SUFFIXES]
    return _of_files(sorted(path for path in files if path.name not in CELL_FILES))


def _of_commit(*what):
    commit = resolve_commit(*what)
    return commit and f"commit:{commit}"


def _of_files(paths):
    return "files:" + _digest(tuple((str(path), *file_state(path)) for path in paths))


@functools.lru_cache(maxsize=256)  # a sweep asks for the same files thousands of times
def _digest(files):
    import xxhash

    digest = xxhash.xxh3_128()
    for path, size, *_ in files:
        digest.update(f"{pathlib.PurePath(path).name}\0{size}\0".encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
