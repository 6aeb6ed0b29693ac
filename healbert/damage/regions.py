"""Where the damage goes: regions, and the tensors that a spec hits.

A region is a function of the layer stack and the spec that gives the indices of the layers that are hit.
"""

import math
import numbers
import warnings

from ..utils.errors import UserError
from ..utils.registry import register, table
from .components import COMPONENTS
from .sharing import require_alone

REGIONS = table("region")


@register("region", "bottom")
def bottom(stack, spec):
    """The layers nearest the embeddings."""
    return list(range(layers_hit(spec.level, stack)))


@register("region", "top")
def top(stack, spec):
    """The layers nearest the head."""
    total = len(stack.layers)
    return list(range(total - layers_hit(spec.level, stack), total))


def layers_hit(level, stack):
    """How many layers ``level`` stands for: level x layers, rounded half up."""
    # The least bit more than a half: 0.7 x 45 is 31.499999999999996 in floating point.
    return math.floor(level * len(stack.layers) + 0.5 + 1e-9)


def select_tensors(stack, spec):
    """The tensors that ``spec`` hits: a list of (path inside the base model, parameter), in depth order.

    Looks at names and shapes alone, so that the model may be on the meta device.

    Raises:
        UserError: if the region cannot be had in this model.
    """
    if spec.level == 0:
        return []
    chosen = [pair for side in stack.sides for pair in _chosen(side, spec)]
    before = COMPONENTS["embeddings"](stack) if spec.embeddings else []
    after = COMPONENTS["pooler"](stack) if spec.pooler else []
    # Each once: what several layers share, or an encoder and a decoder.
    return list({id(parameter): (path, parameter) for path, parameter in [*before, *chosen, *after]}.values())


def _chosen(stack, spec):
    return _whole_layers(stack, spec) if spec.unit == "layer" else _up_to_level(stack.parameters(), spec)


def _whole_layers(stack, spec):
    indices = _indices(stack, spec)
    _compare_levels(stack, spec, len(indices) / len(stack.layers))
    require_alone(stack, indices, spec.level)
    return [pair for index in indices for pair in stack.layer_parameters(index)]


def _indices(stack, spec):
    """The layers that the region names, in depth order; a plugin's function may return anything."""
    total, given = len(stack.layers), REGIONS[spec.region](stack, spec)
    named = list(given) if hasattr(given, "__iter__") else [given]
    if not all(_is_index(index, total) for index in named) or len(set(named)) < len(named):
        shown = f"layers {named}" if hasattr(given, "__iter__") else given
        raise UserError(
            f"corruption region '{spec.region}' names {shown}; each must be one of 0 to {total - 1}, once, in a list"
        )
    # A level too small for one layer is a rounding, which has its warning; else the model would silently stay intact.
    if not named and layers_hit(spec.level, stack) > 0:
        raise UserError(
            f"corruption region '{spec.region}' names no layers at level {spec.level:g}; "
            f"it must return at least one of 0 to {total - 1}"
        )
    return sorted(int(index) for index in named)


def _is_index(value, total):
    # True counts as 1 in Python: a mask of layers would pass for a list of indices.
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and 0 <= value < total


def _compare_levels(stack, spec, effective):
    """Refuses or warns of a level that whole layers cannot make."""
    if effective == spec.level:
        return
    total, hit = len(stack.layers), round(effective * len(stack.layers))
    if stack.repeats > 1:
        raise UserError(
            f"level {spec.level:g} cannot be applied: the model applies {total} group(s) of layers that share their "
            f"parameters {stack.repeats} times each; use level 0 or 1, or --corrupt_unit parameter"
        )
    if hit != layers_hit(spec.level, stack):
        warnings.warn(
            f"corruption region '{spec.region}' names {hit} of {total} layers, not level {spec.level:g} of them",
            stacklevel=5,
        )
        return
    warnings.warn(
        f"level {spec.level:g} of {total} layers is not a whole number: {hit} layers are damaged, "
        f"an effective level of {effective:.4g}",
        stacklevel=5,
    )


def _up_to_level(parameters, spec):
    """Tensors from one end until their share of the scalars comes as near the level as whole tensors allow."""
    if spec.region not in ("bottom", "top"):
        raise UserError(f"corruption region '{spec.region}' goes by whole layers; leave out --corrupt_unit parameter")
    ordered = parameters if spec.region == "bottom" else parameters[::-1]
    target = spec.level * sum(p.numel() for _, p in parameters)
    best, hit, distance = 0, 0, target
    for position, (_, parameter) in enumerate(ordered, start=1):
        hit += parameter.numel()
        if abs(hit - target) <= distance:  # of two equally near, the one with more tensors
            best, distance = position, abs(hit - target)
    return ordered[:best] if spec.region == "bottom" else ordered[:best][::-1]
