"""Values drawn anew."""

from torch import nn
from transformers.pytorch_utils import Conv1D


def kaiming_uniform(values, module, generator):
    """Kaiming-uniform with a=0: uniform on (-b, b), b = sqrt(6 / fan_in) (He et al. 2015; `torch.nn.init`)."""
    mode = "fan_out" if isinstance(module, Conv1D) else "fan_in"  # Conv1D stores (in, out)
    nn.init.kaiming_uniform_(values, a=0, mode=mode, generator=generator)
