"""A ratio of means, with an interval that is right however uncertain the denominator."""

import dataclasses
import math

import numpy as np
import scipy

from .intervals import CONFIDENCE, error_of_mean, seeds_behind, shared_seeds, t_interval


@dataclasses.dataclass(frozen=True)
class Ratio:
    """A ratio of means with its 95% interval; ``value`` is None where the denominator is too small.

    ``denominator`` is its mean, ``denominator_interval`` that mean's own interval (None below two seeds); ``equal``,
    ``seeds`` and ``shared`` are as in `Estimate`.
    """

    value: float | None
    interval: tuple | None
    numerator: float
    denominator: float
    denominator_interval: tuple | None
    pairs: int
    seeds: int = 1
    shared: bool = False
    equal: bool = False


def ratio(samples, smallest=0.0, seeds=None):
    """Mean numerator over mean denominator, with Fieller's interval, which is right however uncertain the denominator.

    The ratio is undefined where the denominator is not above ``smallest``. Where only the denominator's interval
    reaches zero, Fieller's is unbounded, any fraction could be true, and the ratio has no interval.

    Args:
        samples: list over strata of (seeds, 2): numerator and denominator of each seed.
        smallest: the denominator must be above it.
        seeds: list over strata of tuples of seeds; each seed that strata share counts once, as in `estimate`.

    Returns:
        Ratio: a value without an interval, too, where no seed is repeated, or all have the same ratio.
    """
    samples = [np.asarray(sample, float) for sample in samples]
    names = seeds or [None] * len(samples)
    top, bottom = np.mean([sample.mean(axis=0) for sample in samples], axis=0)
    error, df = error_of_mean(samples, np.array([0.0, 1.0]), names)
    spread = None if error is None else t_interval(bottom, error, df)
    value, interval, equal = None, None, False
    if bottom > max(smallest, 0):
        value = float(top / bottom)
        interval = _fieller(samples, top, bottom, names)
        equal = interval is not None and not error_of_mean(samples, np.array([1.0, -value]), names)[0]
        interval = None if equal else interval
    sizes = [len(sample) for sample in samples]
    behind = seeds_behind(names, sizes), shared_seeds(names) is not None
    return Ratio(value, interval, float(top), float(bottom), spread, sum(sizes), *behind, equal)


def _fieller(samples, top, bottom, names):
    error, df = error_of_mean(samples, np.array([1.0, -top / bottom]), names)
    if error is None:
        return None
    squares = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, df) ** 2
    errors = [error_of_mean(samples, np.array(w, float), names)[0] for w in ((1, 0), (0, 1), (1, 1))]
    vtop, vbottom, vsum = (error**2 for error in errors)
    shared = (vsum - vtop - vbottom) / 2
    a, b, c = bottom**2 - squares * vbottom, top * bottom - squares * shared, top**2 - squares * vtop
    if a <= 0:  # the denominator's own interval reaches zero: any fraction could be true
        return None
    # The ratio itself lies between the two roots, so that only rounding can make this negative.
    root = math.sqrt(max(b**2 - a * c, 0))
    return float((b - root) / a), float((b + root) / a)
