"""Exact draws without a number for each place."""

import numpy as np
import torch

from ...utils.draws import seed_of
from ...utils.errors import UserError


def generator_of(seed, name):
    """A `torch.Generator` on the CPU, for one draw: seeded by the damage's seed and a name alone."""
    return torch.Generator().manual_seed(seed_of(seed, name))


def successes(trials, rate, generator):
    """Which of ``trials`` succeed, each alone with the probability ``rate``: a sorted array of int64.

    Draws the gaps between successes, which are geometric, so that time and memory go with the successes alone.
    """
    found, last = [], -1
    while rate and last < trials:
        expected = (trials - last) * rate
        draws = torch.rand(int(expected + 4 * expected**0.5) + 8, dtype=torch.float64, generator=generator).numpy()
        with np.errstate(divide="ignore"):  # at rate 1 every gap is 1
            gaps = np.floor(np.log1p(-draws) / np.log1p(-rate))
        # No gap beyond all trials: their sum would not fit an integer.
        found.append(last + np.cumsum(np.minimum(gaps, trials).astype(np.int64) + 1))
        last = int(found[-1][-1])
    places = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
    return places[: np.searchsorted(places, trials)]


def distinct(count, total, generator):
    """``count`` different integers from 0 to ``total`` - 1, every set of so many equally likely: an array of int64.

    Draws again what was drawn before, so it wants ``count`` well below ``total``; memory goes with ``count`` alone.
    """
    if 2 * count > total:
        return torch.randperm(total, generator=generator)[:count].numpy()
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:
        more = torch.randint(total, (count - len(found),), generator=generator).numpy()
        drawn = np.concatenate([found, more])
        found = drawn[
            np.sort(np.unique(drawn, return_index=True)[1])
        ]  # in the order drawn, so that no place is favoured
    return found


def shares(count, sizes, seed):
    """How many of ``count`` different places fall into each of several tensors: a dict.

    Args:
        sizes: {path: number of places in it}, in depth order.
        seed: of the damage.

    Raises:
        UserError: if there are not twice as many places.
    """
    total = sum(sizes.values())
    if 2 * count > total:
        raise UserError(f"{count} is more than half of the {total} places that there are; use a rate")
    places = distinct(count, total, generator_of(seed, "places"))
    ends = np.cumsum(list(sizes.values()))
    found = np.bincount(np.searchsorted(ends, places, side="right"), minlength=len(sizes))
    return dict(zip(sizes, found.tolist(), strict=True))
