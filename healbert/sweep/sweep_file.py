"""The file that describes a sweep: base, grid, zip, include, exclude."""

import dataclasses
import itertools
import math
import pathlib

import yaml

from ..arguments.parser import known_flags, read_config, typed
from ..arguments.spellings import meant
from ..arguments.yaml_text import load_yaml
from ..utils.errors import UserError, check_choice
from .tokens import TOKENS, without_tokens

SECTIONS = {"base": dict, "grid": dict, "zip": dict, "include": list, "exclude": list}
SAME_AS_SEED = "same_as_seed"  # of corrupt_seed: the run's own seed


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
        zip: dict from flag to list of values, all of one length: they vary together, as one axis more of the grid.
        include: list of dicts, further runs on top of ``base``; a list of values in one makes a grid of its own.
        exclude: list of dicts from flag to value or list of values; a run of ``grid`` that matches all of one is out.
    """

    base: dict = dataclasses.field(default_factory=dict)
    grid: dict = dataclasses.field(default_factory=dict)
    zip: dict = dataclasses.field(default_factory=dict)
    include: list = dataclasses.field(default_factory=list)
    exclude: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        known = known_flags()
        for name, kind in SECTIONS.items():
            for entry in [getattr(self, name)] if kind is dict else getattr(self, name):
                _check_keys(name, entry, known)
                _check_same_as_seed(name, entry)
        for one, other in itertools.combinations(("base", "grid", "zip"), 2):
            both = sorted(getattr(self, one).keys() & getattr(self, other).keys())
            if both:
                raise UserError(f"'{both[0]}' stands in {one} and in {other}; leave it in one of them")
        for name in ("grid", "zip"):
            _check_lists(name, getattr(self, name))
        lengths = {key: len(values) for key, values in self.zip.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"'{key}' has {length}" for key, length in lengths.items())
            raise UserError(
                f"zip: the lists are of different lengths ({shown}), and they vary together; make them equal"
            )

    def settings(self):
        """The settings of every run, duplicates and excluded ones among them: an iterator over (dict, from grid)."""
        if self.grid or self.zip or not self.include:
            for point, together in itertools.product(_product(self.grid), _together(self.zip)):
                yield _with_seed(self.base | point | together), True
        for entry in self.include:
            axes = {key: value if isinstance(value, list) else [value] for key, value in entry.items()}
            yield from ((_with_seed(self.base | point), False) for point in _product(axes))

    def with_set(self, assignments):
        """A sweep in which ``KEY=VALUE`` texts replace what the file says of KEY.

        A list makes an axis of the grid; in place of one in ``zip``, it goes on varying with the others there. Entries
        of ``include`` that name KEY get the value, too.
        """
        base, grid, together = dict(self.base), dict(self.grid), dict(self.zip)
        include = [dict(entry) for entry in self.include]
        for text in assignments:
            key, value = _parse_assignment(text)
            lists = together if key in together else grid
            for section in (base, grid, together):
                section.pop(key, None)
            (lists if isinstance(value, list) else base)[key] = value
            include = [entry | ({key: value} if key in entry else {}) for entry in include]
        return Sweep(base, grid, together, include, self.exclude)


@dataclasses.dataclass
class Listed(Sweep):
    """A sweep whose runs are known one by one; ``runs`` are the settings of each."""

    runs: list = dataclasses.field(default_factory=list)

    def settings(self):
        return ((settings, False) for settings in self.runs)


def read_sweep(source, assignments=()):
    """A `Sweep` from a YAML or JSON file, or from a dict with the same sections.

    Args:
        source: path, or dict.
        assignments: ``KEY=VALUE`` texts that replace settings of the file.

    Raises:
        UserError: for a file that cannot be read, an unknown section or flag (with the nearest), or an empty grid.
    """
    sections = source if isinstance(source, dict) else read_config(source)
    if not {"base", "grid", "zip"} & sections.keys():
        raise UserError(f"{_called(source)} describes no sweep: it has neither 'base:' nor 'grid:'")
    for name in sections:
        check_choice("section", name, SECTIONS)
    if "zip" in sections and not sections["zip"]:
        raise UserError(f"section 'zip' of {_called(source)} is empty; give it lists of values, or leave it out")
    sections = {name: content for name, content in sections.items() if content is not None}
    for name, kind in SECTIONS.items():
        if not isinstance(sections.get(name, kind()), kind):
            written = "'flag: value' lines" if kind is dict else "a list of '- flag: value' entries"
            raise UserError(f"section '{name}' of {_called(source)} does not hold {written}")
    sweep = Sweep(**sections).with_set(assignments)
    if not sweep.grid and not sweep.zip and not sweep.include:
        raise UserError(f"the grid of {_called(source)} is empty; give at least one flag a list of values")
    return sweep


def source_of(source, assignments=()):
    """What tells a sweep from others in one folder, and its name for people.

    Args:
        source, assignments: as of `read_sweep`.

    Returns:
        tuple: a value that JSON can hold, without tokens: the file and what replaces its settings, not what is in it,
        so that a changed file is the same sweep; of a dict its content. And a text.
    """
    given = [text for text in assignments if text.partition("=")[0].strip() not in TOKENS]
    if not isinstance(source, dict):
        return [str(pathlib.Path(source).resolve()), given], " ".join([pathlib.Path(source).name, *given])
    sections = {name: part for name, part in source.items() if isinstance(part, dict)}
    shown = {name: without_tokens(part) for name, part in sections.items()}
    return [shown, source.get("include"), source.get("exclude"), given], "from Python"


def check_size(sweep, most):
    """Refuses a sweep of more than ``most`` runs, duplicates and excluded ones among them, without expanding it."""
    together = dict(itertools.islice(sweep.zip.items(), 1))  # as many as one list of zip has
    grids = [sweep.grid | together] if sweep.grid or sweep.zip or not sweep.include else []
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


def _check_lists(section, axes):
    for key, values in axes.items():
        if not isinstance(values, list):
            shown = "..." if key in TOKENS else values
            raise UserError(f"{section}: '{key}' is no list of values; write [{shown}], or move it to base")
        if not values:
            raise UserError(f"{section}: '{key}' is an empty list; give it values or leave it out")


def _check_same_as_seed(section, settings):
    for key, value in settings.items():
        if SAME_AS_SEED not in (value if isinstance(value, list) else [value]):
            continue
        if key != "corrupt_seed":
            raise UserError(f"{section}: '{SAME_AS_SEED}' is a value of corrupt_seed alone; give '{key}' another")
        if section == "exclude":
            raise UserError(f"exclude: '{SAME_AS_SEED}' names no seed; write the corrupt_seed of the runs to leave out")


def _with_seed(settings):
    """The settings of a run, with its own seed where corrupt_seed is to be the same."""
    if settings.get("corrupt_seed") != SAME_AS_SEED:
        return settings
    return settings | {"corrupt_seed": settings.get("seed", typed("seed", None))}


def _together(lists):
    """A dict for each place in lists of one length; a single empty one without lists."""
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)] if lists else [{}]


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
