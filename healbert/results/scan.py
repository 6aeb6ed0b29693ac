"""What a scan leaves on disk: scan.json, and how its folder is told from a run's."""

import json
import pathlib

from ..utils.files import read_file, read_json
from .schema import NewerSchema, is_number

SCAN_SCHEMA = 1  # of scan.json
SCAN_NAME, DRAWS_NAME = "scan.json", "draws.jsonl"  # the latter while it is at work


def is_of_scan(settings):
    """Whether what a settings.json holds marks the folder of a scan."""
    ours = settings.get("healbert") if isinstance(settings, dict) else None
    return isinstance(ours, dict) and ours.get("kind") == "scan" and isinstance(settings.get("identity"), dict)


def is_scan_folder(folder, files):
    """Whether a folder is that of a scan, finished or not.

    Args:
        folder: its path.
        files: the names in it.
    """
    return "results.json" not in files and is_of_scan(read_json(pathlib.Path(folder) / "settings.json"))


def read_scan(folder):
    """What a finished scan's scan.json holds.

    Raises:
        FileNotFoundError: if the scan is not finished.
        ValueError: if the file is damaged or of a newer schema; the message says which.
    """
    try:
        found = json.loads(read_file(pathlib.Path(folder) / SCAN_NAME))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{SCAN_NAME} is cut short or damaged ({error})") from error
    version = found.get("schema_version") if isinstance(found, dict) else None
    if isinstance(version, int) and version > SCAN_SCHEMA:
        raise NewerSchema(f"{SCAN_NAME} is of schema {version}, this HealBERT reads up to {SCAN_SCHEMA}; upgrade it")
    if wrong := _fault(found):
        raise ValueError(f"{SCAN_NAME}: {wrong}")
    return found


def _fault(found):
    """What is wrong with the first value that cannot be used, or None."""
    if not isinstance(found, dict) or not isinstance(found.get("schema_version"), int):
        return "it is not of a HealBERT scan"
    parts = {name: found.get(name) for name in ("config", "task", "model", "intact")}
    for name, part in parts.items():
        if not isinstance(part, dict):
            return f"{name} is not a set of named values"
    if not isinstance(found.get("points"), list) or not all(isinstance(point, dict) for point in found["points"]):
        return "points are not a list of sets of named values"
    return next(filter(None, (_fault_of_point(point) for point in found["points"])), None)


NUMBERS = ("score", "fall", "loss", "kl", "changed", "not_finite", "relative_l2", "strength", "layer", "bit")
TEXTS = ("region", "component")


def _fault_of_point(point):
    for name in NUMBERS:
        value = point.get(name)
        if value is not None and not is_number(value):
            return f"{name} of a point is {value!r}, not a number"
    for name in TEXTS:
        if not isinstance(point.get(name), (str, type(None))):
            return f"{name} of a point is {point[name]!r}, not a text"
    intervals = point.get("intervals") or {}
    if not isinstance(intervals, dict) or not all(pair is None or _is_pair(pair) for pair in intervals.values()):
        return "intervals of a point are not pairs of numbers"
    if not isinstance(point.get("draws"), list) or not isinstance(point.get("tensors"), int):
        return "a point has no draws or no count of tensors"
    return None


def _is_pair(value):
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
