"""The flags of a scan: what is damaged point by point, how often, and of which model and data."""

import argparse
import dataclasses
import pathlib
import re
from dataclasses import field

from transformers import HfArgumentParser

from ..damage.methods import METHODS
from ..damage.regions import REGIONS
from ..results.read import read_sound
from ..results.schema import source_name
from ..utils.errors import UserError, check_choice
from ..utils.files import read_json
from .groups import CorruptionArguments, DataArguments, ModelArguments
from .help import CompactFormatter
from .identity import baseline, digest
from .marker import is_marker
from .parser import make_arguments

# Of a run's settings, those that say how it was evaluated: a scan of its folder takes them over. Not what gives rights
# (trust_remote_code, token) or says where things lie on this machine.
OF_A_RUN = [f.name for f in dataclasses.fields(DataArguments) if f.name not in ("overwrite_cache",)]
OF_A_RUN += ["pooling", "per_device_eval_batch_size", "bf16", "fp16", "seed"]

ACROSS = ("layers", "components")


@dataclasses.dataclass
class ScanArguments:
    """What a scan goes through."""

    _argument_group_name = "scan"

    over: str = field(
        default="layers,components",
        metadata={
            "help": "layers, components, or layers,components: each of them alone. In place of layers also regions "
            f"({', '.join(REGIONS)}), each at --corrupt_level. --corrupt_layers and --corrupt_components name the "
            "ones to go through; what is not gone through holds at every point."
        },
    )
    strengths: str | None = field(
        default=None,
        metadata={"aliases": ["--rates"], "help": "Strengths of the method, with commas between them, each at a time; --rates is the same."},
    )
    by_bit: str | None = field(
        default=None,
        metadata={
            "help": "Each of these bits alone, of methods that have the option bits: any, sign, exponent, mantissa, or "
            "numbers such as 0+23-30."
        },
    )
    repeats: int = field(
        default=1, metadata={"help": "Draws of the damage at each point: with --corrupt_seed and those that follow."}
    )
    until_width: float | None = field(
        default=None,
        metadata={"help": "Draw on until every 95%% interval of a point's shares is no wider, 0.02 for instance."},
    )
    max_repeats: int = field(default=1000, metadata={"help": "With --until_width, no more draws of a point than this."})
    linear_probe: bool = field(
        default=False,
        metadata={
            "help": "Train a new classification layer on the intact model's features, though it has one already."
        },
    )

    def __post_init__(self):
        self.over = ",".join(dict.fromkeys(part.strip() for part in self.over.split(",")))
        for part in self.places + self.parts:
            check_choice("--over", part, [*ACROSS, *REGIONS])
        if "layers" in self.places and len(self.places) > 1:
            raise UserError(f"--over {self.over}: give layers or regions, not both")
        for name in ("repeats", "max_repeats"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)} is too small; use 1 or more")
        if self.until_width is not None and not 0 < self.until_width < 1:
            raise UserError(f"--until_width {self.until_width:g} is not above 0 and below 1")
        if self.until_width is not None and self.repeats > self.max_repeats:
            raise UserError(f"--repeats {self.repeats} is more than --max_repeats {self.max_repeats}")
        self.strength_list()

    @property
    def places(self):
        """What is gone through from the embeddings to the head: ["layers"], names of regions, or nothing."""
        return [part for part in self.over.split(",") if part != "components"]

    @property
    def parts(self):
        """["components"] where these are gone through."""
        return [part for part in self.over.split(",") if part == "components"]

    @property
    def most(self):
        """The most draws of a point."""
        return self.repeats if self.until_width is None else self.max_repeats

    def strength_list(self):
        """The strengths as numbers; [None] where none are given."""
        if self.strengths is None:
            return [None]
        try:
            found = [float(part) for part in self.strengths.split(",")]
        except ValueError as error:
            raise UserError(f"--strengths {self.strengths} are not numbers with commas between them") from error
        return list(dict.fromkeys(found))


@dataclasses.dataclass
class Scan:
    """A scan as it was asked for: what is loaded and evaluated, what is gone through, and what is damaged.

    Args:
        arguments: `Arguments` of the evaluation, the same as of a run.
        options: `ScanArguments`.
        damage: the ``corrupt_...`` settings that were given and hold at every point, by name.
        run: the folder of the run whose model it is, or None.
        output_dir: the folder to write, if one was named; without, one under runs/ named after the identity.
    """

    arguments: object
    options: ScanArguments
    damage: dict
    run: str | None = None
    output_dir: str | None = None

    def __post_init__(self):
        if self.output_dir is None:
            model = pathlib.PurePath(self.arguments.model.model_name_or_path).name
            name = f"scan-{model}-{source_name(vars(self.arguments.data))}-{self.method}-{digest(self.identity())}"
            self.output_dir = str(pathlib.Path("runs") / re.sub(r"[^\w.\-]+", "_", name))
        self.arguments.training.output_dir = self.output_dir

    def settings(self):
        """What scan.json calls ``config``: the scan's settings, those of the damage, of the model and of the data."""
        every = self.arguments.settings()
        names = [f.name for group in (ModelArguments, DataArguments) for f in dataclasses.fields(group)]
        found = {name: every[name] for name in (*names, *OF_A_RUN, "plugin") if name != "token"}
        return {**found, **vars(self.options), "damage": self.damage, "run": self.run}

    def identity(self):
        """All that can change its figures, as a dict that JSON can hold."""
        method, donor = METHODS[self.method], self.arguments.sources.donor
        found = {"over": self.options.over, "damage": self.damage, "options": _changed(self.options)}
        found |= {"donor": donor.fingerprint or donor.name} if donor else {}
        found |= {"version": method.version} if method.version > 1 else {}
        return {"scan": found, "evaluation": self.arguments.identity()}

    @property
    def method(self):
        """The name of the method."""
        return self.damage.get("corrupt_method", CorruptionArguments.corrupt_method)

    def spec(self, **more):
        """The `CorruptionSpec` of the damage that was given, and ``more`` settings by their names."""
        return CorruptionArguments(**self.damage | more).spec()


def _changed(options):
    defaults = {f.name: f.default for f in dataclasses.fields(ScanArguments)}
    return {name: value for name, value in vars(options).items() if name != "over" and value != defaults[name]}


def add_flags(parser):
    """Adds to a parser what a scan takes of a run's flags outside the groups of the model, the data and the damage."""
    group = parser.add_argument_group("evaluation")
    group.add_argument("--output_dir", metavar="DIR", help="the scan's folder; default: under runs/, named after it")
    group.add_argument("--per_device_eval_batch_size", type=int, metavar="N", help="texts of a batch (default: 64)")
    group.add_argument("--seed", type=int, help="of a new head's initialisation (default: 42)")
    for name, says in {"use_cpu": "leave a GPU alone", "bf16": "in bfloat16", "fp16": "in float16"}.items():
        group.add_argument(f"--{name}", action="store_true", help=says)
    group.add_argument("--torch_num_threads", type=int, metavar="N", help="CPU threads; default: all cores")
    group.add_argument("--plugin", nargs="+", action="extend", help="Python files or modules that register entries")


def scan_parser(base, prog, description):
    """The parser of a scan's flags; what is not given is not in what it reads.

    Args:
        base: the class that says how errors look.
        prog, description: for its help.
    """

    class Parser(base, HfArgumentParser):
        """A parser of the flags of several groups."""

    groups = (ScanArguments, ModelArguments, DataArguments, CorruptionArguments)
    usage = f"{prog} [MODEL] [--flag value ...]"
    looks = {"usage": usage, "description": description, "formatter_class": CompactFormatter}
    parser = Parser(groups, prog=prog, allow_abbrev=False, **looks)
    parser.add_argument("model", metavar="MODEL", nargs="?", help="the folder of a run made with --save_model, or a model")
    add_flags(parser)
    for action in parser._actions:
        if action.dest != "help":
            action.help += "" if action.default in (None, False) else f" (default: {action.default})"
            action.default = argparse.SUPPRESS
    return parser


def make_scan(given):
    """The `Scan` that flags describe.

    Args:
        given: dict, by the flags' names, of what was given alone; ``model`` is what stands before the flags.

    Raises:
        UserError: for anything that cannot be used, before a model is touched.
    """
    given = dict(given)
    if "model" in given:
        given["model_name_or_path"] = given.pop("model")
    options = ScanArguments(**{f.name: given.pop(f.name) for f in dataclasses.fields(ScanArguments) if f.name in given})
    corrupt = [f.name for f in dataclasses.fields(CorruptionArguments)]
    damage = {name: given.pop(name) for name in corrupt if name in given and given[name] != baseline(name)}
    CorruptionArguments(**_without_place(damage, options)).spec()
    run = _run_of(given.get("model_name_or_path"))
    if run is not None:
        given = _settings_of(run) | given
    output_dir = given.pop("output_dir", None)
    donor = {name: damage[name] for name in ("corrupt_donor", "corrupt_method", "corrupt_options") if name in damage}
    arguments = make_arguments(**given, **(donor if "corrupt_donor" in donor else {}), disable_tqdm=True, output_dir=".")
    if arguments.training.world_size > 1:
        raise UserError("a scan is one process; start it without a launcher")
    return Scan(arguments, options, damage, run, output_dir)


def _without_place(damage, options):
    """The damage without what is gone through, whose names may stand beside a level or need one."""
    gone = {"layers": "corrupt_layers", "components": "corrupt_components"}
    left = {gone[part] for part in options.over.split(",") if part in gone}
    return {name: value for name, value in damage.items() if name not in left}


def _run_of(name):
    """The folder, if a name is that of a finished run that kept its model; None for any other model."""
    folder = pathlib.Path(name).expanduser() if name else None
    if folder is None or not is_marker(read_json(folder / "settings.json")):
        return None
    if not (folder / "results.json").is_file():
        raise UserError(f"the run in {folder} is not finished; the same command goes on with it")
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds a run without its model; run it again with --save_model")
    return str(folder)


def _settings_of(run):
    """What of a run's settings says how it was evaluated."""
    try:
        config = read_sound(run)["config"]
    except (OSError, ValueError) as error:
        raise UserError(f"{run}: {error}") from error
    found = {name: config[name] for name in OF_A_RUN if config.get(name) not in (None, baseline(name))}
    return {name: value for name, value in found.items() if value is not False}
