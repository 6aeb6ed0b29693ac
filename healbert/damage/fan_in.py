"""How many inputs one output of a map has, however its tensor is laid out."""

import re

from torch import nn
from transformers.pytorch_utils import Conv1D

from .layout import Layout

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

# Maps that are plain parameters of the module that applies them, read in the forward of each in transformers 5.23:
# (ending of the class's name, parameter, dimensions that its inputs run along).
LAYOUTS = (
    ("RelativeAttention", "[qkvr]", (0,)),  # XLNet: ibh,hnd->ibnd
    ("RelativeAttention", "o", (1, 2)),  # XLNet: ibnd,hnd->ibh
    ("RelMultiheadAttention", "r_kernel", (0,)),  # Funnel: td,dnh->tnh
    ("GroupedLinearLayer", "weight", (1,)),  # ConvBERT: (groups, in, out)
    ("ParallelExperts", "weight", (2,)),  # JetMoE: (experts, out, in)
    ("TextExperts", "gate_up_proj|down_proj", (1,)),  # Llama 4: (experts, in, out)
    ("LongcatFlashExperts", "gate_up_proj|down_proj", (2,)),  # (experts, out, in)
    ("MambaMixer", "x_proj_weight|dt_proj_weight", (2,)),  # Zamba: (heads, out, in)
    ("Rglru", "input_gate_weight|recurrent_gate_weight", (1,)),  # RecurrentGemma: (heads, in, out)
    ("HyperConnection", "fn", (1,)),  # DeepSeek V4: F.linear
    ("Router", "weight", (1,)),  # of experts: F.linear
    ("MultiheadAttention", "in_proj_weight|[qkv]_proj_weight", (1,)),  # torch: F.linear
)
EXPERTS = re.compile("(gate_up|gate|up|down)_proj")


def layout_of(tensor, module, leaf):
    """The `Layout` of a map; None where it is not known which of its dimensions are inputs.

    Args:
        tensor: the map.
        module: its owner.
        leaf: the parameter's name in it.
    """
    dims = _dims(tensor, module, leaf)
    if dims is None:
        return None
    return Layout(dims, module.groups if isinstance(module, TRANSPOSED) else 1)  # one row holds all inputs of these


def _dims(tensor, module, leaf):
    after_first = tuple(range(1, tensor.ndim))
    if isinstance(module, TRANSPOSED):
        return (0, *after_first[1:])
    if isinstance(module, CONVOLUTIONS):
        return after_first
    if isinstance(module, Conv1D):
        return (0,)
    if isinstance(module, (nn.Linear, nn.Embedding)):
        return (1,)
    return _declared(tensor, module, leaf) or _listed(module, leaf) or _square(tensor)


def _declared(tensor, module, leaf):
    """By what the module says of itself."""
    if EXPERTS.fullmatch(leaf) and hasattr(module, "is_transposed"):  # use_experts_implementation of transformers
        return (1,) if module.is_transposed else (2,)
    sizes = getattr(module, "out_features", None), getattr(module, "in_features", None)
    if tuple(tensor.shape) == sizes:
        return (1,)
    return (0,) if tuple(tensor.shape) == sizes[::-1] else None


def _listed(module, leaf):
    name = type(module).__name__
    return next((dims for end, of, dims in LAYOUTS if name.endswith(end) and re.fullmatch(of, leaf)), None)


def _square(tensor):
    # Both ways give the same number.
    return (1,) if tensor.ndim == 2 and tensor.shape[0] == tensor.shape[1] else None
