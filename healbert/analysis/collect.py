"""Reads a folder of runs: what each run is, which runs belong together, what cannot be used."""

import collections
import dataclasses
import functools
import json
import os
import pathlib
import re

from ..arguments.neutral import NOT_IDENTITY
from ..results.plans import planned_runs, read_plans
from ..results.read import read_runs, read_scans, read_sound
from ..results.schema import count_teachers, is_damage, methods_of, place_of, source_name
from ..results.validation import SEEDS
from ..utils.errors import UserError
from ..utils.files import read_json
from ..utils.text import as_utf8
from .metric import UNKNOWN, Metric, metric_of

DATA = (
    "task_name dataset_name dataset_config_name train_file validation_file test_file text_column_names "
    "label_column_name"
).split()
AXES = frozenset(("corrupt_level", "corrupt_region", "corrupt_layers", "learning_rate", *SEEDS, *DATA))
# Looked at, without an effect on scores.
MEASURED = frozenset(
    "measure_damage probe_layers lm_eval tsne tsne_samples tsne_perplexity trace_healing trace_samples".split()
)


ALWAYS_NAMED = ("model_name_or_path", "corrupt_method")


class Damage(collections.namedtuple("Damage", "level region")):
    """A level and a region; the region is "" where it means nothing: intact, or everything damaged."""

    def __str__(self):
        if not self.level:  # several damages, or layers named, of which no layer is hit or none is known
            return self.region or "intact"
        return f"{self.region or 'all'} {100 * self.level:.4g}%"


CONSTANTS = {None: "null", True: "true", False: "false"}
ENCODER = json.JSONEncoder(sort_keys=True, default=str)  # once, for thousands of runs
INTACT, ALL = Damage(0, ""), Damage(1, "")


@dataclasses.dataclass(eq=False)
class Run:
    """One finished run: its folder, its path below the report's folder, and its results.json."""

    folder: pathlib.Path
    name: str
    results: dict
    dataset: str = ""
    metric: Metric = UNKNOWN  # that of other runs of its dataset where it failed too soon to say
    number: int = 0  # its place among the study's runs

    @property
    def config(self):
        return self.results["config"]

    @property
    def status(self):
        return str(self.results["status"])

    @property
    def rate(self):
        return self.config.get("learning_rate")

    @functools.cached_property
    def damage(self):
        return Damage(*place_of(self.config, self.part("corruption")))

    def score(self, stage, metric=None):
        """A metric of ``metrics.<stage>``, the primary one by default, or None."""
        return (self.part("metrics").get(stage) or {}).get(metric or self.metric.name)

    def part(self, name):
        """A dict of results.json, empty where the run has none."""
        return self.results.get(name) or {}

    def line(self):
        """What the run is, in a few words."""
        return f"{self.dataset}, {self.damage}, learning rate {self.rate:g}, seed {self.config.get('seed')}"


@dataclasses.dataclass(eq=False)
class Group:
    """Runs that differ in dataset, level, region, learning rate and seed alone, and are scored by one metric."""

    runs: list
    settings: dict  # what tells this group from the others
    model: str
    method: str
    metric: Metric
    slug: str = ""

    @property
    def label(self):
        named = {name: value for name, value in self.settings.items() if name not in ALWAYS_NAMED}
        # What a damage leaves unset needs no word, as others name it; nor do options of a strategy that has none.
        unset = {
            name for name, value in named.items() if value is None and (is_damage(name) or name == "healing_options")
        }
        more = [_in_words(*pair) for pair in named.items() if pair[0] not in unset]
        return ", ".join([self.model, self.method, *more])

    @property
    def answers(self):
        """Whether the main question can be put to it: it has scored runs of intact and of damaged models."""
        return len({run.damage == INTACT for run in self.runs if run.score("healed") is not None}) == 2

    @property
    def selection(self):
        return self.runs[0].config.get("selection") or "best_eval"

    @functools.cached_property
    def datasets(self):
        return sorted({run.dataset for run in self.runs})

    @functools.cached_property
    def repeated(self):
        """The seed setting that tells repetitions apart, or None if there is only one."""
        return next((name for name in SEEDS if len({run.config.get(name) for run in self.runs}) > 1), None)

    def repetition(self, run):
        return run.config.get(self.repeated or "seed")


def _in_words(name, value):
    if name == "corruptions":
        value = "; then ".join(" ".join(f"{k} {v}" for k, v in entry.items()) for entry in json.loads(value))
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


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
    return Study(directory, runs, _group(runs), unfinished, unreadable, *beside)


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
    return Study(above, runs, _group(runs), [], [])


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


def signature(value):
    """A setting's value as text that equal values share: 10 and 10.0 are equal."""
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    if type(value) is int:  # sooner than json, for thousands of runs
        return str(value)
    if value is None or isinstance(value, bool):
        return CONSTANTS[value]
    return ENCODER.encode(value)


def varying(runs):
    """The settings that can change a result and differ between runs of one dataset, beside the axes of a study."""
    values, left = collections.defaultdict(set), AXES | MEASURED | NOT_IDENTITY
    for run in runs:
        for name, value in run.config.items():
            if not (name in left or (run.damage == INTACT and is_damage(name))):
                values[run.dataset, name].add(signature(value))
    return sorted({name for (_, name), found in values.items() if len(found) > 1})


def _group(runs):
    names = varying(runs)
    damaged = collections.defaultdict(list)
    for run in (run for run in runs if run.damage != INTACT):
        damaged[_key(run, names)].append(run)
    shared = [name for name in names if not is_damage(name)]
    intact = collections.defaultdict(list)
    for run in (run for run in runs if run.damage == INTACT):
        intact[_key(run, shared)].append(run)
    keys = {key: _key(members[0], shared) for key, members in damaged.items()}
    several = len({run.metric for run in runs}) > 1
    groups = [_make(damaged[key] + intact.get(keys[key], []), names, several) for key in damaged]
    groups += [_make(members, shared, several) for key, members in intact.items() if key not in keys.values()]
    groups.sort(key=lambda group: (not group.answers, group.label))
    for number, group in enumerate(groups, 1):
        words = re.sub(r"[^\w.\-]+", "_", group.label).strip("_")[:60]
        group.slug = f"{number}-{words}" if len(groups) > 1 else ""
    return groups


def _key(run, names):
    return run.metric, *(signature(run.config.get(name)) for name in names)


def _make(runs, names, several_metrics):
    config = runs[0].config
    model = str(config.get("model_name_or_path"))
    model = pathlib.PurePath(model).name if model.startswith((".", "/", "~")) else model
    method = "intact only" if runs[0].damage == INTACT else methods_of(config)
    settings = {name: config.get(name) for name in names}
    if several_metrics:
        settings["scored by"] = runs[0].metric.title
    return Group(runs, settings, model, method, runs[0].metric)
