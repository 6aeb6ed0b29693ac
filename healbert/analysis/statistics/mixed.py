"""A linear mixed model of the scores of a study, and contrasts of its means.

    score ~ dataset x damage + random seed + random seed:damage + random dataset:seed + residual

Every dataset and damage has a mean of its own, so that nothing is assumed of how damage acts. A seed is the same on all
datasets: what it decides (order of the data, the damage's draw) may move all scores of the seed, all of the seed and a
damage, or all of the seed and a dataset together. Fitted by restricted maximum likelihood; degrees of freedom are
Satterthwaite's. Without holes in the table both are those of the analysis of variance, and exact where it is.
"""

import collections
import dataclasses
import math
import typing

import numpy as np
from scipy import stats

from . import reml
from .intervals import ROUNDING, t_interval
from .simultaneous import together

NO_SCORES = "no scores"
ONE_SEED = "one seed"
NOTHING_REPEATED = "nothing is repeated"
EQUAL_SEEDS = "seeds do not differ"
NOT_CONVERGED = "does not converge"

RESIDUAL, SEED, SEED_DAMAGE, DATASET_SEED = "residual", "seed", "seed:damage", "dataset:seed"


class Cell(typing.NamedTuple):
    """The one score of a dataset, a damage (intact is one of them) and a seed."""

    dataset: typing.Hashable
    damage: typing.Hashable
    seed: typing.Hashable
    score: float


class NotFitted(Exception):
    """There is no fit of these scores; ``reason`` is one of the constants of this module."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Contrast:
    """A weighted sum of means: its estimate, standard error and degrees of freedom (infinite if all is known)."""

    effect: float
    error: float
    df: float

    @property
    def interval(self):
        """95% interval of Student's t: (low, high)."""
        return t_interval(self.effect, self.error, self.df)

    @property
    def p(self):
        """Two-sided, of the hypothesis that the sum is 0."""
        return float(2 * stats.t.sf(abs(self.effect) / self.error, self.df))


@dataclasses.dataclass(frozen=True)
class Component:
    """A variance: ``name``, ``group`` of damages (of residuals, else None), ``variance``, or None if not identifiable.

    One that is not identifiable is part of others: with one dataset, what a seed does to a damage is residual.
    """

    name: str
    group: object
    variance: float | None

    @property
    def at_boundary(self):
        return self.variance == 0


@dataclasses.dataclass(frozen=True)
class Mixed:
    """A fitted model.

    ``means`` {(dataset, damage): fitted mean}; ``components`` list of `Component`; ``seeds`` how many there are;
    ``holes`` how many scores are missing of those that these means and seeds would have.
    """

    means: dict
    components: tuple
    seeds: int
    holes: int
    fit: reml.Fit = dataclasses.field(repr=False)

    def contrast(self, weights):
        """A `Contrast` of the means.

        Args:
            weights: {(dataset, damage): weight}, not all 0, of means that the model has.

        Raises:
            KeyError: for a mean that it does not have.
        """
        vector = self._vector(weights)
        error = math.sqrt(vector @ self.fit.means_covariance @ vector)
        return Contrast(float(vector @ self.fit.means), error, self.fit.degrees(vector))

    def simultaneous(self, family, seed=0):
        """Several contrasts at once, a `simultaneous.Family`.

        Args:
            family: list of weights as in `contrast`, one or more; seed: of the integration.
        """
        vectors = np.array([self._vector(weights) for weights in family])
        covariance = vectors @ self.fit.means_covariance @ vectors.T
        return together([self.contrast(weights) for weights in family], covariance, seed)

    def _vector(self, weights):
        """``weights`` in the order of the fit's means."""
        places = {key: i for i, key in enumerate(self.means)}
        vector = np.zeros(len(places))
        for key, weight in weights.items():
            vector[places[key]] += weight
        if not vector.any():
            raise ValueError("a contrast needs a weight that is not 0")
        return vector


def fit(cells, groups=None):
    """The `Mixed` model of these scores.

    Args:
        cells: iterable of `Cell`; combinations may be missing, none may be there twice.
        groups: {damage: group}; the residuals of a group's damages share a variance. None: all do.

    Raises:
        NotFitted: if the scores do not tell how much seeds differ.
        ValueError: for a combination that is there twice, or a score that is not finite.
    """
    cells = sorted(cells, key=lambda cell: tuple(map(str, cell[:3])))
    _check(cells)
    keys = list(dict.fromkeys((cell.dataset, cell.damage) for cell in cells))
    groups = groups or {}
    blocks, terms = _blocks(cells, keys, groups)
    seeds = len({cell.seed for cell in cells})
    square, freedom = reml.mean_square(blocks)
    if seeds < 2 or freedom < 1:
        raise NotFitted(ONE_SEED if seeds < 2 else NOTHING_REPEATED)
    if math.sqrt(square) < ROUNDING:
        raise NotFitted(EQUAL_SEEDS)
    told = reml.identifiable(blocks)
    known = [dataclasses.replace(block, structures=block.structures[told]) for block in blocks]
    found = reml.fit(known, [terms[i][0] == RESIDUAL for i in np.flatnonzero(told)])
    if not found.converged:
        raise NotFitted(NOT_CONVERGED)
    variances = np.full(len(terms), np.nan)
    variances[told] = found.variances
    return Mixed(
        means=dict(zip(keys, found.means.tolist(), strict=True)),
        components=tuple(
            Component(*term, float(variance) if kept else None)
            for term, variance, kept in zip(terms, variances, told, strict=True)
        ),
        seeds=seeds,
        holes=seeds * len(keys) - len(cells),
        fit=found,
    )


def _check(cells):
    if not cells:
        raise NotFitted(NO_SCORES)
    twice = [key for key, count in collections.Counter(cell[:3] for cell in cells).items() if count > 1]
    if twice:
        raise ValueError(f"two scores of {twice[0]}")
    if not all(math.isfinite(cell.score) for cell in cells):
        raise ValueError("scores must be finite")


def _blocks(cells, keys, groups):
    """Blocks of the seeds that have the same combinations, and the (name, group) of each variance."""
    datasets, damages = ([key[part] for key in keys] for part in (0, 1))
    residuals = {damage: groups.get(damage) for damage in damages}
    names = sorted(set(residuals.values()), key=str)
    same_dataset, same_damage = (_equal(labels) for labels in (datasets, damages))
    own = [np.diag([float(residuals[damage] == name) for damage in damages]) for name in names]
    structures = np.stack([*own, np.ones_like(same_damage), same_damage, same_dataset])
    terms = [*((RESIDUAL, name) for name in names), (SEED, None), (SEED_DAMAGE, None), (DATASET_SEED, None)]
    by_seed = collections.defaultdict(dict)
    for cell in cells:
        by_seed[cell.seed][keys.index((cell.dataset, cell.damage))] = cell.score
    by_pattern = collections.defaultdict(list)
    for scores in by_seed.values():
        by_pattern[tuple(sorted(scores))].append(scores)
    blocks = [
        reml.Block(
            np.eye(len(keys))[list(there)],
            structures[:, there][:, :, there],
            np.array([[scores[place] for place in there] for scores in units]),
        )
        for there, units in by_pattern.items()
    ]
    return blocks, terms


def _equal(labels):
    return np.array([[float(one == other) for other in labels] for one in labels])
