"""The values that are there, in another order."""

import torch

from ...utils.options import Option
from ...utils.registry import register


@register(
    "method",
    "shuffle",
    options={
        "what": Option("entries", "what changes places within a tensor", choices=("entries", "rows", "columns")),
    },
    norms="keep",
    biases="keep",
    others="keep",
    layout=True,
)
def shuffle(original, module, generator, layout, what):
    """Weights change places: each by itself, or whole rows (one for each output), or whole columns (inputs)."""
    if what == "entries":
        order = torch.randperm(original.numel(), generator=generator)
        return original.flatten()[order].view(original.shape)
    matrices = layout.matrices(original)
    for matrix in matrices:
        dimension = 0 if what == "rows" else 1
        order = torch.randperm(matrix.shape[dimension], generator=generator)
        matrix.copy_(matrix.index_select(dimension, order))
    return layout.back(matrices, original)
