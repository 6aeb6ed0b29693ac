"""Strata out of plain figures."""

import numpy as np

from healbert.analysis.statistics.intervals import Stratum
from healbert.analysis.statistics.mixed import Cell


def strata(*samples):
    return [Stratum(np.asarray(sample, float)) for sample in samples]


def with_seeds(table):
    """Strata of a table (datasets, seeds) whose datasets share their seeds."""
    return [Stratum(np.asarray(values, float), seeds=tuple(range(len(values)))) for values in table]


def study_scores(
    rng, datasets, damages, seeds, *, seed_sd=0.0, seed_damage_sd=0.0, dataset_seed_sd=0.0, residual_sd=1.0
):
    """A (datasets, damages, seeds) table of normal scores without effects.

    Args:
        rng: a numpy Generator; standard deviations: numbers, or (damages,) of the residual and of seed:damage.
    """
    by_damage = [np.broadcast_to(sd, damages)[None, :, None] for sd in (seed_damage_sd, residual_sd)]
    return (
        seed_sd * rng.normal(size=(1, 1, seeds))
        + by_damage[0] * rng.normal(size=(1, damages, seeds))
        + dataset_seed_sd * rng.normal(size=(datasets, 1, seeds))
        + by_damage[1] * rng.normal(size=(datasets, damages, seeds))
    )


def study_cells(scores):
    """`Cell`s of a (datasets, damages, seeds) table."""
    return [Cell(*place, float(score)) for place, score in np.ndenumerate(scores)]
