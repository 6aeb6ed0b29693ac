"""What to damage, and how."""

import dataclasses
import json
from dataclasses import field

from ...damage.components import COMPONENTS
from ...damage.methods import METHODS
from ...damage.regions import REGIONS
from ...damage.series import FIELDS, read_corruptions
from ...damage.severity import METRICS, read_severity
from ...damage.spec import UNITS, CorruptionSpec, names_strength, strength_of
from ...models.layers import SIDES
from ...utils.errors import UserError
from ...utils.options import list_options

# What may stand beside a list of damages.
BESIDE = {"corruptions", "corrupt_only", "corrupt_seed", "match_severity", "measure_damage"}


@dataclasses.dataclass
class CorruptionArguments:
    """What to damage, and how."""

    _argument_group_name = "corruption"

    corrupt_level: float | None = field(
        default=None,
        metadata={"help": "Fraction of the encoder to damage. Default: 0; 1 where components or parameters are named."},
    )
    corrupt_region: str = field(
        default="bottom", metadata={"help": f"Which part of the encoder: {', '.join(REGIONS)}."}
    )
    corrupt_layers: str | None = field(
        default=None, metadata={"help": "The layers to damage, in place of a level and a region: 0,3,5-7, from 0."}
    )
    corrupt_invert: bool = field(default=False, metadata={"help": "Damage all of the encoder but what would be."})
    corrupt_components: str | None = field(
        default=None,
        metadata={"help": f"These parts of the layers alone, with commas between them: {', '.join(COMPONENTS)}."},
    )
    corrupt_parameters: str | None = field(
        default=None, metadata={"help": "Only parameters in whose path this regular expression is found."}
    )
    corrupt_method: str = field(default="kaiming_uniform", metadata={"help": f"One of: {', '.join(METHODS)}."})
    corrupt_options: str | None = field(
        default=None,
        metadata={
            "help": "Options of the method, name=value with commas between them. "
            + list_options(METHODS, lambda method: method.strength)
        },
    )
    corrupt_strength: float | None = field(
        default=None, metadata={"help": "How much, by one name for all methods: the option with a * above."}
    )
    corruptions: str | None = field(
        default=None,
        metadata={
            "help": "Several damages, one after another: a list, here as JSON, of what these flags say, without "
            'corrupt_: [{"level": 0.5}, {"layers": "3", "method": "shuffle"}].'
        },
    )
    match_severity: str | None = field(
        default=None,
        metadata={
            "help": "Find the strength at which the damage reaches a figure, within 2%% of it (kl=X,within=0.1: 10%%): "
            + ", ".join(f"{name}=X ({says})" for name, says in METRICS.items())
            + "."
        },
    )
    measure_damage: bool = field(
        default=False,
        metadata={"help": "Evaluate the intact model, too, and say what the damage changes."},
    )
    corrupt_only: bool = field(
        default=False,
        metadata={"help": "Keep the damaged model in --output_dir, and train nothing."},
    )
    corrupt_donor: str | None = field(
        default=None, metadata={"help": "The model that method donor takes values from: a Hub id or a folder."}
    )
    keep_norms: bool = field(default=False, metadata={"help": "Leave the weights of norms as they are."})
    corrupt_unit: str = field(
        default="layer", metadata={"help": f"Whole layers, or tensors up to the level: {' or '.join(UNITS)}."}
    )
    corrupt_seed: int = field(default=0, metadata={"help": "Seed of the random values."})
    corrupt_embeddings: bool = field(default=False, metadata={"help": "Damage the embeddings too."})
    corrupt_pooler: bool = field(default=False, metadata={"help": "Damage the pooler too, where there is one."})
    corrupt_side: str = field(
        default="encoder",
        metadata={"help": f"What to damage of a model with both: {', '.join(SIDES)}."},
    )

    def __post_init__(self):
        if self.corruptions is not None:
            self._read_corruptions()
        specs = self.specs()
        if self.corruptions is None:
            # In one form, so that what a YAML file lists and what the command line says are the same.
            level, self.corrupt_layers, self.corrupt_components = specs[0].level, specs[0].layers, specs[0].components
            self.corrupt_level = level
        if self.match_severity is not None:
            self.match_severity = str(read_severity(self.match_severity))
            if not self.intact and (specs[-1].strength is not None or self._names_strength(specs[-1])):
                beside = f"--corrupt_strength and option {strength_of(specs[-1].method)}"
                raise UserError(f"--match_severity finds the strength; leave out {beside}")

    def _read_corruptions(self):
        """Leaves in ``corruptions`` those that count, where there are several; one goes into the other flags."""
        beside = {f.name for f in dataclasses.fields(self) if getattr(self, f.name) != f.default} - BESIDE
        if beside:
            named = ", ".join(f"--{name}" for name in sorted(beside))
            raise UserError(f"--corruptions says all that is damaged; leave out {named}, or say it in the list")
        found = read_corruptions(self.corruptions, self.corrupt_seed)
        self.corruptions = json.dumps([entry for entry, _ in found], sort_keys=True) if len(found) > 1 else None
        if self.corruptions is None:
            entry = {"seed": found[0][1].seed, **found[0][0]} if found else {"level": 0.0}
            for name, value in entry.items():
                flag = name if hasattr(self, name) else f"corrupt_{name}"
                setattr(self, flag, json.dumps(value) if isinstance(value, dict) else value)

    def _own(self):
        flags = {name: name.removeprefix("corrupt_") for name in vars(self)}
        return CorruptionSpec(**{name: getattr(self, flag) for flag, name in flags.items() if name in FIELDS})

    def _names_strength(self, spec):
        options = json.loads(self.corruptions)[-1].get("options") if self.corruptions else self.corrupt_options
        return names_strength(spec.method, options)

    @property
    def intact(self):
        """Whether nothing is damaged."""
        return self.specs()[0].intact

    def specs(self):
        """The damages, one after another: a list of `CorruptionSpec`; of an intact model one of level 0."""
        if self.corruptions is None:
            return [self._own()]
        return [spec for _, spec in read_corruptions(self.corruptions, self.corrupt_seed)]

    def spec(self):
        """What `corrupt` takes: a `CorruptionSpec`, or the list of several."""
        specs = self.specs()
        return specs if self.corruptions else specs[0]

    def severity(self):
        """The `Severity` that the damage is to have; None where its strength is given, or there is no damage."""
        return None if self.match_severity is None or self.intact else read_severity(self.match_severity)

    def measured(self):
        """Whether the intact model is evaluated, too: where that is asked for, or a severity takes it anyway."""
        severity = self.severity()
        return not self.intact and (self.measure_damage or (severity is not None and severity.evaluates))
