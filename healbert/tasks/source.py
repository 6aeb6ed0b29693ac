"""Which data a name stands for, and a fingerprint of what lies there."""

import pathlib

from ..hub.fingerprint import of_commit, of_files
from ..utils.errors import UserError
from .docstrings import docstrings_key
from .table import EMBEDDED_TASK, TASKS, Task


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


def data_fingerprint(data, model):
    """What the examples that `DataArguments` name are: "files:..." (a hash), "commit:..." or None if unknown."""
    if data.train_file:
        files = [pathlib.Path(path) for path in (data.train_file, data.validation_file, data.test_file) if path]
        return of_files(files)
    if data.task_name == EMBEDDED_TASK:
        return f"docstrings:{docstrings_key()}"
    task = TASKS.get(data.task_name) or Task(data.dataset_name)
    folder = local_dataset(task, data.data_root)
    if folder:
        return of_files(sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."))
    found = of_commit(task.dataset, "dataset", data.data_revision, model.token)
    return found or (data.data_revision and f"revision:{data.data_revision}")
