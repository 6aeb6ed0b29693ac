"""What to damage: the spec."""

import dataclasses

from ..utils.errors import UserError, check_choice
from .methods import METHODS
from .regions import REGIONS

UNITS = ("layer", "parameter")


@dataclasses.dataclass(frozen=True)
class CorruptionSpec:
    """What to damage: a fraction of the encoder, where, how, and the seed of the draw.

    Args:
        level: fraction of the encoder, 0 to 1.
        region: "bottom" (nearest the embeddings) or "top".
        unit: "layer" (whole layers, ``level * num_layers`` rounded half up) or "parameter" (tensors in depth
            order until their share of the encoder's scalars comes as near ``level`` as whole tensors allow).
        method: a name in `METHODS`, for weights; norm weights become 1 and biases 0 (paper, section 3).
        seed: seed of the random values.
        embeddings, pooler: whether these are damaged too (at any level above 0).

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

    def __post_init__(self):
        if not isinstance(self.level, (int, float)) or not isinstance(self.seed, int):
            raise UserError(f"corruption level {self.level!r} or seed {self.seed!r} is not a number")
        if not 0 <= self.level <= 1:
            hint = f"; did you mean {self.level / 100:g}?" if 2 <= self.level <= 100 else ""
            raise UserError(f"corruption level {self.level:g} is not a fraction from 0 to 1{hint}")
        check_choice("corruption region", self.region, REGIONS)
        check_choice("corruption unit", self.unit, UNITS)
        check_choice("corruption method", self.method, METHODS)
        if self.seed < 0:
            raise UserError(f"corruption seed {self.seed} is negative; use 0 or more")
