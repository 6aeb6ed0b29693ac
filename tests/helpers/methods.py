"""A small model damaged by one method, its values before and after."""

import hashlib
import random

import numpy as np
import torch

from healbert import CorruptionSpec, corrupt
from helpers.architectures import build

WEIGHT = "encoder.layer.0.intermediate.dense.weight"
NORM = "encoder.layer.0.output.LayerNorm.weight"
BIAS = "encoder.layer.0.output.dense.bias"


def values_of(model):
    """{path: a copy of the values} of a model's parameters."""
    return {name: parameter.detach().clone() for name, parameter in model.base_model.named_parameters()}


def lively(name="bert", dtype=torch.float32):
    """A small model whose norms and biases are not 1 and 0."""
    model = build(name)
    for index, parameter in enumerate(model.parameters()):
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(index))
    return model.to(dtype)


def damaged(method, options=None, level=1.0, dtype=torch.float32, **spec):
    """{path: (before, after)} of what a method does to the layers of a small model, and the receipt."""
    model = lively(dtype=dtype)
    before = values_of(model)
    receipt = corrupt(model, CorruptionSpec(level=level, method=method, options=options, **spec))
    after = values_of(model)
    return {name: (before[name], after[name]) for name in before if ".layer." in name}, receipt


def drawn(path, seed=0):
    """A generator seeded as docs/damage.md says."""
    digest = hashlib.sha256(f"{seed}:{path}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") // 2)


def bits(tensor):
    """The bits of each value, lowest first: an array of shape (values, width), from the bytes as they lie in memory."""
    size = tensor.element_size()
    raw = np.frombuffer(tensor.contiguous().view(torch.uint8).numpy().tobytes(), dtype=np.uint8).reshape(-1, size)
    return np.unpackbits(raw, axis=1, bitorder="little").astype(bool)  # the lowest byte comes first on every PC


def naive_flips(trials, rate, seed):
    """Which of ``trials`` succeed, by a draw for each."""
    draw = random.Random(seed)
    return [place for place in range(trials) if draw.random() < rate]
