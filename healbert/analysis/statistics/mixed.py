"""A linear mixed model of the scores of a study, and contrasts of its means.

    score ~ dataset x damage + random seed + random seed:damage + random dataset:seed + residual

Every dataset and damage has a mean of its own, so that nothing is assumed of how damage acts. A seed is the same on all
datasets: what it decides (order of the data, the damage's draw) may move all scores of the seed, all of the seed and a
damage, or all of the seed and a dataset together. Fitted by restricted maximum likelihood; degrees of freedom are
Satterthwaite's. Without holes in the table both are those of the analysis of variance, and exact where it is.

Noise (the residual, and what a seed does to a damage) may differ between damages. Whether it is taken as one for all,
by group of damages or by damage is decided by Akaike's criterion, as in Pinheiro and Bates 2000 (Mixed-Effects Models
in S and S-PLUS, 5.2); docs/calibration.md has what this keeps and what it costs.
"""

import collections
import dataclasses
import math
import typing

import numpy as np
import scipy

from . import reml
from .intervals import ROUNDING, t_interval
from .simultaneous import together

NO_SCORES = "no scores"
ONE_SEED = "one seed"
NOTHING_REPEATED = "nothing is repeated"
EQUAL_SEEDS = "seeds do not differ"
NOT_CONVERGED = "does not converge"

ONE_NOISE, BY_GROUP, BY_DAMAGE = "the same for all damages", "by group of damages", "by damage"
LEAST_REPEATS, LEAST_SEEDS = 4, 3  # scores beyond the means, and seeds, that a noise of its own rests on

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
        return float(2 * scipy.stats.t.sf(abs(self.effect) / self.error, self.df))


@dataclasses.dataclass(frozen=True)
class Component:
    """A variance: ``name``, ``group`` of damages (None: all of them), ``variance``, or None if not identifiable.

    One that is not identifiable is part of others: with one dataset, what a seed does to a damage is residual.
    """

    name: str
    group: object
    variance: float | None


@dataclasses.dataclass(frozen=True)
class Mixed:
    """A fitted model.

    ``means`` {(dataset, damage): fitted mean}; ``components`` tuple of `Component`; ``noise`` how it is shared, one of
    ONE_NOISE, BY_GROUP and BY_DAMAGE; ``seeds`` how many there are; ``holes`` how many scores are missing of those that
    these means and seeds would have.
    """

    means: dict
    components: tuple
    noise: str
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
        groups: {damage: group} of damages whose noise may differ from that of the others (the intact model's).

    Raises:
        NotFitted: if the scores do not tell how much seeds differ; EQUAL_SEEDS, too, where every seed moves all scores
            of a dataset alike, so that differences would be known exactly.
        ValueError: for a combination that is there twice, or a score that is not finite.
    """
    cells = sorted(cells, key=lambda cell: tuple(map(str, cell[:3])))
    _check(cells)
    found = [_fit(cells, *shared) for shared in _noises(cells, groups or {})]
    arrived = [model for model in found if model.fit.converged and _all_noisy(model)]
    if not arrived:
        raise NotFitted(EQUAL_SEEDS if found[0].fit.converged else NOT_CONVERGED)
    return min(arrived, key=lambda model: model.fit.criterion + 2 * len(model.fit.variances))


def _all_noisy(model):
    """Whether all groups of damages have noise: one without would have means that are known exactly."""
    noise = collections.Counter()
    for component in model.components:
        if component.name in (RESIDUAL, SEED_DAMAGE):
            noise[component.group] += component.variance or 0.0
    return min(noise.values()) > 0


def _noises(cells, groups):
    """Ways to share noise that these scores can tell apart: (name, {damage: group}), the simplest first."""
    damages = sorted({cell.damage for cell in cells}, key=str)
    ways = {
        BY_GROUP: {damage: groups.get(damage) for damage in damages},
        BY_DAMAGE: {damage: damage for damage in damages},
    }
    yield ONE_NOISE, dict.fromkeys(damages)
    for name, group_of in ways.items():
        members = [[cell for cell in cells if group_of[cell.damage] == group] for group in set(group_of.values())]
        if len(members) > 1 and all(map(_tells_noise, members)):
            yield name, group_of


def _tells_noise(cells):
    means, seeds = {cell[:2] for cell in cells}, {cell.seed for cell in cells}
    return len(cells) - len(means) >= LEAST_REPEATS and len(seeds) >= LEAST_SEEDS


def _fit(cells, noise, group_of):
    """The `Mixed` model with one way to share noise; the search may not have arrived."""
    keys = list(dict.fromkeys((cell.dataset, cell.damage) for cell in cells))
    blocks, terms = _blocks(cells, keys, group_of)
    seeds = len({cell.seed for cell in cells})
    square, freedom = reml.mean_square(blocks)
    if seeds < 2 or freedom < 1:
        raise NotFitted(ONE_SEED if seeds < 2 else NOTHING_REPEATED)
    if math.sqrt(square) < ROUNDING:
        raise NotFitted(EQUAL_SEEDS)
    told = reml.identifiable(blocks)
    known = [dataclasses.replace(block, structures=block.structures[told]) for block in blocks]
    found = reml.fit(known, [terms[i][0] == RESIDUAL for i in np.flatnonzero(told)])
    variances = np.full(len(terms), np.nan)
    variances[told] = found.variances
    return Mixed(
        means=dict(zip(keys, found.means.tolist(), strict=True)),
        components=tuple(
            Component(*term, float(variance) if kept else None)
            for term, variance, kept in zip(terms, variances, told, strict=True)
        ),
        noise=noise,
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


def _blocks(cells, keys, group_of):
    """Blocks of the seeds that have the same combinations, and the (name, group) of each variance."""
    datasets, damages = ([key[part] for key in keys] for part in (0, 1))
    same_dataset, same_damage = (_equal(labels) for labels in (datasets, damages))
    groups = sorted(set(group_of.values()), key=str)
    inside = np.array([[float(group_of[damage] == group) for damage in damages] for group in groups])  # (groups, means)
    own, shared = inside[:, :, None] * np.eye(len(keys)), inside[:, :, None] * same_damage
    structures = np.concatenate([own, np.ones_like(same_damage)[None], shared, same_dataset[None]])
    terms = [(RESIDUAL, group) for group in groups] + [(SEED, None)]
    terms += [(SEED_DAMAGE, group) for group in groups] + [(DATASET_SEED, None)]
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
