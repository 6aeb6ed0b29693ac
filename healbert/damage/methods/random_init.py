"""Values drawn anew, as an untrained model has them."""

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from ...utils.registry import register


@register("method", "kaiming_uniform")
def kaiming_uniform(original, module, generator):
    """Kaiming-uniform with a=0: uniform on (-b, b), b = sqrt(6 / fan_in) (He et al. 2015; `torch.nn.init`)."""
    mode = "fan_out" if isinstance(module, Conv1D) else "fan_in"  # Conv1D stores (in, out)
    return nn.init.kaiming_uniform_(torch.empty_like(original), a=0, mode=mode, generator=generator)
