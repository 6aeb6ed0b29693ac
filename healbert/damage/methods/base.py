"""What a method of damage is."""

import dataclasses
from collections.abc import Callable

from ...utils.errors import UserError, check_choice

NORMS = ("one", "keep", "method")
BIASES = ("zero", "keep", "method")
OTHERS = ("own", "keep", "method")


@dataclasses.dataclass(frozen=True)
class Job:
    """All that is hit, before anything changes: what a method's ``prepare`` sees.

    Args:
        stack: the model's `LayerStack`.
        spec: the `CorruptionSpec`.
        hit: list of `Hit`, in depth order.
        changed: of these, those that get the method's values and not what it says of norms, biases and others.
        donor: {path inside the base model: tensor} of the donor, where the method takes from one.
    """

    stack: object
    spec: object
    hit: list
    changed: list
    donor: dict | None = None


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
        layout: whether the function is also given the keyword ``layout``, the map's `Layout`: its inputs and outputs.
        version: raised when the same settings come to give other values; renames the runs of this method alone.
        strength: the option that ``--corrupt_strength`` sets, where one number says how much.
        mildest: the strength that damages least, from which severity is searched for towards the default and beyond;
            None: the option's least value, or 0.
        check: ``check(**options)``, called when a spec is made: raises `UserError` for options that do not go together.
        prepare: ``prepare(job, **options) -> context``, called once before anything changes, for a method that must see
            more than one tensor; its function is then given the keywords ``name`` (that of the `Hit`) and ``context``.
        donor: whether the method takes values from another model (``--corrupt_donor``).
        finite: whether finite values must stay finite; a flipped bit may make an infinity.
        drops: whether the layers are taken out instead of getting other values.
        anew: whether values are drawn whatever was there, so that the same damage done twice is none the second time.

    Raises:
        UserError: if a rule is none of these, or ``strength`` no option.
    """

    function: Callable
    options: dict = dataclasses.field(default_factory=dict)
    norms: str = "one"
    biases: str = "zero"
    others: str = "own"
    layout: bool = False
    version: int = 1
    strength: str | None = None
    mildest: float | None = None
    check: Callable | None = None
    prepare: Callable | None = None
    donor: bool = False
    finite: bool = True
    drops: bool = False
    anew: bool = False

    def __post_init__(self):
        check_choice("rule for norms", self.norms, NORMS)
        check_choice("rule for biases", self.biases, BIASES)
        check_choice("rule for other parameters", self.others, OTHERS)
        if self.strength is not None and self.strength not in self.options:
            raise UserError(f"strength '{self.strength}' is no option of the method; declare it among its options")
