"""Weights set to zero: by size, at random, or in a pattern."""

import numpy as np
import torch

from ...utils.errors import UserError
from ...utils.options import Option
from ...utils.registry import register
from .draws import generator_of

KEEP = {"norms": "keep", "biases": "keep", "others": "keep"}
SHARE = Option(0.5, "share of the weights that become 0", least=0, most=1)
SCOPE = Option("tensor", "whether the share is of each tensor, or of all that are hit", choices=("tensor", "all"))


def _smallest(ranks, count):
    """Where the ``count`` smallest values are: a mask; of equal ones, the first."""
    mask = torch.zeros(ranks.numel(), dtype=torch.bool)
    if count:
        limit = ranks.flatten().kthvalue(count).values
        mask |= ranks.flatten() < limit
        equal = (ranks.flatten() == limit).nonzero().flatten()
        mask[equal[: count - int(mask.sum())]] = True
    return mask.view(ranks.shape)


def _limits(tensors, share):
    """How many of each tensor's values are among the smallest ``share`` of all: {path: count}.

    Args:
        tensors: {path: function that gives the tensor's ranks, float32 and not negative}, in depth order.
    """
    sizes = {name: ranks().numel() for name, ranks in tensors.items()}
    wanted, low = round(share * sum(sizes.values())), 0
    # The bits of floats that are not negative sort as the floats do: two counts of 16 bits find the value exactly,
    # in the memory of one tensor.
    for shift, kept in ((16, 15), (0, 16)):
        counts = {n: _counts(ranks(), low, shift, kept) for n, ranks in tensors.items()}
        before = sum(below for below, _ in counts.values())
        total = np.cumsum(sum(within for _, within in counts.values()))
        place = int(np.searchsorted(total, wanted - before))
        low |= min(place, (1 << kept) - 1) << shift
    return _split(tensors, wanted, low)


def _codes(ranks):
    return ranks.flatten().contiguous().view(torch.int32).numpy()


def _counts(ranks, low, shift, kept):
    codes, size = _codes(ranks), 1 << (shift + kept)
    inside = codes[(codes >= low) & (codes - low < size)] if shift == 0 else codes
    return int((codes < low).sum()), np.bincount((inside - low) >> shift, minlength=1 << kept)


def _split(tensors, wanted, limit):
    below = {name: int((_codes(ranks()) < limit).sum()) for name, ranks in tensors.items()}
    left, found = wanted - sum(below.values()), {}
    for name, ranks in tensors.items():
        equal = min(left, int((_codes(ranks()) == limit).sum()))
        found[name], left = below[name] + equal, left - equal
    return found


def _sizes(hit):
    return lambda: hit.read().float().abs()


def _by_size(job, share, scope):
    return _limits({h.name: _sizes(h) for h in job.changed}, share) if scope == "all" else None


def _random(hit, seed):
    return lambda: torch.rand(hit.shape, generator=generator_of(seed, hit.name))


def _at_random(job, share, scope):
    return _limits({h.name: _random(h, job.spec.seed) for h in job.changed}, share) if scope == "all" else None


def _pruned(original, ranks, name, counts, share):
    count = round(share * original.numel()) if counts is None else counts[name]
    return original.masked_fill_(_smallest(ranks, count), 0)


OPTIONS = {"share": SHARE, "scope": SCOPE}


@register("method", "magnitude_prune", options=OPTIONS, strength="share", prepare=_by_size, **KEEP)
def magnitude_prune(original, module, generator, name, context, share, scope):
    """The smallest weights become 0 (Han et al. 2015); of equally small ones, the first."""
    return _pruned(original, original.abs(), name, context, share)


@register("method", "random_prune", options=OPTIONS, strength="share", prepare=_at_random, **KEEP)
def random_prune(original, module, generator, name, context, share, scope):
    """Weights at random become 0, exactly the share of them."""
    return _pruned(original, torch.rand(original.shape, generator=generator), name, context, share)


def _check_pattern(keep, of):
    if keep > of:
        raise UserError(f"keep {keep} of {of} weights cannot be; keep at most as many")


@register(
    "method",
    "pattern_prune",
    options={
        "keep": Option(2, "weights kept of each group", least=0),
        "of": Option(4, "neighbouring inputs in a group", least=1),
    },
    check=_check_pattern,
    layout=True,
    **KEEP,
)
def pattern_prune(original, module, generator, layout, keep, of):
    """N:M sparsity: of each ``of`` neighbouring inputs of an output, the ``keep`` largest stay (Mishra et al. 2021).

    Inputs that are left over at the end are a smaller group, which keeps as many.
    """
    matrices = layout.matrices(original)
    for matrix in matrices:
        for part in matrix.split(matrix.shape[1] // of * of or matrix.shape[1], dim=1):
            groups = part.unflatten(1, (-1, min(of, part.shape[1])))
            order = groups.abs().argsort(dim=2, descending=True, stable=True)
            groups.scatter_(2, order[..., keep:], 0)
    return layout.back(matrices, original)
