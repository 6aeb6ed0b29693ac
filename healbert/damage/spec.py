"""What to damage: the spec."""

import dataclasses
import re

from ..models.layers import SIDES
from ..utils.errors import UserError, check_choice
from ..utils.options import option_pairs, read_options
from .components import COMPONENTS
from .methods import METHODS
from .regions import REGIONS
from .spans import read_spans, spans

UNITS = ("layer", "parameter")


@dataclasses.dataclass(frozen=True)
class CorruptionSpec:
    """What to damage: where, what of it, how, and the seed of the draws.

    Args:
        level: fraction of the encoder, 0 to 1; 0 damages nothing, whatever else is given. None: 1 where components or
            parameters are named, unless ``layers`` are; else 0.
        region: a name in `REGIONS`: "bottom" (nearest the embeddings), "top", ...
        layers: the layers in place of a level and a region: "0,3,5-7", or a list of int.
        invert: whether all of the encoder is hit but what would be.
        components: names in `COMPONENTS` with commas between them, or a list: these parts of the layers alone.
        parameters: a regular expression, found in the paths of the parameters that are hit.
        unit: "layer" (whole layers, ``level * num_layers`` rounded half up) or "parameter" (tensors in depth
            order until their share of the encoder's scalars comes as near ``level`` as whole tensors allow).
        method: a name in `METHODS`; it says what norm weights and biases become, in the paper (section 3) 1 and 0.
        strength: the option of the method that says how much, by its one name for all methods.
        seed: seed of the random values.
        keep_norms: whether norm weights stay as they are, whatever the method says.
        embeddings, pooler: whether these are damaged too (where anything is).
        side: of a model with an encoder and a decoder, "encoder", "decoder", or "both" (the level of each).
        donor: the model that a method takes values from: a folder, or an id of the Hub.
        options: of the method, as a dict or as text ("rate=0.1,other=2"); what is left out has its default.

    Raises:
        UserError: if a field is out of range, or two say different things.
    """

    level: float | None = None
    region: str = "bottom"
    unit: str = "layer"
    method: str = "kaiming_uniform"
    seed: int = 0
    embeddings: bool = False
    pooler: bool = False
    side: str = "encoder"
    options: dict | str | None = dataclasses.field(default=None, hash=False)  # a dict cannot be hashed
    layers: str | list | None = None
    invert: bool = False
    components: str | list | None = None
    parameters: str | None = None
    keep_norms: bool = False
    strength: float | None = None
    donor: str | None = None

    def __post_init__(self):
        _check_level(self.level)
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise UserError(f"corruption seed {self.seed!r} is not a whole number")
        check_choice("corruption region", self.region, REGIONS)
        check_choice("corruption unit", self.unit, UNITS)
        check_choice("corruption side", self.side, SIDES)
        check_choice("corruption method", self.method, METHODS)
        if self.seed < 0:
            raise UserError(f"corruption seed {self.seed} is negative; use 0 or more")
        # The class is frozen: this completes it.
        for name, value in (*self._place(), ("options", self._options())):
            object.__setattr__(self, name, value)

    @property
    def intact(self):
        """Whether nothing is damaged."""
        return self.level == 0

    def _place(self):
        """The fields that say where, resolved."""
        layers, components = _layers(self.layers), _components(self.components)
        level = self.level
        if layers is not None and (level or self.region != "bottom" or self.unit != "layer"):
            raise UserError("layers are named in place of a level, a region and a unit; leave these out")
        if self.parameters is not None:
            _check_pattern(self.parameters)
        if level is None and layers is None:
            level = 1.0 if components or self.parameters else 0.0
        return ("layers", layers), ("components", components), ("level", level)

    def _options(self):
        method = METHODS[self.method]
        given = self.options
        if self.strength is not None:
            given = _with_strength(given, strength_of(self.method), self.strength)
        found = read_options("--corrupt_options", given, {self.method: method.options})[self.method]
        if method.check:
            method.check(**found)
        takes = method.donor or found.get("towards") == "donor"
        if takes and self.donor is None:
            raise UserError(f"method '{self.method}' needs --corrupt_donor: a folder or a Hub id of another model")
        if self.donor is not None and not takes:
            raise UserError(f"method '{self.method}' takes nothing from a donor; leave out --corrupt_donor")
        return found


def _check_level(level):
    if level is None:
        return
    if not isinstance(level, (int, float)) or isinstance(level, bool):
        raise UserError(f"corruption level {level!r} is not a number")
    if not 0 <= level <= 1:
        level = max(-(10**300), min(level, 10**300)) if isinstance(level, int) else level  # a float cannot say more
        hint = f"; did you mean {level / 100:g}?" if 2 <= level <= 100 else ""
        raise UserError(f"corruption level {level:g} is not a fraction from 0 to 1{hint}")


def _layers(given):
    """Layers in one form, so that "2,0-1" and [0, 1, 2] are the same; None where none are named."""
    if given is None or given == "":
        return None
    text = ",".join(map(str, given)) if isinstance(given, (list, tuple, range)) else str(given)
    try:
        return spans(read_spans(text))
    except ValueError:
        raise UserError(f"layers '{text}' are not numbers and spans such as 0,3,5-7, counted from 0") from None


def _components(given):
    if not given:
        return None
    names = given if isinstance(given, (list, tuple)) else str(given).split(",")
    names = [str(name).strip() for name in names]
    for name in names:
        check_choice("component", name, COMPONENTS)
    return ",".join(dict.fromkeys(names))


def _check_pattern(pattern):
    if pattern == "":
        raise UserError("parameters '' is an empty pattern, which is found everywhere; leave it out to damage all")
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise UserError(f"parameters '{pattern}' are no regular expression: {error}") from error


def strength_of(method):
    """The option of a method that says how much.

    Raises:
        UserError: if it has none, naming the methods that have one.
    """
    if METHODS[method].strength is None:
        known = ", ".join(name for name in METHODS if METHODS[name].strength)
        raise UserError(f"method '{method}' has no strength (methods that have one: {known})")
    return METHODS[method].strength


def names_strength(method, options):
    """Whether options, as they were given, hold the strength of a method."""
    name = strength_of(method)
    return bool({name, f"{method}.{name}"} & dict(option_pairs("--corrupt_options", options)).keys())


def _with_strength(given, option, strength):
    pairs = dict(option_pairs("--corrupt_options", given))
    if option in pairs and pairs[option] != strength:  # the same one twice: a spec that was made of another
        raise UserError(f"the strength is the option {option}, which is given too; leave one out")
    return pairs | {option: strength}
