"""What sweeps plan to run, kept in their folders, so that what is missing is known and not guessed."""

import hashlib
import json
import pathlib
import re
import warnings

from ..utils.files import read_json, write_json
from .schema import is_number

PLAN_SCHEMA = 1
PLAN = re.compile(r"sweep-[0-9a-f]{12}\.json")
FINISHED = ("completed", "diverged")


def plan_path(folder, source):
    """The file of a sweep's plan.

    Args:
        folder: the sweep's results folder.
        source: what tells the sweep from others in the folder, as a value that JSON can hold: the same file, changed,
            is the same sweep, whose plan is replaced.
    """
    text = json.dumps(source, sort_keys=True, default=str)
    return pathlib.Path(folder) / f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"


def write_plan(path, sweep, runs, until=None):
    """Writes a plan, in the place of an earlier one; a file of another kind that stands there stays.

    Args:
        path: of `plan_path`.
        sweep: the sweep's name, for people.
        runs: a list of {"name": the run's folder, "dataset": ..., "damage": ..., "seed": ...}.
        until: of a sweep that adds seeds, {"width": ..., "max_seeds": ...}.
    """
    there = read_json(path)
    if until is None and _is_sound(there) and there.get("until"):  # seeds were added by a rule, and still are
        until, known = there["until"], {run["name"] for run in runs}
        runs = runs + [run for run in there["runs"] if run["name"] not in known]
    more = {"until": until} if until else {}
    plan = {"healbert_sweep": {"schema": PLAN_SCHEMA}, "sweep": sweep, **more, "runs": runs}
    if there == plan:
        return
    if path.exists() and not _is_ours(there):
        warnings.warn(f"{path} is no plan of a sweep and stays as it is: what is missing will be guessed", stacklevel=2)
        return
    write_json(path, plan)


def read_plans(directory, runs=()):
    """The plans in a results folder and beside runs below it: a list of dicts. What cannot be used is left out.

    Args:
        directory: a results folder.
        runs: paths of folders of runs at or under it.
    """
    directory = pathlib.Path(directory)
    folders = sorted({directory, *(path.parent for path in map(pathlib.Path, runs) if path != directory)})
    paths = [path for folder in folders for path in _files(folder) if PLAN.fullmatch(path.name)]
    return [found for path in paths if _is_sound(found := read_json(path))]


def _files(folder):
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def planned_runs(plans):
    """{hash at the end of a run's name: its entry in a plan} of plans that `read_plans` gives."""
    return {run_hash(run["name"]): run for plan in plans for run in plan["runs"]}


def count_finished(planned, finished):
    """How far plans have come, as "31 of 72 planned runs are finished"; "" where no run is planned.

    Args:
        planned: as `planned_runs` gives them.
        finished: names of runs, or paths that end in them, that have come to their end.
    """
    done = planned.keys() & {run_hash(pathlib.PurePath(name).name) for name in finished}
    return f"{len(done):,} of {len(planned):,} planned runs are finished" if planned else ""


def run_hash(name):
    """The hash at the end of a run's name: what is asked for in other words is the same run."""
    return name.rpartition("-")[2]


def _is_ours(found):
    marker = found.get("healbert_sweep") if isinstance(found, dict) else None
    return isinstance(marker, dict) and isinstance(marker.get("schema"), int) and "runs" in found


def _is_sound(found):
    if not _is_ours(found) or found["healbert_sweep"]["schema"] > PLAN_SCHEMA or not isinstance(found["runs"], list):
        return False
    until = found.get("until")
    return all(isinstance(run, dict) and isinstance(run.get("name"), str) for run in found["runs"]) and (
        until is None or (isinstance(until, dict) and all(map(is_number, map(until.get, ("width", "max_seeds")))))
    )
