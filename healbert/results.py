"""Reading finished cells back: from results folders to dicts and to a table."""

import os
import pathlib
import warnings

from .cell import METRICS, STAGES, is_locked, read_results
from .checks import fault
from .errors import UserError
from .files import read_json

LISTED = (
    "task",
    "corrupt_level",
    "corrupt_region",
    "learning_rate",
    "seed",
    "damaged_f1_weighted",
    "healed_f1_weighted",
    "best_epoch",
    "seconds",
    "error",
)


def check_folder(directory):
    """Raises `UserError` if ``directory`` is no folder."""
    try:
        if not pathlib.Path(directory).is_dir():
            there = pathlib.Path(directory).exists()
            raise UserError(f"results folder {directory} {'is not a folder' if there else 'does not exist'}")
    except OSError as error:  # a name that is too long
        raise UserError(f"results folder {directory} cannot be read: {error.strerror}") from error


def cell_folders(directory):
    """The folders at or under ``directory`` that hold a cell, started or finished: a sorted list of paths.

    Raises:
        UserError: if ``directory`` is no folder.
    """
    check_folder(directory)
    found = []
    for folder, inner, files in os.walk(directory):
        if "settings.json" in files or "results.json" in files:
            found.append(pathlib.Path(folder))
            inner.clear()  # a cell holds no further cells
    return sorted(found)


def read_cells(directory):
    """Every finished cell at or under ``directory``.

    Returns:
        tuple: a list of (folder, dict of its results.json), and a list of (folder, reason) of those that cannot be
        used: unfinished, damaged, of a newer schema, or with a value that is not what it must be.
    """
    cells, unusable = [], []
    for folder in cell_folders(directory):
        try:
            results = read_results(folder)
        except FileNotFoundError:
            unusable.append((folder, "not finished"))
        except (ValueError, OSError) as error:
            unusable.append((folder, str(error)))
        else:
            wrong = fault(results)
            if wrong:
                unusable.append((folder, f"results.json: {wrong}"))
            else:
                cells.append((folder, results))
    return cells, unusable


def load_results(directory):
    """A table of finished cells for analysis.

    Args:
        directory: a results folder: of one cell, of a sweep, or of several.

    Returns:
        pandas.DataFrame: a row per cell. Columns: ``folder``, ``status``, ``task``, ``model``; every setting by its
        flag's name (``corrupt_region`` is missing at levels 0 and 1, where it has no meaning); ``damaged_``,
        ``healed_``, ``dev_`` and ``test_`` followed by f1_weighted, accuracy, f1_macro or loss;
        ``majority_f1_weighted``, ``best_epoch``, ``layers_hit``, ``fraction_of_encoder``, ``fraction_of_model``,
        ``seconds``, ``error``. What a cell does not have is missing. Damaged files are named in a warning.

    Raises:
        UserError: if ``directory`` is no folder.
    """
    import pandas

    cells, unusable = read_cells(directory)
    for folder, reason in unusable:
        if reason != "not finished":
            warnings.warn(f"{folder} left out: {reason}", stacklevel=2)
    return pandas.DataFrame([_row(folder, results) for folder, results in cells])


def _row(folder, results):
    config, damage, metrics = results["config"], results.get("corruption") or {}, results.get("metrics") or {}
    task, timing = results.get("task") or {}, results.get("timing") or {}
    row = {
        "folder": str(folder),
        "status": results["status"],
        "task": task.get("name") or config.get("task_name"),
        "model": (results.get("model") or {}).get("name") or config.get("model_name_or_path"),
        **config,
    }
    if config.get("corrupt_level") in (0, 1):
        row["corrupt_region"] = None
    for stage in STAGES:
        row |= {f"{stage}_{name}": (metrics.get(stage) or {}).get(name) for name in METRICS}
    return row | {
        "majority_f1_weighted": task.get("majority_f1_weighted"),
        "best_epoch": results.get("best_epoch"),
        "layers_hit": len(damage["layers_hit"]) if damage else None,
        "fraction_of_encoder": damage.get("fraction_of_encoder"),
        "fraction_of_model": damage.get("fraction_of_model"),
        "seconds": sum(timing.values()) if timing else None,
        "error": (results.get("error") or {}).get("message"),
    }


def list_cells(directory):
    """What is in a results folder: a list with one dict a cell, started ones among them, sorted by folder.

    Raises:
        UserError: if ``directory`` is no folder.
    """
    cells, unusable = read_cells(directory)
    rows = {folder: _summary(results) for folder, results in cells}
    for folder, reason in unusable:
        rows[folder] = _started(folder) if reason == "not finished" else _unreadable(reason)
    return [{"cell": str(folder.relative_to(directory)), **rows[folder]} for folder in sorted(rows)]


def _started(folder):
    settings = read_json(folder / "settings.json")
    try:
        status = "running" if is_locked(folder) else "interrupted"
    except OSError:  # a place that cannot be written, where a lock cannot be tried
        status = "unfinished"
    return _summary({"status": status, "config": settings if isinstance(settings, dict) else {}})


def _unreadable(reason):
    return {"status": "damaged", **dict.fromkeys(LISTED), "error": reason}


def _summary(results):
    row = _row("", results)
    return {"status": row["status"], **{name: row.get(name) for name in LISTED}}
