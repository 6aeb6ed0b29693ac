"""Regions: which layers a level stands for.

A region is a function of the layer stack and the spec that gives the indices of the layers that are hit.
"""

import math

import torch

from ..utils.registry import register, table
from .methods.draws import generator_of

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


@register("region", "middle")
def middle(stack, spec):
    """The layers around the middle; where they cannot lie evenly, one more is left above than below."""
    count = layers_hit(spec.level, stack)
    start = (len(stack.layers) - count) // 2
    return list(range(start, start + count))


@register("region", "ends")
def ends(stack, spec):
    """Half of the layers from the bottom and half from the top, of an odd number one more from the bottom."""
    total, count = len(stack.layers), layers_hit(spec.level, stack)
    return [*range(math.ceil(count / 2)), *range(total - count // 2, total)]


@register("region", "alternate")
def alternate(stack, spec):
    """Layers spread evenly, the lowest first: at level 0.5 every second one."""
    total, count = len(stack.layers), layers_hit(spec.level, stack)
    return [place * total // count for place in range(count)]


@register("region", "random")
def random(stack, spec):
    """Layers drawn at random; a higher level adds to those of a lower one."""
    order = torch.randperm(len(stack.layers), generator=generator_of(spec.seed, "region random"))
    return sorted(order[: layers_hit(spec.level, stack)].tolist())


def layers_hit(level, stack):
    """How many layers ``level`` stands for: level x layers, rounded half up."""
    # The least bit more than a half: 0.7 x 45 is 31.499999999999996 in floating point.
    return math.floor(level * len(stack.layers) + 0.5 + 1e-9)
