"""A cheap draw of which elements dropout keeps, on a CPU: 16 random bits an element in place of a float."""

import numpy as np
import torch

BITS = 16
LEAST = -(2 ** (BITS - 1))  # of a signed integer of so many bits
MOST = 0.9999  # above it the threshold would not be such an integer


def cut(p):
    """How many of the 2^16 values of the bits mean that an element is dropped, for a probability ``p``."""
    return round(p * 2**BITS)


def kept(shape, p, dtype=torch.float32):
    """What dropout multiplies by: 0 with a probability within 1e-5 of ``p``, else what leaves the mean as it is.

    One number is drawn from torch's generator of the CPU, which seeds the stream that the bits come from (NumPy's
    SFC64). So the seed of a run, its checkpoints and the repeated forward pass of gradient checkpointing see to these
    draws as to all others.

    Args:
        shape: of the tensor that is returned.
        p: a probability from 0 to `MOST`.
        dtype: of the tensor that is returned.
    """
    size, dropped = int(np.prod(shape)), cut(p)
    seed = torch.empty((), dtype=torch.int64).random_().item()
    words = np.random.SFC64(seed).random_raw(-(-size * BITS // 64))
    bits = torch.from_numpy(words.view(np.int16))[:size].view(shape)
    found = torch.ge(bits, LEAST + dropped, out=torch.empty(shape, dtype=dtype))
    return found.mul_(1 / (1 - dropped / 2**BITS))


def dropout(values, p):
    """Dropout of a tensor in training: exactly none where ``p`` is 0."""
    if not p:
        return values
    if p > MOST or values.numel() == 0:
        return torch.nn.functional.dropout(values, p, training=True)
    return values * kept(values.shape, p, values.dtype)
