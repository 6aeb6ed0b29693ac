"""Healing strategies against full fine-tuning over many places: which recovers more, at what share of the cost."""

import dataclasses

import numpy as np

from .pareto import COSTS, strategies
from .runs import INTACT
from .statistics.mixed import Cell, NotFitted, fit

FULL = "full"  # what the others are compared with


@dataclasses.dataclass
class Against:
    """One strategy beside full fine-tuning.

    Args:
        name: the strategy's, with its options.
        damage: the `Damage` that was healed; None: all of them.
        places: on how many datasets and damages both have scores; a mean over these is what follows.
        score: mean score of the strategy.
        gain: the strategy's score minus that of full fine-tuning, more being better; 0 of full fine-tuning itself.
        interval: of ``gain``, 95% over seeds, simultaneous over the strategies; None where it is not known.
        p: two-sided, adjusted for the number of strategies; None where it is not known.
        open: why there is no interval, one of the reasons of `statistics.mixed`; None if there is one.
        costs: {name in `COSTS`: the strategy's cost divided by that of full fine-tuning, or None}.
        runs: the numbers of the strategy's runs.
    """

    group: object
    name: str
    damage: object
    places: int
    score: float
    gain: float
    interval: tuple | None = None
    p: float | None = None
    open: str | None = None
    costs: dict = dataclasses.field(default_factory=dict)
    runs: list = dataclasses.field(default_factory=list)


def against_full(groups):
    """Families of groups that differ in the strategy alone, full fine-tuning among them.

    Scores are modelled as score ~ place x strategy with random seeds (`statistics.mixed`). A place is a dataset under a
    damage; what strategies have in common at a place and a seed, such as the draw of the damage, is in the model.

    Args:
        groups: list of `GroupAnalysis`.

    Returns:
        list of (`Family`, list of `Against`): over all damages first, then by damage; in each the best strategy first.
    """
    found = []
    for family, places in strategies(groups):
        damaged = {place: {way.name: way for way in ways} for place, ways in places.items() if place[1] != INTACT}
        damaged = {place: ways for place, ways in damaged.items() if FULL in ways}
        damages = sorted({damage for _, damage in damaged})
        chosen = [None, *damages] if len(damages) > 1 else damages
        lines = [line for damage in chosen for line in _compared(family, damaged, damage)]
        if lines:
            found.append((family, lines))
    return found


def _compared(family, damaged, damage):
    places = {place: ways for place, ways in damaged.items() if damage in (None, place[1])}
    names = sorted({name for ways in places.values() for name in ways})
    lines = [_line(family, places, damage, name) for name in names]
    _add_intervals(family, places, [line for line in lines if line.name != FULL])
    return sorted(lines, key=lambda line: -line.gain)


def _line(family, places, damage, name):
    both = [(ways[name], ways[FULL]) for ways in places.values() if name in ways]
    sign = family.metric.sign
    return Against(
        group=both[0][0].group,
        name=name,
        damage=damage,
        places=len(both),
        score=float(np.mean([way.score for way, _ in both])),
        gain=sign * float(np.mean([way.score - full.score for way, full in both])),
        costs={cost: _share([(way.costs[cost], full.costs[cost]) for way, full in both]) for cost in COSTS},
        runs=[run for way, _ in both for run in way.runs],
    )


def _share(pairs):
    """The mean of (cost, cost of full fine-tuning) as a fraction; None where one is not known."""
    if any(cost is None or not full for cost, full in pairs):
        return None
    return float(np.mean([cost / full for cost, full in pairs]))


def _add_intervals(family, places, lines):
    cells = [
        Cell(place, name, seed, family.metric.sign * score)
        for place, ways in places.items()
        for name, way in ways.items()
        for seed, score in way.scores.items()
    ]
    try:
        model = fit(cells)
    except NotFitted as error:
        for line in lines:
            line.open = error.reason
        return
    together = model.simultaneous([_weights(places, line.name) for line in lines])
    for line, contrast, interval, p in zip(lines, together.contrasts, together.intervals, together.p, strict=True):
        line.gain, line.interval, line.p = contrast.effect, interval, p


def _weights(places, name):
    both = [place for place, ways in places.items() if name in ways]
    weights = {(place, name): 1 / len(both) for place in both}
    return weights | {(place, FULL): -1 / len(both) for place in both}
