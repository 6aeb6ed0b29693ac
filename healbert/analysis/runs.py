"""A run, and a group of runs that belong together."""

import collections
import dataclasses
import functools
import json
import pathlib
import re

from ..results.schema import is_damage, place_of
from ..results.validation import SEEDS
from .metric import UNKNOWN, Metric

DATA = (
    "task_name dataset_name dataset_config_name train_file validation_file test_file text_column_names "
    "label_column_name"
).split()


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
        more = [in_words(*pair) for pair in named.items() if pair[0] not in unset]
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


def natural(text):
    """A key by which numbers in texts are sorted as numbers: "layers 2" before "layers 10"."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", text))]


def in_words(name, value):
    """A setting and its value as a label says them."""
    if name == "corruptions":
        value = "; then ".join(" ".join(f"{k} {v}" for k, v in entry.items()) for entry in json.loads(value))
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def signature(value):
    """A setting's value as text that equal values share: 10 and 10.0 are equal."""
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    if type(value) is int:  # sooner than json, for thousands of runs
        return str(value)
    if value is None or isinstance(value, bool):
        return CONSTANTS[value]
    return ENCODER.encode(value)
