"""What is in a results folder: every run and scan, finished or not, in short."""

from ..utils.files import read_json
from .read import is_locked, read_runs, read_scans, row_of
from .schema import primary_of, primary_score

LISTED = (
    "task",
    "corrupt_level",
    "corrupt_region",
    "learning_rate",
    "seed",
    "metric",
    "damaged",
    "healed",
    "best_epoch",
    "seconds",
    "error",
)


def list_runs(directory):
    """What is in a results folder: a list with one dict a run, started ones and teachers among them, sorted by folder.

    Raises:
        UserError: if ``directory`` is no folder.
    """
    return [summary_of(name, results) for name, results in found_runs(directory)]


def found_runs(directory):
    """Every run and scan at or under a folder, sorted: a list of (path below it, what is known of it).

    What is known has the fields of results.json. Without results these are ``status``, ``config`` and, of a run whose
    results cannot be read (status "damaged"), ``error``.

    Raises:
        UserError: if ``directory`` is no folder.
    """
    runs, unusable = read_runs(directory, teachers=True)
    found = dict(runs)
    for folder, reason in unusable:
        found[folder] = _started(folder) if reason == "not finished" else _unreadable(reason)
    scans, unusable = read_scans(directory)
    found |= {folder: _scan(scan) for folder, scan in scans}
    for folder, reason in unusable:
        found[folder] = _started(folder, "scan") if reason == "not finished" else _unreadable(reason)
    return [(str(folder.relative_to(directory)), found[folder]) for folder in sorted(found)]


def _scan(scan):
    points = len(scan["points"])
    says = f"scan, {points} point{'' if points == 1 else 's'}"
    return {"status": says, "config": scan["config"], "task": scan["task"]}


def _started(folder, what=""):
    settings = read_json(folder / "settings.json")
    settings = settings.get("config", settings) if isinstance(settings, dict) else {}  # earlier versions: flat
    try:
        status = "running" if is_locked(folder) else "interrupted"
    except OSError:  # a place that cannot be written, where a lock cannot be tried
        status = "unfinished"
    return {"status": f"{what} {status}".strip(), "config": settings if isinstance(settings, dict) else {}}


def _unreadable(reason):
    return {"status": "damaged", "config": {}, "error": {"message": reason}}


def summary_of(name, results):
    """The row of `list_runs`, of a run's path and what `found_runs` knows of it."""
    if results["status"] == "damaged":
        row = {"status": "damaged", "error": results["error"]["message"]}
    else:
        row = row_of("", results) | {stage: primary_score(results, stage) for stage in ("damaged", "healed")}
        row["metric"] = primary_of(results)[1].get("title")
    return {"run": name, "status": row["status"], **{column: row.get(column) for column in LISTED}}
