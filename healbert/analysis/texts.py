"""The texts of evaluation examples, read again from the data of a run; nothing is asked of a network."""

import dataclasses
import json
import types

from ..utils.errors import UserError

# The settings that say where the examples are and how they are read.
SETTINGS = (
    *"task_name dataset_name dataset_config_name data_root data_revision cache_dir train_file validation_file".split(),
    *"test_file validation_fraction delimiter encoding quoting json_field".split(),
)


class Texts:
    """Opens the data of runs, each once."""

    def __init__(self):
        self._opened = {}

    def of(self, run):
        """How to find a run's texts, and why not.

        Returns:
            tuple: function(list of ids -> list of texts) or None, and the reason, "" where there is none.
        """
        task = run.part("task")
        settings = {name: run.config.get(name) for name in SETTINGS}
        # What was held out of the training file has its rows from there.
        split = "train" if settings["validation_fraction"] else "evaluation"
        known = (task.get("read") or {}).get(split) or {}
        said = [settings, task.get("evaluation_split"), known.get("files"), task.get("text_columns")]
        key = json.dumps(said, sort_keys=True, default=str)
        if key not in self._opened:
            self._opened[key] = _opened(*said)
        return self._opened[key]


def _opened(settings, split, files, columns):
    if not (split and files and columns):
        return None, "the results do not say which files they were"
    try:
        rows, read = _read(types.SimpleNamespace(**settings), split)
    except UserError as error:
        return None, str(error)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # what results.json names comes from outside
        return None, "the data cannot be read"
    if rows is None:
        return None, "its data are of the Hub, which a report does not ask"
    if [file.content for file in read] != [file.get("hash") for file in files]:
        return None, "the data have changed since the run"
    if not set(columns) <= set(rows.column_names):
        return None, f"the data have no column {', '.join(sorted(set(columns) - set(rows.column_names)))}"
    rows = rows.select_columns(columns)

    def texts(ids):
        there = [int(one) for one in ids if 0 <= one < len(rows)]
        found = rows[there]
        joined = ["\n".join(str(found[column][i]) for column in columns) for i in range(len(there))]
        return [dict(zip(there, joined, strict=True)).get(one, "") for one in ids]

    return texts, ""


def _read(data, split):
    """The rows of the split that was evaluated, and list of `FileRead`; (None, None) of data on the Hub."""
    from ..tasks.files.folder import find_files, read_found
    from ..tasks.files.store import read_file
    from ..tasks.source import DataSource
    from ..tasks.table import TASKS

    if data.task_name and data.task_name not in TASKS:
        raise UserError(f"its task {data.task_name} is not there; name its plugin with --plugin")
    source = DataSource(data, types.SimpleNamespace(cache_dir=data.cache_dir, token=None))
    if source.is_on_hub:
        return None, None
    if source.files or source.is_embedded:
        name = "train" if data.validation_fraction else split
        path = source.files[name] if source.files else source.folder / f"{split}.parquet"
        rows, read = read_file(path, source.options, data.cache_dir)
        return rows, [read]
    found = find_files(source.folder, source.config_of_folder, source.options)
    found = dataclasses.replace(found, files={split: found.files[split]})
    splits, read = read_found(source.folder, found, data.cache_dir)
    return splits[split], read[split]
