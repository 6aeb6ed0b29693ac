"""The scale of a norm, measured by calling it: some multiply by their weight, others by one and their weight."""

import copy

import torch
from torch import nn

TOLERANCE = 1e-3  # of float32 arithmetic in the norm; the scales in use are whole numbers


def neutral_weight(module, leaf):
    """The value of a norm's weight at which its scale is 1: 1 for most, 0 for those that multiply by (1 + weight).

    Found by calling a copy of the module, on the CPU, with its weight at 0, 1 and 2: copying its initial value would
    not do (Nemotron's is 1, and its forward adds 1).

    Args:
        module: any module; it may be on the meta device.
        leaf: the name of its weight.

    Returns:
        float, or None where the module is no norm: cannot be called on a tensor, or is not linear in that parameter,
        or, unless its class says that it is a norm, changes its result with the scale of its input.
    """
    trial = _copy(module)
    shape = trial._parameters[leaf].shape
    for size in _sizes(trial, shape):
        x = _probe(size)
        outputs = [_call(trial, leaf, value, x) for value in (0.0, 1.0, 2.0)]
        if all(output is not None for output in outputs):
            return _neutral(trial, leaf, x, outputs)
    return None


def _probe(size):
    # Spread wide, so that the small number that norms add to a variance does not show.
    return 10 * torch.arange(torch.Size(size).numel(), device="cpu").mul(2.4).sin().reshape(size)


def _sizes(trial, shape):
    """Sizes of input to try: channels last; one row; channels second; channels by heads."""
    heads = getattr(trial, "num_heads", 0), getattr(trial, "head_dim", 0)
    by_heads = [(2, 3, *heads)] if heads[0] * heads[1] == shape.numel() else []
    return [(2, 3, *shape), (2, *shape), (2, *shape, 3), *by_heads]


def _neutral(trial, leaf, x, outputs):
    at_zero, at_one, at_two = outputs
    step = at_one - at_zero
    size = step.norm()
    if not torch.isfinite(size) or size == 0 or (at_two - at_one - step).norm() > TOLERANCE * size:
        return None
    if not named_norm(trial) and not _forgets_scale(trial, leaf, x, at_one):
        return None
    start = ((at_zero * step).sum() / size**2).item()  # the scale at weight 0
    if (at_zero - start * step).norm() > TOLERANCE * size:
        return None
    return 1 - (round(start) if abs(start - round(start)) < TOLERANCE else start)


def named_norm(module):
    """Whether the module's class calls itself a norm."""
    return "norm" in type(module).__name__.lower()


def _forgets_scale(trial, leaf, x, at_one):
    """Whether the result stays when the input is scaled, and does not for want of any use of the input."""
    others = [name for name in trial._parameters if name not in (leaf, "bias")]
    scaled, turned = _call(trial, leaf, 1.0, 8 * x), _call(trial, leaf, 1.0, -x)
    if others or scaled is None or turned is None:
        return False
    return bool((scaled - at_one).norm() < TOLERANCE * at_one.norm() < (turned - at_one).norm())


def _copy(module):
    """The module on the CPU, in float32, in evaluation mode, its parameters empty and none of them shared."""
    empty = {id(p): nn.Parameter(_zeros(p), requires_grad=False) for p in module.parameters()}
    buffers = {id(b): _zeros(b) for b in module.buffers() if b.is_meta}
    return copy.deepcopy(module, empty | buffers).to("cpu").eval()


def _zeros(tensor):
    return torch.zeros(tensor.shape, device="cpu")


@torch.no_grad()
def _call(trial, leaf, value, x):
    trial._parameters[leaf].fill_(value)
    for arguments in ((x,), (x, torch.ones_like(x))):  # the second of a gated norm
        try:
            output = trial(*arguments)
        except (TypeError, RuntimeError, ValueError, IndexError, AttributeError, NotImplementedError):
            continue  # it takes other arguments
        output = output[0] if isinstance(output, tuple) else output
        if isinstance(output, torch.Tensor) and output.numel() == x.numel():
            return output.float()
    return None
