"""What compression leaves of the weights, in the type that they had."""

import torch

from ...utils.options import Option
from ...utils.registry import register

KEEP = {"norms": "keep", "biases": "keep", "others": "keep", "layout": True}


@register(
    "method",
    "quantize",
    options={
        "bits": Option(8, "bits of a weight", least=2, most=16),
        "scope": Option("channel", "what shares a step size", choices=("tensor", "channel")),
    },
    strength="bits",
    mildest=16,
    **KEEP,
)
def quantize(original, module, generator, layout, bits, scope):
    """Rounds to 2^bits - 1 equal steps around 0, up to the largest value, and back (symmetric, nearest)."""
    largest = 2 ** (bits - 1) - 1
    matrices = layout.matrices(original)
    for matrix in matrices:
        over = (0, 1) if scope == "tensor" else (1,)
        step = matrix.abs().amax(dim=over, keepdim=True) / largest
        step[step == 0] = 1  # nothing but zeros: any step gives them back
        matrix.div_(step).round_().mul_(step)
    return layout.back(matrices, original)


@register(
    "method",
    "low_rank",
    options={
        "share": Option(0.5, "share of the singular values that stay", least=0, most=1),
        "rank": Option(0, "number of singular values that stay, in place of a share", least=0),
    },
    strength="share",
    mildest=1.0,
    **KEEP,
)
def low_rank(original, module, generator, layout, share, rank):
    """The nearest matrix of a lower rank: the largest singular values stay (Eckart and Young 1936)."""
    matrices = layout.matrices(original)
    for matrix in matrices:
        kept = rank or round(share * min(matrix.shape))
        if kept < min(matrix.shape):
            matrix.copy_(_nearest(matrix, kept))
    return layout.back(matrices, original)


def _nearest(matrix, rank):
    # Projected on the leading eigenvectors of the smaller product: a tenth of the time of singular values.
    wide = matrix.shape[0] <= matrix.shape[1]
    columns = matrix if wide else matrix.T
    leading = torch.linalg.eigh(columns @ columns.T).eigenvectors[:, columns.shape[0] - rank :]
    nearest = leading @ (leading.T @ columns)
    return nearest if wide else nearest.T
