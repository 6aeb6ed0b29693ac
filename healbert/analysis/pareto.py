"""What score a healing strategy reaches at what cost, and which are on the Pareto front."""

import collections
import dataclasses
import pathlib

import numpy as np

from .families import families, mean

COSTS = {  # name -> (title, function of a run's ``healing``)
    "flops": ("FLOPs of healing", lambda healing: _flops(healing)),
    "seconds": ("seconds of training steps", lambda healing: _times(healing, "seconds_per_step")),
    "parameters": ("trainable parameters", lambda healing: healing.get("trainable_parameters")),
}
# In which the groups of a family differ: what is a part of a strategy.
APART = ("healing", "healing_options", "heal_text", "teacher", "reuse_frozen")


@dataclasses.dataclass
class Strategy:
    """One way to heal one damage of one dataset: its scores by seed, and its mean costs by name.

    ``fronts`` are the names of the costs by which no other is as good and cheaper, or better and as cheap; ``runs`` the
    numbers of its runs.
    """

    group: object
    name: str
    rate: float
    scores: dict
    costs: dict
    fronts: set
    runs: list

    @property
    def score(self):
        """The mean over seeds."""
        return float(np.mean(list(self.scores.values())))


def strategies(groups):
    """Families of groups that differ in the strategy alone, with what is known at each place.

    Args:
        groups: list of `GroupAnalysis`.

    Returns:
        list of (`Family`, {(dataset, damage): list of `Strategy`}), of places with two or more alone.
    """
    found = []
    for family in families(groups, APART.__contains__):
        names = _names([analysed.group for analysed in family.groups])
        places = {place: _at(family, names, *place) for place in family.places}
        places = {place: ways for place, ways in places.items() if len(ways) > 1}
        if places:
            found.append((family, places))
    return found


def _at(family, names, dataset, damage):
    ways = []
    for analysed in family.groups:
        entry = analysed.results.get(dataset, damage)
        if entry and entry.values:
            runs = [run for members in entry.runs.values() for run in members]
            costs = {name: mean([cost(run.part("healing")) for run in runs]) for name, (_, cost) in COSTS.items()}
            what = analysed.group, names[analysed.group], entry.rate
            ways.append(Strategy(*what, entry.scores(), costs, set(), [run.number for run in runs]))
    for cost in COSTS:
        known = [way for way in ways if way.costs[cost] is not None]
        on = front([(way.costs[cost], family.metric.sign * way.score) for way in known])
        for place in on:
            known[place].fronts.add(cost)
    return sorted(ways, key=lambda way: way.name)


def front(points):
    """Places of those (cost, score) that no other beats: none is at most as dear and at least as good, and differs."""
    return [
        i
        for i, (cost, score) in enumerate(points)
        if not any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
    ]


def _names(groups):
    """{group: the name of its strategy}: files by their names alone, or by all of their paths where names coincide."""
    short = {group: _name(group, lambda path: pathlib.PurePath(path).name) for group in groups}
    shared = collections.Counter(short.values())
    return {group: name if shared[name] == 1 else _name(group, str) for group, name in short.items()}


def _name(group, named):
    run, settings = next(iter(group.runs)), group.settings
    said = [str(settings["healing_options"])] if settings.get("healing_options") else []
    said += [f"{name} {named(settings[name])}" for name in ("heal_text", "teacher") if settings.get(name)]
    said += ["reuse_frozen"] if settings.get("reuse_frozen") else []
    return str(run.config.get("healing") or "full") + (f" ({', '.join(said)})" if said else "")


def _flops(healing):
    """Of all steps, and of what was done once before them; a run of which that is not told has done nothing before."""
    of_steps, before = _times(healing, "flops_per_step"), healing.get("flops_before", 0)
    of_text = (healing.get("text") or {}).get("flops", 0)
    return None if None in (of_steps, before, of_text) else of_steps + before + of_text


def _times(healing, each):
    steps, value = healing.get("steps"), healing.get(each)
    return None if steps is None or value is None else steps * value
