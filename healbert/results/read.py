"""Reading finished runs back: from results folders to dicts and to a table."""

import json
import os
import pathlib
import re
import warnings

from ..utils.errors import UserError
from ..utils.files import read_file
from ..utils.text import is_utf8, without_secrets
from .kept import is_others, keeps_damaged
from .scan import is_scan_folder, read_scan
from .schema import (
    LOCK,
    LOG_NAME,
    SCHEMA_VERSION,
    STAGES,
    STATUSES,
    TEACHERS,
    NewerSchema,
    error_message,
    language_scores,
    metrics_of,
    place_of,
    primary_of,
    source_name,
)
from .upgrade import upgraded
from .validation import fault

HALVES = re.compile("\\\\u[dD]|[\ud800-\udfff]")  # what may be half of a pair: written out, or as it is
DEEPEST, LONGEST = 30, 100  # levels and digits in a results.json; ours have 6 and 20


def check_folder(directory):
    """Raises `UserError` if ``directory`` is no folder, or one whose path is not UTF-8."""
    if not is_utf8(directory):
        raise UserError(f"results folder {directory} has a path that is not UTF-8; rename it")
    try:
        if not pathlib.Path(directory).is_dir():
            there = pathlib.Path(directory).exists()
            raise UserError(f"results folder {directory} {'is not a folder' if there else 'does not exist'}")
    except OSError as error:  # a name that is too long
        raise UserError(f"results folder {directory} cannot be read: {error.strerror}") from error


def _walk(directory, teachers=False):
    """The folders of runs, (folder, reason) of those that cannot be looked into, and the folders of scans.

    Runs in ``.teachers``, which others learn from, are none of a study's: they are left out unless asked for.
    """
    check_folder(directory)
    found, closed, scans = [], [], []

    def note(error):
        closed.append((pathlib.Path(error.filename), f"cannot be read: {error.strerror}"))

    for folder, inner, files in os.walk(directory, onerror=note):
        names = {*files, *inner}
        if {"settings.json", "results.json"} & names and not is_others(pathlib.Path(folder), names):
            if is_scan_folder(folder, files):
                scans.append(pathlib.Path(folder))
            elif "results.json" in files or not keeps_damaged(pathlib.Path(folder)):
                found.append(pathlib.Path(folder))
            inner.clear()  # a run holds no further runs
        elif not teachers and TEACHERS in inner:
            inner.remove(TEACHERS)
    return sorted(found), closed, sorted(scans)


def list_folders(directory):
    """The folders of all runs and scans at or under ``directory``, begun ones among them."""
    runs, _, scans = _walk(directory)
    return runs + scans


def read_runs(directory, teachers=False):
    """Every finished run at or under ``directory``.

    Args:
        directory: a results folder.
        teachers: also those in ``.teachers``, which others learn from.

    Returns:
        tuple: a list of (folder, dict of its results.json), and a list of (folder, reason) of those that cannot be
        used: unfinished, damaged, of a newer schema, or with a value that is not what it must be.
    """
    folders, unusable, _ = _walk(directory, teachers)
    runs = _read_each(folders, read_sound, unusable)
    return runs, unusable


def read_scans(directory):
    """Every finished scan at or under ``directory``: what `read_runs` gives of runs, with scan.json."""
    unusable = []
    return _read_each(_walk(directory)[2], read_scan, unusable), unusable


def _read_each(folders, read, unusable):
    """(folder, what ``read`` gives of it) of those that can be used; the others are added to ``unusable``."""
    found = []
    for folder in folders:
        if not is_utf8(folder):
            unusable.append((folder, "its folder's name is not UTF-8; rename it"))
            continue
        try:
            found.append((folder, read(folder)))
        except FileNotFoundError:
            unusable.append((folder, "not finished"))
        except (ValueError, OSError) as error:
            unusable.append((folder, str(error)))
    return found


def load_results(directory):
    """A table of finished runs for analysis.

    Args:
        directory: a results folder: of one run, of a sweep, or of several.

    Returns:
        pandas.DataFrame: a row per run. Columns: ``folder``, ``status``, ``task``, ``model``; every setting by its
        flag's name (``corrupt_region`` is missing where it has no meaning, see `place_of`); ``metric``, the
        name of the primary metric, and ``damaged_``, ``healed_``, ``last_`` (the last epoch), ``dev_`` and ``test_``
        followed by the name of each metric, such as ``healed_accuracy``; ``majority_`` and the primary metric's name;
        of runs with ``--also_evaluate`` ``language_intact_``, ``language_damaged_`` and ``language_healed_`` with that
        of the metric;
        ``best_epoch``, ``collapsed``, ``layers_hit``, ``fraction_of_encoder``, ``fraction_of_model``, ``seconds``,
        ``error``. What a run does not have is missing. Damaged files are named in a warning.

    Raises:
        UserError: if ``directory`` is no folder.
    """
    import pandas

    runs, unusable = read_runs(directory)
    for folder, reason in unusable:
        if reason != "not finished":
            warnings.warn(f"{folder} left out: {reason}", stacklevel=2)
    return pandas.DataFrame([row_of(folder, results) for folder, results in runs])


def row_of(folder, results):
    """The row of `load_results`, as a dict, of a run's folder and its results."""
    config, damage, metrics = results["config"], results.get("corruption") or {}, results.get("metrics") or {}
    task, timing = results.get("task") or {}, results.get("timing") or {}
    row = {
        "folder": str(folder),
        "status": results["status"],
        "task": task.get("name") or source_name(config),
        "model": (results.get("model") or {}).get("name") or config.get("model_name_or_path"),
        **config,
    }
    if "corrupt_region" in config:
        row["corrupt_level"], row["corrupt_region"] = place_of(config, damage)
        row["corrupt_region"] = row["corrupt_region"] or None
    primary, _ = primary_of(results)
    row["metric"] = primary
    for stage in STAGES:
        row |= {f"{stage}_{name}": (metrics.get(stage) or {}).get(name) for name in metrics_of(results)}
    row |= {f"majority_{primary}": task.get("majority")} if primary else {}
    if found := language_scores(results):
        row |= {f"language_{stage}_{found[0]}": score for stage, score in found[2].items()}
    return row | {
        "best_epoch": results.get("best_epoch"),
        "collapsed": results.get("collapsed"),
        "layers_hit": len(damage["layers_hit"]) if damage else None,
        "fraction_of_encoder": damage.get("fraction_of_encoder"),
        "fraction_of_model": damage.get("fraction_of_model"),
        "seconds": sum(timing.values()) if timing else None,
        "error": error_message(results),
    }


def read_sound(folder):
    """What `read_results` gives, if every value that is read of it is what it must be; else raises what that raises."""
    results = read_results(folder)
    if wrong := fault(results):
        raise ValueError(f"results.json: {wrong}")
    return results


def read_results(folder):
    """What a run's ``results.json`` holds, brought to today's schema where it is of an earlier one.

    Args:
        folder: a run's folder.

    Raises:
        FileNotFoundError: if the run is not finished.
        ValueError: if the file is damaged or of a newer schema; the message says which.
    """
    text = read_file(pathlib.Path(folder) / "results.json")
    try:
        text = text.decode(json.detect_encoding(text), "surrogatepass")  # as json.loads does
        results = json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"results.json is cut short or damaged ({error})") from error
    if HALVES.search(text) and not _is_text(results):
        raise ValueError("results.json holds half a character")
    if _is_deep(results):
        raise ValueError(f"results.json is nested more than {DEEPEST} deep")
    if not isinstance(results, dict) or not isinstance(results.get("config"), dict) or "status" not in results:
        raise ValueError("results.json is not of a HealBERT run")
    version = results.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        kind = NewerSchema if isinstance(version, int) else ValueError
        raise kind(f"results.json is of schema {version}, this HealBERT reads up to {SCHEMA_VERSION}; upgrade it")
    if results["status"] not in STATUSES:
        raise ValueError(f"results.json: status is {results['status']!r}, not one of {', '.join(STATUSES)}")
    return upgraded(results)


def _whole(digits):
    if len(digits) > LONGEST:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _is_text(results):
    # JSON may write one half of a pair, which no file, table or terminal takes.
    try:
        json.dumps(results, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except RecursionError:  # what `_is_deep` names
        pass
    return True


def _is_deep(value):
    level = [value]
    for _ in range(DEEPEST):
        inner = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, (dict, list))]
        level = [value for part in inner for value in part]
    return bool(level)


def is_locked(output_dir):
    """Whether a process is at work on the run in ``output_dir``."""
    import filelock

    path = pathlib.Path(output_dir) / LOCK
    if not path.exists():
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True


def log_tail(output_dir):
    """The last lines of what a sweep's worker printed; an empty text if there is no log that can be read."""
    try:
        text = read_file(pathlib.Path(output_dir) / LOG_NAME).decode(errors="replace")
    except (OSError, ValueError):
        return ""
    return without_secrets("\n".join(text.splitlines()[-20:]))[-4000:]
