"""Where the damage goes: regions, and the tensors that a spec hits."""

import math
import warnings

from ..utils.errors import UserError
from .components import embedding_parameters, pooler_parameters

REGIONS = ("bottom", "top")


def select_tensors(stack, spec):
    """The tensors that ``spec`` hits: a list of (path inside the base model, parameter), in depth order."""
    if spec.level == 0:
        return []
    chosen = _select_layers(stack, spec) if spec.unit == "layer" else _select_fraction(stack.parameters(), spec)
    if spec.embeddings:
        chosen = embedding_parameters(stack) + chosen
    if spec.pooler:
        chosen = chosen + pooler_parameters(stack)
    return chosen


def _select_layers(stack, spec):
    total, count = len(stack.layers), layers_hit(spec.level, stack)
    effective = count / total
    if stack.repeats > 1 and effective != spec.level:
        raise UserError(
            f"level {spec.level:g} cannot be applied: the model applies {total} group(s) of layers that share their "
            f"parameters {stack.repeats} times each; use level 0 or 1, or --corrupt_unit parameter"
        )
    if effective != spec.level:
        warnings.warn(
            f"level {spec.level:g} of {total} layers is not a whole number: {count} layers are damaged, "
            f"an effective level of {effective:.4g}",
            stacklevel=4,
        )
    indices = range(count) if spec.region == "bottom" else range(total - count, total)
    return [pair for index in indices for pair in stack.layer_parameters(index)]


def _select_fraction(parameters, spec):
    ordered = parameters if spec.region == "bottom" else parameters[::-1]
    target = spec.level * sum(p.numel() for _, p in parameters)
    best, hit, distance = 0, 0, target
    for position, (_, parameter) in enumerate(ordered, start=1):
        hit += parameter.numel()
        if abs(hit - target) <= distance:
            best, distance = position, abs(hit - target)
    return ordered[:best] if spec.region == "bottom" else ordered[:best][::-1]


def layers_hit(level, stack):
    """How many layers ``level`` stands for: level x layers, rounded half up."""
    return math.floor(level * len(stack.layers) + 0.5 + 1e-9)  # 0.7 x 45 is 31.499999999999996
