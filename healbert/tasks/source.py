"""What the name of a task or dataset stands for: files, a folder or a repository on the Hub, and what lies there."""

import functools
import pathlib

from ..hub.fingerprint import of_commit, of_files
from ..hub.reach import resolve_commit
from ..utils.errors import UserError
from .embedded import EMBEDDED, embedded_folder, embedded_key
from .files.options import ReadOptions, kind_of
from .files.source import content_hash
from .table import TASKS, Task

SHOWN = 12  # names of folders


class DataSource:
    """Where the examples come from. Each fact is found out once, when it is asked for.

    Args:
        data: `DataArguments`.
        model: `ModelArguments`, for the cache and the token.
    """

    def __init__(self, data, model):
        self._data, self._model = data, model

    @functools.cached_property
    def files(self):
        """The user's own files: a dict from split to path; empty for a task or dataset."""
        data = self._data
        named = {"train": data.train_file, "validation": data.validation_file, "test": data.test_file}
        return {split: path for split, path in named.items() if path} if data.train_file else {}

    @functools.cached_property
    def task(self):
        """The `Task`: that of the table, or one without columns for a dataset of the user; None for files."""
        data = self._data
        if self.files:
            return None
        return TASKS.get(data.task_name) or Task(data.dataset_name, data.dataset_config_name, text=())

    @property
    def is_of_table(self):
        """Whether it is a task of the table, which says what is evaluated."""
        return self._data.task_name is not None

    @property
    def validation_fraction(self):
        """How much of the training file is evaluated on, or None."""
        return self._data.validation_fraction

    @property
    def revision(self):
        """The revision that was asked for, or None."""
        return self._data.data_revision

    @property
    def is_embedded(self):
        """Whether it is a task that the installed packages hold."""
        return self._data.task_name in EMBEDDED

    @property
    def is_on_hub(self):
        """Whether the examples come from the Hub."""
        return not self.files and not self.is_embedded and self.folder is None

    @functools.cached_property
    def folder(self):
        """The folder that holds the splits (an embedded task's is built when it is missing), else None.

        Raises:
            UserError: if ``--data_root`` lacks the dataset, or the dataset's name is a path to nothing.
        """
        if self.files:
            return None
        if self.is_embedded:
            name = self._data.task_name
            return embedded_folder(name, EMBEDDED[name], self._model.cache_dir)
        return local_dataset(self.task, self._data.data_root)

    @functools.cached_property
    def options(self):
        """The `ReadOptions` that the user gave."""
        data = self._data
        found = ReadOptions(data.delimiter, data.encoding, data.quoting, data.json_field)
        found.require_use(self.files.values())
        return found

    @property
    def config_of_folder(self):
        """The configuration to read in a folder; a folder of ``--data_root`` holds one dataset."""
        return None if self._data.data_root else self._data.dataset_config_name

    @functools.cached_property
    def contents(self):
        """{path: hash} of the files that are read; what is hashed here is what is read later, or it is refused."""
        if self.files:
            return {path: content_hash(path) for path in self.files.values()}
        folder, found = self.folder, {}
        for path in self._files_of_folder() if folder else ():
            if kind_of(path):  # by both names that it may be read under
                found[str(path)] = found[str(folder.resolve() / path.relative_to(folder))] = content_hash(path)
        return found

    def _files_of_folder(self):
        # Hidden ones are none of the data: what a download or git notes there has the time in it.
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path for path in paths if all(part[0] != "." for part in path.relative_to(self.folder).parts))

    @functools.cached_property
    def commit(self):
        """The commit of a dataset on the Hub; None for anything else, or if it is not known."""
        return resolve_commit(*self._what()) if self.is_on_hub else None

    @functools.cached_property
    def fingerprint(self):
        """What the examples are: "files:..." (a hash), "commit:...", or None if that is not known."""
        if self.is_embedded:  # known by the libraries' versions: nothing is built for a name
            return f"{self._data.task_name}:{embedded_key(EMBEDDED[self._data.task_name])}"
        if self.files or self.folder:
            self.contents  # noqa: B018 - first, so that a change after this is noticed when the files are read
        if self.files:
            return of_files([pathlib.Path(path) for path in self.files.values()])
        if self.folder:
            return of_files(self._files_of_folder())
        return of_commit(*self._what()) or (self.revision and f"revision:{self.revision}")

    def _what(self):
        return self.task.dataset, "dataset", self.revision, self._model.token


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
        there = sorted(path.name for path in pathlib.Path(data_root).expanduser().iterdir() if path.is_dir())
        held = ", ".join(there[:SHOWN]) + (f" and {len(there) - SHOWN} more" if len(there) > SHOWN else "")
        wanted = " or ".join(map(str, tried))
        raise UserError(f"--data_root holds no dataset {wanted} (it holds: {held or 'no folder'})")
    folder = pathlib.Path(task.dataset).expanduser()
    if folder.is_dir():
        return folder
    if task.dataset.startswith((".", "/", "~")) or task.dataset.count("/") > 1:
        raise UserError(f"dataset folder {task.dataset} does not exist")
    return None
