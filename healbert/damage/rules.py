"""What becomes of each parameter: which is a norm, a bias, a map, and which keeps to its architecture's own values."""

import dataclasses
import re

import torch
from torch import nn

from ..utils.errors import UserError
from .fan_in import layout_of
from .layout import Layout
from .norms import named_norm, neutral_weight

# Neither bias nor map, whatever their name ends in and however many dimensions they have: decay rates, step sizes,
# tables of positions and of segments.
OWN = re.compile(r"A_log|D|dt_bias|seg_embed|.*position.*|.*_pos_.*|pos_embed|.*relative.*|.*_token|latents|time_.*")
TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a parameter is.

    Args:
        kind: "norm" (the weight of one), "bias", "map", or "own" (keeps to its architecture's own initial values).
        neutral: of a norm, the weight at which its scale is 1.
        layout: of a map, which of its dimensions are inputs.
    """

    kind: str
    neutral: float | None = None
    layout: Layout | None = None


def is_bias(leaf):
    """Whether a parameter is a bias, by its name in its module."""
    return leaf == "bias" or (leaf.endswith("_bias") and not OWN.fullmatch(leaf))


def rule_of(place, inside=True):
    """The `Rule` of a parameter, by its name, its owner and what that does; the model may be on the meta device.

    Args:
        place: its `Place`.
        inside: whether it lies in a layer. Outside, tables are embeddings, which are maps.

    Raises:
        UserError: if there is none.
    """
    parameter, owner, leaf = place.parameter, place.owner, place.leaf
    _require_floats(place)
    if is_bias(leaf):
        return Rule("bias")
    if _may_be_norm(owner, parameter):
        neutral = neutral_weight(owner, leaf)
        if neutral is not None:
            return Rule("norm", neutral=neutral)
        if named_norm(owner) and leaf == "weight":
            raise UserError(f"no rule for {place.path}: the scale of its {type(owner).__name__} cannot be measured")
    if is_table(owner) and parameter.ndim == 2:
        return Rule("own") if inside else Rule("map", layout=Layout((1,)))
    if OWN.fullmatch(leaf) or sum(size > 1 for size in parameter.shape) < 2 and not _is_map(owner):
        return Rule("own")
    layout = layout_of(parameter, owner, leaf)
    if layout is None and not inside:
        return Rule("own")
    if layout is None:
        raise UserError(
            f"no rule for {place.path}: which of its {parameter.ndim} dimensions are inputs of the "
            f"{type(owner).__name__} that holds it is not known"
        )
    return Rule("map", layout=layout)


def _is_map(module):
    maps = (nn.Linear, nn.modules.conv._ConvNd)
    return isinstance(module, maps) or type(module).__name__ == "Conv1D"


def _may_be_norm(module, parameter):
    if named_norm(module):
        return True
    return parameter.ndim == 1 and not _is_map(module) and not any(True for _ in module.children())


def is_table(module):
    """Whether a module looks up rows of a table."""
    return isinstance(module, nn.Embedding) or type(module).__name__.endswith("Embedding")


def _require_floats(place):
    kind = type(place.parameter.data)
    if place.parameter.dtype not in TYPES or kind is not torch.Tensor:
        held = kind.__name__ if kind is not torch.Tensor else str(place.parameter.dtype).removeprefix("torch.")
        raise UserError(
            f"{place.path} holds {held} values, which no damage is defined for; damage the model before it is "
            "quantised or sharded"
        )
