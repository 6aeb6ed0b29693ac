"""What to damage, and how."""

import dataclasses
from dataclasses import field

from ...damage.components import COMPONENTS
from ...damage.methods import METHODS
from ...damage.regions import REGIONS
from ...damage.severity import METRICS, read_severity
from ...damage.spec import UNITS, CorruptionSpec, names_strength, strength_of
from ...models.layers import SIDES
from ...utils.errors import UserError
from ...utils.options import list_options


@dataclasses.dataclass
class CorruptionArguments:
    """What to damage, and how."""

    _argument_group_name = "corruption"

    corrupt_level: float | None = field(
        default=None,
        metadata={
            "help": "Fraction of the encoder to damage, 0 to 1. Default: 0; 1 where components or parameters are named."
        },
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
        metadata={"help": f"Options of the method, name=value with commas between them. {list_options(METHODS)}"},
    )
    corrupt_strength: float | None = field(
        default=None,
        metadata={
            "help": "How much, by the method's own option for it: "
            + ", ".join(f"{name} {METHODS[name].strength}" for name in METHODS if METHODS[name].strength)
            + "."
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
        metadata={"help": "Evaluate the intact model, too: the receipt says what the damage changes before healing."},
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
        metadata={"help": f"Of a model with an encoder and a decoder, what to damage: {', '.join(SIDES)}."},
    )

    def __post_init__(self):
        spec = self.spec()
        # In one form, so that what a YAML file lists and what the command line says are the same.
        self.corrupt_level, self.corrupt_layers, self.corrupt_components = spec.level, spec.layers, spec.components
        if self.match_severity is not None:
            severity = read_severity(self.match_severity)
            given = self.corrupt_strength is not None
            if not spec.intact and (given or names_strength(spec.method, self.corrupt_options)):
                option = strength_of(spec.method)
                raise UserError(
                    f"--match_severity finds the strength; leave out --corrupt_strength and option {option}"
                )
            self.match_severity = str(severity)

    def spec(self):
        """The `CorruptionSpec` that these flags describe."""
        flags = {name: name.removeprefix("corrupt_") for name in vars(self)}
        known = {field.name for field in dataclasses.fields(CorruptionSpec)}
        return CorruptionSpec(**{name: getattr(self, flag) for flag, name in flags.items() if name in known})

    def severity(self):
        """The `Severity` that the damage is to have; None where its strength is given, or there is no damage."""
        return None if self.match_severity is None or self.spec().intact else read_severity(self.match_severity)

    def measured(self):
        """Whether the intact model is evaluated, too: where that is asked for, or a severity takes it anyway."""
        severity = self.severity()
        return not self.spec().intact and (self.measure_damage or (severity is not None and severity.evaluates))
