"""The rules of damage before version 2, to tell which runs the present ones give other values."""

import math

from transformers.pytorch_utils import Conv1D

from .rules import rule_of

VERSION = 2  # of the rules


def version_of(stack, hit):
    """The version of the rules that the damage of these tensors is known by: 1 where the first rules said the same.

    Version 2 measures the scale of norms (1 + weight), counts the inputs of one expert, head or group, and gives
    parameters that are neither norm, bias nor map their architecture's own initial values.

    Args:
        stack: the `LayerStack`; the model may be on the meta device.
        hit: as of `select_tensors`.

    Raises:
        UserError: if there is no rule for one of them.
    """
    places = {id(place.parameter): place for place in reversed(stack.places)}
    found = [places[id(one.parameter)] for one in hit]
    return 1 if all(_said(p) == _says(p, stack.layer_of(p.path) is not None) for p in found) else VERSION


def _says(place, inside):
    rule = rule_of(place, inside)
    return rule.kind, rule.layout.fan_in(place.parameter) if rule.layout else rule.neutral


def _said(place):
    """What the first rules said: what kind it is, and the norm's weight or the map's inputs."""
    parameter, owner = place.parameter, place.owner
    if place.leaf == "bias" or place.leaf.endswith("_bias"):
        return "bias", None
    if "norm" in type(owner).__name__.lower():
        return "norm", 1
    if parameter.ndim < 2:
        return None, None
    out, inputs, *rest = parameter.shape
    return "map", (out if isinstance(owner, Conv1D) else inputs) * math.prod(rest)
