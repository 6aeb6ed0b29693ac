"""Reads a folder of runs: what each run is, which runs belong together, what cannot be used."""

import collections
import dataclasses
import functools
import os
import pathlib

from ..results.plans import planned_runs, read_plans
from ..results.read import read_runs, read_scans, read_sound
from ..results.schema import count_teachers, source_name
from ..utils.errors import UserError
from ..utils.files import read_json
from ..utils.text import as_utf8
from .grouping import group_runs
from .metric import UNKNOWN, metric_of
from .runs import DATA, Run, signature


@dataclasses.dataclass
class Study:
    """All that a results folder holds."""

    directory: pathlib.Path
    runs: list
    groups: list
    unfinished: list  # (path below the folder, what the run is)
    unreadable: list  # (path below the folder, reason)
    scans: list = dataclasses.field(default_factory=list)  # (path below the folder, its scan.json)
    unusable_scans: list = dataclasses.field(default_factory=list)  # (path below the folder, reason)
    teachers: int = 0  # intact runs beside, for others to learn from, which are not among the runs
    plans: list = dataclasses.field(default_factory=list)  # of sweeps, as `results.plans.read_plans` gives them

    @functools.cached_property
    def planned(self):
        """{hash at the end of a run's name: what a sweep's plan says of it}, empty without a plan."""
        return planned_runs(self.plans)

    @property
    def environments(self):
        """The ``environment`` (versions, device, ...) of every run that has one."""
        return [run.part("environment") for run in self.runs if run.part("environment")]


def collect(directory):
    """Reads every run and every scan at or under ``directory``.

    Raises:
        UserError: if it is no folder, or holds neither a finished run nor a finished scan.
    """
    directory = pathlib.Path(directory)
    runs, unusable = read_runs(directory)
    runs = [Run(folder, _below(folder, directory), results) for folder, results in runs]
    unfinished = [(_below(f, directory), _plan(f)) for f, reason in unusable if reason == "not finished"]
    unreadable = [(_below(f, directory), reason) for f, reason in unusable if reason != "not finished"]
    scans, unusable_scans = ([(_below(f, directory), what) for f, what in part] for part in read_scans(directory))
    if not runs and not scans:
        unusable, unreadable = unusable + unusable_scans, unreadable + unusable_scans
        found = f"{len(unfinished)} unfinished and {len(unreadable)} unusable runs" if unusable else "no run"
        named = "".join(f"; {name}: {reason}" for name, reason in unreadable[:3])
        raise UserError(f"{directory} holds {found}, so there is nothing to report{named}; name a folder of results")
    _name_datasets(runs)
    _name_metrics(runs)
    folders = [run.folder for run in runs] + [folder for folder, _ in unusable]
    beside = scans, unusable_scans, count_teachers(directory), read_plans(directory, folders)
    return Study(directory, runs, group_runs(runs), unfinished, unreadable, *beside)


def collect_runs(folders):
    """The `Study` of some runs alone; each is named by its path below the folder that holds them all.

    Raises:
        UserError: if one of the folders holds no finished run.
    """
    runs = []
    above = pathlib.Path(os.path.commonpath([folder.resolve().parent for folder in folders]))
    for folder in folders:
        try:
            runs.append(Run(folder, _below(folder.resolve(), above), read_sound(folder)))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(f"{folder} holds no finished run (no results.json); name two runs") from error
        except (ValueError, OSError) as error:
            raise UserError(f"{folder}: {error}") from error
    _name_datasets(runs)
    _name_metrics(runs)
    return Study(above, runs, group_runs(runs), [], [])


def _below(folder, directory):
    return "." if folder == directory else as_utf8(folder.relative_to(directory).as_posix())


def _plan(folder):
    settings = read_json(folder / "settings.json")
    if not isinstance(settings, dict):
        return ""
    settings = settings["config"] if isinstance(settings.get("config"), dict) else settings  # earlier versions: flat
    wanted = ("corrupt_level", "corrupt_region", "corrupt_layers", "corruptions", "learning_rate", "seed")
    parts = [source_name(settings)] + [f"{k} {settings[k]}" for k in wanted if settings.get(k) is not None]
    return ", ".join(parts)


def _name_datasets(runs):
    """Gives each run its dataset's name; where two datasets share a name, with what tells them apart."""
    keys = {run: tuple(signature(run.config.get(name)) for name in DATA) for run in runs}
    by_name = collections.defaultdict(list)
    for run in runs:
        if keys[run] not in by_name[source_name(run.config)]:
            by_name[source_name(run.config)].append(keys[run])
    for number, run in enumerate(runs):
        run.number = number
        name = source_name(run.config)
        same = by_name[name]
        differing = [i for i in range(len(DATA)) if len({key[i] for key in same}) > 1]
        details = [f"{DATA[i]} {run.config.get(DATA[i])}" for i in differing]
        run.dataset = f"{name} ({', '.join(details)})" if details else name


def _name_metrics(runs):
    """Gives each run its metric; one that failed too soon to say takes that of its dataset, else the commonest."""
    for run in runs:
        run.metric = metric_of(run.results)
    known = collections.Counter(run.metric for run in runs if run.metric != UNKNOWN)
    by_dataset = {run.dataset: run.metric for run in reversed(runs) if run.metric != UNKNOWN}
    commonest = max(known, key=known.get, default=UNKNOWN)
    for run in (run for run in runs if run.metric == UNKNOWN):
        run.metric = by_dataset.get(run.dataset, commonest)
