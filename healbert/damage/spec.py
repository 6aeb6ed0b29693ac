"""What to damage: the spec."""

import dataclasses

from ..models.layers import SIDES
from ..utils.errors import UserError, check_choice
from ..utils.options import read_options
from .methods import METHODS
from .regions import REGIONS

UNITS = ("layer", "parameter")


@dataclasses.dataclass(frozen=True)
class CorruptionSpec:
    """What to damage: a fraction of the encoder, where, how, and the seed of the draw.

    Args:
        level: fraction of the encoder, 0 to 1.
        region: a name in `REGIONS`: "bottom" (nearest the embeddings), "top".
        unit: "layer" (whole layers, ``level * num_layers`` rounded half up) or "parameter" (tensors in depth
            order until their share of the encoder's scalars comes as near ``level`` as whole tensors allow).
        method: a name in `METHODS`; it says what norm weights and biases become, in the paper (section 3) 1 and 0.
        seed: seed of the random values.
        embeddings, pooler: whether these are damaged too (at any level above 0).
        side: of a model with an encoder and a decoder, "encoder", "decoder", or "both" (the level of each).
        options: of the method, as a dict or as text ("rate=0.1,other=2"); what is left out has its default.

    Raises:
        UserError: if a field is out of range.
    """

    level: float = 0.0
    region: str = "bottom"
    unit: str = "layer"
    method: str = "kaiming_uniform"
    seed: int = 0
    embeddings: bool = False
    pooler: bool = False
    side: str = "encoder"
    options: dict | str | None = dataclasses.field(default=None, hash=False)  # a dict cannot be hashed

    def __post_init__(self):
        if not isinstance(self.level, (int, float)) or not isinstance(self.seed, int):
            raise UserError(f"corruption level {self.level!r} or seed {self.seed!r} is not a number")
        if not 0 <= self.level <= 1:
            hint = f"; did you mean {self.level / 100:g}?" if 2 <= self.level <= 100 else ""
            raise UserError(f"corruption level {self.level:g} is not a fraction from 0 to 1{hint}")
        check_choice("corruption region", self.region, REGIONS)
        check_choice("corruption unit", self.unit, UNITS)
        check_choice("corruption side", self.side, SIDES)
        check_choice("corruption method", self.method, METHODS)
        if self.seed < 0:
            raise UserError(f"corruption seed {self.seed} is negative; use 0 or more")
        declared = {self.method: METHODS[self.method].options}
        resolved = read_options("--corrupt_options", self.options, declared)[self.method]
        object.__setattr__(self, "options", resolved)  # the class is frozen: this completes it
