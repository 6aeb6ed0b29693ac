"""Contrasts, which are weighted sums of scores, pair by pair: what verdicts, recovery and costs are made of."""

import dataclasses
import math

import numpy as np

from . import statistics
from .runs import ALL, INTACT

# Of the encoder: what leaves less of it as it was, as level 1 without norms does, counts as training from scratch.
ALL_BUT_WHOLE = 0.95


def paired_values(results, dataset, weights, stage="healed"):
    """``sum of weight * score`` for every seed that has all of the scores, more being better (`Results.oriented`).

    Args:
        results: `Results`.
        weights: {damage: weight}.
        stage: "healed" or "damaged".

    Returns:
        dict: {repetition: value}. One intact run that stands beside several draws of the damage is paired with each.
    """
    return pair(
        {damage: results.oriented(dataset, damage, stage) for damage in weights}, weights, results.intact_is_shared()
    )


def pair(scores, weights, shared=False):
    """``sum of weight * score`` for every seed that has all of the scores.

    Args:
        scores: {damage: {repetition: score}}.
        weights: {damage: weight}.
        shared: whether one intact run stands beside several draws of the damage; it is paired with each. Copies of
            it, which differ in a seed that changes nothing of them, count as their mean.
    """
    scores, beside = dict(scores), {}
    if shared and len(weights) > 1 and scores.get(INTACT):
        beside = {INTACT: float(np.mean(list(scores.pop(INTACT).values())))}
    common = set.intersection(*(set(values) for values in scores.values()))
    constant = sum(weights[damage] * value for damage, value in beside.items())
    return {
        key: constant + sum(weights[damage] * values[key] for damage, values in scores.items())
        for key in sorted(common, key=str)
    }


def combine(parts):
    """One set of weights out of ``[(factor, {damage: weight}), ...]``."""
    total = {}
    for factor, weights in parts:
        for damage, weight in weights.items():
            total[damage] = total.get(damage, 0) + factor * weight
    return total


def stratum(results, predictions, dataset, weights, keys):
    """The pairs of one dataset as a `statistics.Stratum`, resampled over examples where predictions allow it.

    Args:
        keys: the repetitions that count.
    """
    values = paired_values(results, dataset, weights)
    used = [key for key in keys if key in values]
    total, seen = 0, set()
    for damage, weight in weights.items():
        runs = results.get(dataset, damage).runs
        chosen = [run for key in used for run in runs.get(key, ())] or [run for found in runs.values() for run in found]
        vector, examples = predictions.resampled(chosen) if chosen else (None, None)
        seen.add(examples)
        total = None if vector is None or total is None else total + weight * vector
    paired = total is not None and len(seen) == 1
    resampled = results.metric.sign * total if paired else None
    return statistics.Stratum(np.array([values[key] for key in used]), resampled, tuple(used))


@dataclasses.dataclass
class Cost:
    """What one damage cost and how far healing came, in one dataset or (``dataset`` None) over all of them.

    Mean scores over seeds, or None where the runs are missing: ``majority``, ``damaged`` and ``untrained`` (damaged and
    intact before training), ``healed``, ``intact``, ``scratch`` (healed after 100% damage, see `has_scratch`). ``lost``
    (intact - healed) and ``above_scratch`` (healed - scratch) are `statistics.Estimate`; ``recovery`` ((healed -
    damaged) / (intact - damaged)) and ``retained`` ((healed - scratch) / (intact - scratch)) `statistics.Ratio`. In
    these four more is better: of a metric of which less is better, signs are turned.
    """

    dataset: str | None
    damage: tuple
    majority: float | None = None
    damaged: float | None = None
    untrained: float | None = None
    healed: float | None = None
    intact: float | None = None
    scratch: float | None = None
    lost: object = None
    recovery: object = None
    above_scratch: object = None
    retained: object = None
    layers: str = ""

    @property
    def label(self):
        return f"{self.damage} ({self.layers})" if self.layers else str(self.damage)


def costs(results, predictions):
    """A list of `Cost`: every damage of every dataset, then every damage over all datasets that have it."""
    found = [
        _cost(results, predictions, [dataset], damage)
        for dataset in results.datasets
        for damage in results.damages_of(dataset)
    ]
    pooled = []
    if len(results.datasets) > 1:
        for damage in results.damages:
            having = [d for d in results.datasets if results.scores(d, damage)]
            if len(having) == len(results.datasets):
                pooled.append(_cost(results, predictions, having, damage))
    return found + pooled


def _cost(results, predictions, datasets, damage):
    def mean(of_damage, stage):
        means = [list(results.scores(dataset, of_damage, stage).values()) for dataset in datasets]
        return float(np.mean([np.mean(values) for values in means])) if all(means) else None

    majorities = [results.majority(dataset) for dataset in datasets]
    cost = Cost(
        dataset=datasets[0] if len(datasets) == 1 else None,
        damage=damage,
        majority=None if None in majorities else float(np.mean(majorities)),
        damaged=mean(damage, "damaged"),
        untrained=mean(INTACT, "damaged"),
        healed=mean(damage, "healed"),
        intact=mean(INTACT, "healed"),
        scratch=mean(ALL, "healed") if has_scratch(results) else None,
        layers=results.hit(damage, datasets),
    )
    if damage != INTACT:
        cost.lost = difference(results, predictions, datasets, {INTACT: 1, damage: -1})
        cost.recovery = fraction(results, datasets, ({damage: 1}, {damage: -1}), ({INTACT: 1}, {damage: -1}))
    if damage not in (INTACT, ALL) and results.kind_of[damage].extent < 1 and has_scratch(results):
        cost.above_scratch = difference(results, predictions, datasets, {damage: 1, ALL: -1})
        cost.retained = fraction(results, datasets, ({damage: 1, ALL: -1}, {}), ({INTACT: 1, ALL: -1}, {}))
    return cost


def has_scratch(results):
    """Whether 100% damage hits the encoder as a whole, so that runs of it are of training from scratch."""
    return ALL in results.kind_of and results.kind_of[ALL].extent >= ALL_BUT_WHOLE


def difference(results, predictions, datasets, weights):
    """`statistics.Estimate` of a contrast over datasets, or None if one of them has no complete pair."""
    strata = []
    for dataset in datasets:
        keys = list(paired_values(results, dataset, weights))
        if not keys:
            return None
        strata.append(stratum(results, predictions, dataset, weights, keys))
    return statistics.estimate(strata)


def fraction(results, datasets, numerator, denominator):
    """`statistics.Ratio` of two contrasts, each given as (weights of healed, weights of damaged scores)."""
    samples, seeds = [], []
    for dataset in datasets:
        top, bottom = (_both_stages(results, dataset, *weights) for weights in (numerator, denominator))
        keys = [key for key in top if key in bottom]
        if not keys:
            return None
        samples.append(np.array([[top[key], bottom[key]] for key in keys]))
        seeds.append(tuple(keys))
    return statistics.ratio(samples, results.metric.smallest_difference, seeds)


def _both_stages(results, dataset, healed, damaged):
    """{repetition: weighted sum of healed and of damaged scores}."""
    if not damaged:
        return paired_values(results, dataset, healed)
    (damage,) = damaged  # paired with its own seeds, the healed intact run too
    before = paired_values(results, dataset, damaged, "damaged")
    if INTACT in healed and results.intact_is_shared():
        intact = list(results.oriented(dataset, INTACT).values())
        return {key: float(np.mean(intact)) + value for key, value in before.items()} if intact else {}
    after = paired_values(results, dataset, healed)
    return {key: after[key] + value for key, value in before.items() if key in after}


def quarter_weights(fractions):
    """Weights that turn scores at these fractions of the encoder into their fall per quarter of it."""
    if len(set(fractions)) < 2:
        return [math.nan]
    return [float(weight) for weight in statistics.slopes(np.eye(len(fractions)), fractions)]
