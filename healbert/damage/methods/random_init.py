"""Values drawn anew, as an untrained model has them."""

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from ...utils.options import Option
from ...utils.registry import register
from .layout import matrices


@register("method", "kaiming_uniform")
def kaiming_uniform(original, module, generator):
    """Kaiming-uniform with a=0: uniform on (-b, b), b = sqrt(6 / fan_in) (He et al. 2015; `torch.nn.init`)."""
    mode = "fan_out" if isinstance(module, Conv1D) else "fan_in"  # Conv1D stores (in, out)
    return nn.init.kaiming_uniform_(torch.empty_like(original), a=0, mode=mode, generator=generator)


@register(
    "method",
    "normal",
    options={"std": Option(0.02, "standard deviation", least=0)},
    strength="std",
)
def normal(original, module, generator, std):
    """Normal with mean 0: with 0.02, as BERT was initialised."""
    return torch.empty_like(original).normal_(0, std, generator=generator)


@register("method", "xavier_uniform", options={"gain": Option(1.0, "factor of the bound", least=0)})
def xavier_uniform(original, module, generator, gain):
    """Uniform on (-b, b), b = gain * sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010)."""
    outputs, inputs = matrices(original, module).shape[1:]
    bound = gain * (6 / (inputs + outputs)) ** 0.5
    return torch.empty_like(original).uniform_(-bound, bound, generator=generator)


@register("method", "orthogonal", options={"gain": Option(1.0, "factor of the values", least=0)})
def orthogonal(original, module, generator, gain):
    """Random matrices with orthonormal rows, or columns where there are fewer of them (Saxe et al. 2013)."""
    values = torch.empty_like(original)
    for matrix in matrices(values, module):
        drawn = torch.empty(matrix.shape).normal_(0, 1, generator=generator).double()
        wide = matrix.shape[0] < matrix.shape[1]
        columns = _orthonormal(drawn.T if wide else drawn)
        matrix.copy_(gain * (columns.T if wide else columns))
    return values


def _orthonormal(columns):
    # Q of the QR decomposition whose R has a positive diagonal, by Cholesky: half the time of reflections. It squares
    # the condition, which float64 has room for.
    upper = torch.linalg.cholesky(columns.T @ columns, upper=True)
    return torch.linalg.solve_triangular(upper, columns, upper=True, left=False)
