"""What damage changed, told by copies of our own."""

import copy
import hashlib
import math

import pytest
import torch

from healbert.damage.apply import corrupt
from healbert.damage.spec import CorruptionSpec

from .architectures import ARCHITECTURES, NAMES, UNSHARED

every = pytest.mark.parametrize("name", NAMES)
regions = pytest.mark.parametrize("region", ["bottom", "top"])


def tensors_of(model):
    """Copies of all parameters and buffers of a model, by name."""
    return {name: t.detach().clone() for name, t in [*model.named_parameters(), *model.named_buffers()]}


def base_parameters(model):
    return dict(model.base_model.named_parameters())


def differing(before, after):
    """Names of the tensors whose bits differ."""
    assert list(before) == list(after)
    return {name for name in before if as_bytes(before[name]) != as_bytes(after[name])}


def as_bytes(tensor):
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def damaged(model, **spec):
    """A damaged copy of ``model``, and its receipt."""
    model = copy.deepcopy(model)
    return model, corrupt(model, CorruptionSpec(**spec))


def damaged_bits(model, **spec):
    """What the damage wrote: a dict from the paths inside the base model to SHA-256."""
    model, receipt = damaged(model, **spec)
    named = base_parameters(model)
    return {t["name"]: hashlib.sha256(as_bytes(named[t["name"]])).hexdigest() for t in receipt.tensors}


def half(name):
    """The level that damages the first half of the layers; all where they are shared."""
    return 0.5 if name in UNSHARED else 1.0


def half_indices(name, region):
    layers = ARCHITECTURES[name].layers
    count = math.ceil(layers / 2)
    return range(count) if region == "bottom" else range(layers - count, layers)


def assert_damaged(path, values, fan_in_dimension):
    """Checks one damaged tensor by the rules of the paper."""
    if path.endswith("bias"):
        assert torch.equal(values, torch.zeros_like(values)), path
    elif any(part in path.lower() for part in ("norm", "ln_")):
        assert torch.equal(values, torch.ones_like(values)), path
    else:
        bound = math.sqrt(6 / values.shape[fan_in_dimension])
        deviation, root = bound / math.sqrt(3), math.sqrt(values.numel())
        assert (1 - 10 / values.numel()) * bound < values.abs().max() <= bound, path
        # One sigma of the spread of n uniform values is 0.45 / sqrt(n) of it; of their mean, spread / sqrt(n).
        assert values.std().item() == pytest.approx(deviation, rel=5 * 0.45 / root), path
        assert abs(values.mean()) < 5 * deviation / root, path
