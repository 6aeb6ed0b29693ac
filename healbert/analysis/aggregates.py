"""The runs of each damage as a whole, over datasets and seeds: interquartile means and performance profiles."""

import dataclasses

import numpy as np

from . import statistics
from .runs import INTACT

LEAST_SEEDS = 3  # on every dataset; the bootstrap of fewer says nothing of others
TAUS = 31  # points of a performance profile


@dataclasses.dataclass
class Aggregate:
    """One kind of damage, or intact.

    Args:
        damages: the kind's, a list; the first gives it its place in figures.
        label: what was hit, in words.
        scores: {dataset: (seeds,) scores}, divided by the dataset's mean intact score where `Aggregates.relative`.
        iqm, interval, mean: of all runs, None with fewer than `LEAST_SEEDS` seeds on some dataset.
    """

    damages: list
    label: str
    scores: dict
    iqm: float | None = None
    interval: tuple | None = None
    mean: float | None = None

    @property
    def damage(self):
        return self.damages[0]

    @property
    def runs(self):
        """How many scores there are; runs that share a seed and differ in another count as one."""
        return sum(map(len, self.scores.values()))

    @property
    def seeds(self):
        """The fewest on a dataset."""
        return min(map(len, self.scores.values()))

    @property
    def enough(self):
        """Whether there are seeds enough on every dataset."""
        return self.seeds >= LEAST_SEEDS


@dataclasses.dataclass
class Aggregates:
    """All kinds of damage of a group, intact first.

    ``relative`` says that scores are divided by the mean score of the intact model on their dataset, which is taken as
    it is; where some dataset has no intact model, or less is better, they are the scores themselves.
    """

    found: list
    relative: bool

    @property
    def shown(self):
        """Those with seeds enough."""
        return [one for one in self.found if one.enough]


def aggregates(results, seed=0):
    """The `Aggregates` of a group.

    Args:
        results: `Results`.
        seed: of the resampled runs.
    """
    intact = {dataset: _mean(results.scores(dataset, INTACT)) for dataset in results.datasets}
    least = results.metric.smallest_difference
    relative = results.metric.greater_is_better and all(mean is not None and mean > least for mean in intact.values())
    units = intact if relative else dict.fromkeys(results.datasets, 1.0)
    return Aggregates([_aggregate(results, *kind, units, seed) for kind in _kinds(results).items()], relative)


def _kinds(results):
    """{label: damages that hit the same}, in the order of damages."""
    found = {}
    for damage in results.damages:
        label = str(INTACT) if damage == INTACT else results.name_of(results.kind_of[damage])
        found.setdefault(label, []).append(damage)
    return found


def _aggregate(results, label, damages, units, seed):
    scores = {dataset: _by_seed(results, dataset, damages) / units[dataset] for dataset in results.datasets}
    found = Aggregate(damages, label, scores)
    if found.enough:
        strata = list(scores.values())
        found.iqm, found.interval = statistics.interquartile_mean(strata, seed)
        found.mean = float(np.mean(np.concatenate(strata)))
    return found


def _by_seed(results, dataset, damages):
    """(seeds,): the mean over those damages of the kind that the dataset has, of every seed."""
    found = {}
    for damage in damages:
        for seed, score in results.scores(dataset, damage).items():
            found.setdefault(seed, []).append(score)
    return np.array([np.mean(values) for _, values in sorted(found.items(), key=str)])


def _mean(scores):
    return float(np.mean(list(scores.values()))) if scores else None


def taus(found):
    """Scores at which the profiles of `Aggregates` are looked at, from below the least to the best: a list."""
    scores = np.concatenate([runs for one in found.shown for runs in one.scores.values()])
    low, high = float(scores.min()), float(scores.max())
    room = 0.02 * (high - low or 0.01)
    return np.linspace(low - room, high + room, TAUS).tolist()


def profile(one, at, greater_is_better, seed=0):
    """Share of an `Aggregate`'s runs that do better than each of some scores, with bands: as `statistics.profile`."""
    sign = 1 if greater_is_better else -1
    strata = [sign * runs for runs in one.scores.values()]
    return statistics.profile(strata, [sign * tau for tau in at], seed)
