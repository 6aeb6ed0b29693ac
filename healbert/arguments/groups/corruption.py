"""What to damage, and how."""

import dataclasses
from dataclasses import field

from ...damage.methods import METHODS
from ...damage.regions import REGIONS
from ...damage.spec import UNITS, CorruptionSpec
from ...models.layers import SIDES
from ...utils.options import list_options


@dataclasses.dataclass
class CorruptionArguments:
    """What to damage, and how."""

    _argument_group_name = "corruption"

    corrupt_level: float = field(default=0.0, metadata={"help": "Fraction of the encoder to damage, 0 to 1."})
    corrupt_region: str = field(
        default="bottom", metadata={"help": f"Which part of the encoder: {', '.join(REGIONS)}."}
    )
    corrupt_method: str = field(default="kaiming_uniform", metadata={"help": f"One of: {', '.join(METHODS)}."})
    corrupt_options: str | None = field(
        default=None,
        metadata={"help": f"Options of the method, name=value with commas between them. {list_options(METHODS)}"},
    )
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
        self.spec()

    def spec(self):
        """The `CorruptionSpec` that these flags describe."""
        return CorruptionSpec(
            **{f.name.removeprefix("corrupt_"): getattr(self, f.name) for f in dataclasses.fields(self)}
        )
