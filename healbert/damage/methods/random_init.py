"""Values drawn anew, as an untrained model has them."""

import math

import torch

from ...utils.options import Option
from ...utils.registry import register


@register("method", "kaiming_uniform", layout=True, anew=True)
def kaiming_uniform(original, module, generator, layout):
    """Kaiming-uniform with a=0: uniform on (-b, b), b = sqrt(6 / fan_in) (He et al. 2015; `torch.nn.init`)."""
    # Multiplied as torch.nn.init does it, for the same bits; its own fan_in is that of nn.Linear whatever the layout.
    bound = math.sqrt(3.0) * (math.sqrt(2.0) / math.sqrt(layout.fan_in(original)))
    return torch.empty_like(original).uniform_(-bound, bound, generator=generator)


@register(
    "method",
    "normal",
    options={"std": Option(0.02, "standard deviation", least=0)},
    strength="std",
    anew=True,
)
def normal(original, module, generator, std):
    """Normal with mean 0: with 0.02, as BERT was initialised."""
    return torch.empty_like(original).normal_(0, std, generator=generator)


GAIN = Option(1.0, "factor of the values", least=0)


@register("method", "xavier_uniform", options={"gain": GAIN}, layout=True, anew=True)
def xavier_uniform(original, module, generator, layout, gain):
    """Uniform on (-b, b), b = gain * sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010)."""
    outputs, inputs = layout.matrices(original).shape[1:]
    bound = gain * math.sqrt(6 / (inputs + outputs))
    return torch.empty_like(original).uniform_(-bound, bound, generator=generator)


@register("method", "orthogonal", options={"gain": GAIN}, layout=True, anew=True)
def orthogonal(original, module, generator, layout, gain):
    """Random matrices with orthonormal rows, or columns where there are fewer of them (Saxe et al. 2013)."""
    matrices = layout.matrices(original)
    for matrix in matrices:
        drawn = torch.empty(matrix.shape).normal_(0, 1, generator=generator).double()
        wide = matrix.shape[0] < matrix.shape[1]
        columns = _orthonormal(drawn.T if wide else drawn)
        matrix.copy_(gain * (columns.T if wide else columns))
    return layout.back(matrices, original)


def _orthonormal(columns):
    # Q of the QR decomposition whose R has a positive diagonal, by Cholesky: half the time of reflections. It squares
    # the condition, which float64 has room for.
    upper = torch.linalg.cholesky(columns.T @ columns, upper=True)
    return torch.linalg.solve_triangular(upper, columns, upper=True, left=False)
