"""Values drawn anew, as an untrained model has them."""

import math

import torch

from ...utils.registry import register
from ..fan_in import fan_in


@register("method", "kaiming_uniform")
def kaiming_uniform(original, module, generator):
    """Kaiming-uniform with a=0: uniform on (-b, b), b = sqrt(6 / fan_in) (He et al. 2015; `torch.nn.init`)."""
    # Multiplied as torch.nn.init does it, for the same bits; its own fan_in is that of nn.Linear whatever the layout.
    bound = math.sqrt(3.0) * (math.sqrt(2.0) / math.sqrt(fan_in(original, module)))
    return torch.empty_like(original).uniform_(-bound, bound, generator=generator)
