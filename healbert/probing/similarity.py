"""How alike two sets of weights are, and two sets of hidden states."""

import math

import numpy as np


def linear_cka(first, second):
    """Linear CKA of hidden states, debiased: 1 where one is a rotated, scaled and shifted copy of the other.

    Centred kernel alignment with a linear kernel (Kornblith et al. 2019, arXiv 1905.00414), of which HSIC is estimated
    without bias (Song et al. 2012, Feature Selection via Dependence Maximization, equation 5). The biased estimate
    tends to 1 for any two sets of features as soon as there are more features than examples. Independent features give
    0 on average, and may give a little less.

    Args:
        first, second: numpy (examples, features), rows of the same examples; four or more examples.

    Returns:
        float, or None where it is undefined: values that are not finite, or the same for every example.
    """
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return None
    kernels = [_kernel(np.asarray(states, np.float64)) for states in (first, second)]
    own = [_hsic(kernel, kernel) for kernel in kernels]
    if min(own) <= 0:
        return None
    return _hsic(*kernels) / math.sqrt(own[0]) / math.sqrt(own[1])


def _kernel(states):
    centred = states - states.mean(axis=0)  # changes nothing but rounding
    kernel = centred @ centred.T
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _hsic(first, second):
    """The unbiased estimate of HSIC, of kernels (examples, examples) whose diagonals are 0."""
    n = len(first)
    sums = first.sum(axis=0) @ second.sum(axis=0)
    return ((first * second).sum() + first.sum() * second.sum() / ((n - 1) * (n - 2)) - 2 * sums / (n - 2)) / (
        n * (n - 3)
    )


def sums_of(now, reference):
    """What `distance` and `cosine` are made of, which adds up over tensors: numpy (4,).

    Args:
        now, reference: torch tensors of one shape, on any device.

    Returns:
        the sums of (now - reference)^2, now * reference, now^2 and reference^2, in double precision.
    """
    now, reference = (tensor.detach().cpu().double().flatten() for tensor in (now, reference))
    apart = now - reference
    return np.array(
        [float(first @ second) for first, second in ((apart, apart), (now, reference), (now, now))]
        + [float(reference @ reference)]
    )


def distance(sums, scale):
    """|now - reference| divided by the root of ``scale``, a sum of squares; None where that is 0 or not finite."""
    return _finite(math.sqrt(sums[0] / scale)) if scale > 0 and math.isfinite(sums[0]) else None


def cosine(sums):
    """The cosine between now and reference; None where one of them is all zeros or not finite."""
    lengths = math.sqrt(sums[2]) * math.sqrt(sums[3]) if np.isfinite(sums).all() else 0.0
    return _finite(max(-1.0, min(1.0, sums[1] / lengths))) if lengths else None


def _finite(value):
    return value if math.isfinite(value) else None
