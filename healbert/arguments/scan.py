"""The flags of a scan: what is damaged point by point, how often, and of which model and data."""

import argparse
import dataclasses
import pathlib
import re

from transformers import HfArgumentParser

from ..damage.methods import METHODS
from ..damage.methods.bits import bits_of
from ..results.read import read_sound
from ..results.scan import is_scan_folder
from ..results.schema import source_name
from ..utils.errors import UserError
from ..utils.files import read_json
from ..utils.options import option_pairs
from .groups import CorruptionArguments, DataArguments, ModelArguments
from .groups.scan import ScanArguments
from .help import CompactFormatter
from .identity import baseline, digest
from .marker import is_marker
from .parser import make_arguments

# Of a run's settings, those that say how it was evaluated: a scan of its folder takes them over. Not what gives rights
# (trust_remote_code, token) or says where things lie on this machine.
OF_A_RUN = [f.name for f in dataclasses.fields(DataArguments) if f.name not in ("overwrite_cache",)]
EVALUATION = ["pooling", "per_device_eval_batch_size", "precision", "bf16", "fp16", "seed"]
OF_A_RUN += EVALUATION

NOT_IN_SCANS = ("corruptions", "match_severity", "measure_damage", "corrupt_only")


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
        if self.arguments is not None:
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

    def damage_at(self, layer=None, region=None, component=None, strength=None, bit=None):
        """The ``corrupt_...`` settings of one point, by name: those of a run with the same damage."""
        found = {name: value for name, value in self.damage.items() if name not in self._gone_through()}
        named = {"corrupt_layers": None if layer is None else str(layer), "corrupt_region": region}
        named |= {"corrupt_components": component, "corrupt_strength": strength}
        if bit is not None:
            named["corrupt_options"] = ",".join(filter(None, (found.get("corrupt_options"), f"bits={bit}")))
        return found | {name: value for name, value in named.items() if value is not None}

    def _gone_through(self):
        names = {"layers": "corrupt_layers", "components": "corrupt_components"}
        return {names[part] for part in self.options.over.split(",") if part in names}

    @staticmethod
    def spec(settings):
        """The `CorruptionSpec` of ``corrupt_...`` settings, by name."""
        return CorruptionArguments(**settings).spec()

    def bits(self):
        """The bits to go through; [None] where none were asked for.

        Raises:
            UserError: if the method hits no single bits, its type has no such bits, or the option names others.
        """
        if self.options.by_bit is None:
            return [None]
        options = self.spec(self.damage_at()).options
        if not {"bits", "type"} <= options.keys():
            known = ", ".join(name for name in METHODS if {"bits", "type"} <= METHODS[name].options.keys())
            raise UserError(f"--by_bit goes with methods that hit single bits ({known}), not with '{self.method}'")
        given = dict(option_pairs("--corrupt_options", self.damage.get("corrupt_options")))
        if {"bits", f"{self.method}.bits"} & given.keys():
            raise UserError("--by_bit and option bits exclude each other; give one of them")
        return bits_of(self.options.by_bit, "float32" if options["type"] == "own" else options["type"])

    def check(self):
        """Refuses what can be refused without a model."""
        level, regions = self.damage.get("corrupt_level"), [part for part in self.options.places if part != "layers"]
        if METHODS[self.method].drops:
            raise UserError(f"method '{self.method}' changes the model's depth and cannot be undone; choose another")
        if regions and not level:
            raise UserError(f"--over {self.options.over} needs a --corrupt_level above 0 for its regions")
        if self.options.strengths is not None and "corrupt_strength" in self.damage:
            raise UserError("--strengths and --corrupt_strength exclude each other; give one of them")
        for name in self._gone_through() & self.damage.keys():
            self.spec({name: self.damage[name]})
        layer = 0 if "layers" in self.options.places else None  # a level or a region beside it is refused
        for strength in self.options.strength_list():
            for bit in self.bits():
                self.spec(self.damage_at(layer=layer, strength=strength, bit=bit))


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
    group.add_argument("--precision", help="float32, bf16, fp16; auto: bf16 where this device multiplies it")
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
    parser.add_argument("model", metavar="MODEL", nargs="?", help="the folder of a run that kept its model, or a model")
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
    damage = _checked_damage(options, given)
    run = _run_of(given.get("model_name_or_path"))
    if run is not None:
        given = _settings_of(run, given) | given
    output_dir = given.pop("output_dir", None)
    donor = {name: damage[name] for name in ("corrupt_donor", "corrupt_method", "corrupt_options") if name in damage}
    donor = donor if "corrupt_donor" in donor else {}
    arguments = make_arguments(**given, **donor, disable_tqdm=True, output_dir=".")
    if arguments.training.world_size > 1:
        raise UserError("a scan is one process; start it without a launcher")
    return Scan(arguments, options, damage, run, output_dir)


def _checked_damage(options, given):
    """Takes the settings of the damage out of what was given: a dict of those that are not at their default."""
    names = [f.name for f in dataclasses.fields(CorruptionArguments) if f.name in given]
    found = {name: given.pop(name) for name in names}
    found = {name: value for name, value in found.items() if value != baseline(name)}
    if refused := [name for name in NOT_IN_SCANS if name in found]:
        raise UserError(f"--{refused[0]} does not go into a scan, which makes one damage at a time; leave it out")
    Scan(None, options, found, output_dir="").check()
    return found


def _run_of(name):
    """The folder, if a name is that of a finished run that kept its model; None for any other model."""
    folder = pathlib.Path(name).expanduser() if name else None
    if folder is not None and folder.is_dir() and is_scan_folder(folder, [path.name for path in folder.iterdir()]):
        raise UserError(f"{folder} holds a scan, and no model; name the model that was scanned, or report the folder")
    if folder is None or not is_marker(read_json(folder / "settings.json")):
        return None
    if not (folder / "results.json").is_file():
        raise UserError(f"the run in {folder} is not finished; the same command goes on with it")
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds a run without its model; run it again with --save_model")
    return str(folder)


def _settings_of(run, given):
    """What of a run's settings says how it was evaluated; nothing of its data where others were ``given``."""
    try:
        config = read_sound(run)["config"]
    except (OSError, ValueError) as error:
        raise UserError(f"{run}: {error}") from error
    names = EVALUATION if any(name in given for name in ("task_name", "dataset_name", "train_file")) else OF_A_RUN
    found = {name: config[name] for name in names if config.get(name) not in (None, baseline(name))}
    return {name: value for name, value in found.items() if value is not False}
