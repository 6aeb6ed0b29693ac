"""What a method of damage is."""

import dataclasses
from collections.abc import Callable

from ...utils.errors import check_choice

NORMS = ("one", "keep", "method")
BIASES = ("zero", "keep", "method")
OTHERS = ("own", "keep", "method")


@dataclasses.dataclass(frozen=True)
class Method:
    """A method of damage.

    Args:
        function: ``function(original, module, generator, **options) -> new values``. ``original`` is a float32 copy of
            the tensor on the CPU, ``module`` its owner, ``generator`` the tensor's own `torch.Generator` on the CPU.
            The new values have the shape of the original.
        options: {name: `utils.options.Option`}, what ``--corrupt_options`` may set.
        norms: what happens to norm weights: "one" (the paper's way), "keep", or "method" (the function).
        biases: what happens to biases: "zero" (the paper's way), "keep", or "method".
        others: what happens to what is neither norm, bias nor map (scales, decay rates, sinks, tables inside a layer):
            "own" (their architecture's own initial values), "keep", or "method".
        version: raised when the same settings come to give other values; renames the runs of this method alone.

    Raises:
        UserError: for a rule that is none of these.
    """

    function: Callable
    options: dict = dataclasses.field(default_factory=dict)
    norms: str = "one"
    biases: str = "zero"
    others: str = "own"
    version: int = 1

    def __post_init__(self):
        check_choice("rule for norms", self.norms, NORMS)
        check_choice("rule for biases", self.biases, BIASES)
        check_choice("rule for other parameters", self.others, OTHERS)
