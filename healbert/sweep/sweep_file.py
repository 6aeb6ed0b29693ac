"""The file that describes a sweep: base, grid, include, exclude."""

import dataclasses
import itertools
import math

import yaml

from ..arguments.parser import known_flags, read_config
from ..arguments.spellings import meant
from ..arguments.yaml_text import load_yaml
from ..utils.errors import UserError, check_choice
from .tokens import TOKENS

SECTIONS = ("base", "grid", "include", "exclude")


# Flags that a sweep sets itself, and what to give in their place.
NOT_IN_SWEEPS = {
    "output_dir": "each run has a folder of its own; give the sweep's --output_dir",
    "overwrite_output_dir": "finished runs are kept; delete the folders of those that are to be run again",
    "corrupt_only": "a sweep makes runs; damage a model by a command of its own, and give its folder as the model",
    "push_to_hub": "push the whole folder once it is done: python -m healbert push DIR",
    "resume_from_checkpoint": "runs continue by themselves",
}


@dataclasses.dataclass
class Sweep:
    """A sweep before it is expanded.

    Args:
        base: dict from flag to value, the same in every run.
        grid: dict from flag to list of values; the runs are their product.
        include: list of dicts, further runs on top of ``base``; a list of values in one makes a grid of its own.
        exclude: list of dicts from flag to value or list of values; a run of ``grid`` that matches all of one is out.
    """

    base: dict = dataclasses.field(default_factory=dict)
    grid: dict = dataclasses.field(default_factory=dict)
    include: list = dataclasses.field(default_factory=list)
    exclude: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        known = known_flags()
        _check_keys("base", self.base, known)
        _check_keys("grid", self.grid, known)
        for name in ("include", "exclude"):
            for entry in getattr(self, name):
                _check_keys(name, entry, known)
        both = sorted(self.base.keys() & self.grid.keys())
        if both:
            raise UserError(f"'{both[0]}' stands in base and in grid; leave it in one of them")
        for key, values in self.grid.items():
            if not isinstance(values, list):
                shown = "..." if key in TOKENS else values
                raise UserError(f"grid: '{key}' is no list of values; write [{shown}], or move it to base")
            if not values:
                raise UserError(f"grid: '{key}' is an empty list; give it values or leave it out")

    def settings(self):
        """The settings of every run, duplicates and excluded ones among them: an iterator over (dict, from grid)."""
        if self.grid or not self.include:
            yield from ((self.base | point, True) for point in _product(self.grid))
        for entry in self.include:
            axes = {key: value if isinstance(value, list) else [value] for key, value in entry.items()}
            yield from ((self.base | point, False) for point in _product(axes))

    def with_set(self, assignments):
        """A sweep in which ``KEY=VALUE`` texts replace what ``base`` or ``grid`` say of KEY; a list makes an axis."""
        base, grid = dict(self.base), dict(self.grid)
        for text in assignments:
            key, value = _parse_assignment(text)
            base.pop(key, None)
            grid.pop(key, None)
            (grid if isinstance(value, list) else base)[key] = value
        return Sweep(base, grid, self.include, self.exclude)


def read_sweep(source, assignments=()):
    """A `Sweep` from a YAML or JSON file, or from a dict with the same sections.

    Args:
        source: path, or dict.
        assignments: ``KEY=VALUE`` texts that replace settings of the file.

    Raises:
        UserError: for a file that cannot be read, an unknown section or flag (with the nearest), or an empty grid.
    """
    sections = source if isinstance(source, dict) else read_config(source)
    if "base" not in sections and "grid" not in sections:
        raise UserError(f"{_called(source)} describes no sweep: it has neither 'base:' nor 'grid:'")
    for name in sections:
        check_choice("section", name, SECTIONS)
    sections = {name: content for name, content in sections.items() if content is not None}
    for name, kind in (("base", dict), ("grid", dict), ("include", list), ("exclude", list)):
        if not isinstance(sections.get(name, kind()), kind):
            written = "'flag: value' lines" if kind is dict else "a list of '- flag: value' entries"
            raise UserError(f"section '{name}' of {_called(source)} does not hold {written}")
    sweep = Sweep(**sections).with_set(assignments)
    if not sweep.grid and not sweep.include:
        raise UserError(f"the grid of {_called(source)} is empty; give at least one flag a list of values")
    return sweep


def check_size(sweep, most):
    """Refuses a sweep of more than ``most`` runs, duplicates and excluded ones among them, without expanding it."""
    grids = [sweep.grid] if sweep.grid or not sweep.include else []
    lists = [[v for v in axes.values() if isinstance(v, list)] for axes in (*grids, *sweep.include)]
    total = sum(math.prod(map(len, values)) for values in lists)
    if total > most:
        raise UserError(f"the sweep describes {total:,} runs, more than --max_runs {most:,}; vary less, or raise it")


def _called(source):
    return "the sweep" if isinstance(source, dict) else str(source)


def _check_keys(section, settings, known):
    if not isinstance(settings, dict):
        raise UserError(f"section '{section}' holds {settings!r} where 'flag: value' lines are expected")
    for key in settings:
        if key not in known:
            raise UserError(f"{section}: unknown setting '{key}'{meant(key, known)}")
        if key in NOT_IN_SWEEPS and section != "exclude":
            raise UserError(f"{section}: '{key}' does not go into a sweep: {NOT_IN_SWEEPS[key]}")


def _product(axes):
    return (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))


def _parse_assignment(text):
    key, separator, value = text.partition("=")
    if not separator:
        raise UserError(f"--set {text} is not KEY=VALUE, such as --set seed=0 or --set 'seed=[0,1,2]'")
    try:
        return key.strip(), load_yaml(value)
    except (yaml.YAMLError, ValueError) as error:
        why = "" if key.strip() in TOKENS else f" ({' '.join(str(error).split())})"
        raise UserError(f"--set {key}: the value is not YAML{why}") from error
