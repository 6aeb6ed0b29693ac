"""Enough seeds and no more: which dataset and damage need how many, until an interval is narrow.

The interval is the 95% one over seeds of what is lost, the intact model's score minus the healed one's. A pair of a
dataset and a damage has enough seeds once that was no wider than asked for with each of its last `HELD` seeds. To stop
with the first narrow one would stop where the spread came out low by luck: intervals would cover as little as 90%.
"""

import dataclasses

import numpy as np
from scipy import stats

from ..analysis import statistics
from ..analysis.collect import collect
from ..analysis.contrasts import paired_values
from ..analysis.entries import Results
from ..analysis.runs import INTACT
from ..analysis.statistics.intervals import t_interval
from ..damage.series import seed_in_a_row
from ..results.plans import run_hash
from ..utils.errors import UserError

FIRST, HELD = 4, 3  # seeds of the first interval that is looked at; how many in a row must be narrow
LEAST = FIRST + HELD - 1  # seeds, whatever they say
UNLUCKY = 0.2  # the chance that the spread comes out below what the larger number of seeds is for


@dataclasses.dataclass
class Pair:
    """One dataset under one damage.

    ``label`` says which, ``runs`` and ``intact`` are the planned runs of it and of the intact model, ``values`` are the
    differences (seeds,) in the order of the seeds.
    """

    label: str
    runs: list
    intact: list
    values: np.ndarray

    @property
    def seeds(self):
        """The seeds of its planned runs: a set."""
        return {run.seeds[0] for run in self.runs}

    @property
    def width(self):
        """Of its interval with all of its seeds; None with fewer than two."""
        return width_of(self.values)


def width_of(values):
    """The width of the 95% interval over seeds of differences (seeds,): 0 of equal ones; None with fewer than two."""
    if len(values) < 2:
        return None
    found = statistics.estimate([statistics.Stratum(values)])
    return 0.0 if found.equal else found.over_seeds[1] - found.over_seeds[0]


def enough(values, width):
    """Whether differences (seeds,), in the order of the seeds, are enough for an interval no wider than ``width``."""
    return len(values) >= LEAST and all(width_of(values[: len(values) - less]) <= width for less in range(HELD))


def seeds_for(spread, width, most):
    """How many seeds make an interval no wider than ``width`` if differences have this standard deviation.

    Args:
        most: where even these do not, it is this number.
    """
    for seeds in range(FIRST, most):
        low, high = t_interval(0, spread / seeds**0.5, seeds - 1)
        if high - low <= width:
            return min(most, seeds + HELD - 1)
    return most


def next_seeds(values, width, most):
    """How many seeds a pair whose differences (seeds,) are not `enough` should have next: at most twice as many."""
    if len(values) < FIRST:
        return min(most, LEAST)
    likely = seeds_for(float(np.std(values, ddof=1)), width, most)
    return min(most, max(len(values) + 1, min(likely, 2 * len(values))))


def measure(output_dir, plan):
    """Every `Pair` of a `Plan` that has finished runs, the widest interval first, those without one before them."""
    planned = {run_hash(run.name): run for run in plan.runs}
    pairs = [
        _pair(Results(group), dataset, damage, planned, several=len(study.groups) > 1)
        for study in [collect(output_dir)]
        for group in study.groups
        for dataset in group.datasets
        for damage in sorted({run.damage for run in group.runs if run.dataset == dataset} - {INTACT})
    ]
    known = [pair for pair in pairs if pair.runs and pair.intact]
    return sorted(known, key=lambda pair: -np.inf if pair.width is None else -pair.width)


def _pair(results, dataset, damage, planned, several):
    of_group = [run for run in results.group.runs if run.dataset == dataset]
    runs, intact = (
        [planned[name] for run in of_group if run.damage == which and (name := run_hash(run.folder.name)) in planned]
        for which in (damage, INTACT)
    )
    places = {(dataset, damage), (dataset, INTACT)} <= results.entries.keys()
    found = paired_values(results, dataset, {INTACT: 1, damage: -1}) if places else {}
    of = f", {results.group.label}" if several else ""
    return Pair(f"{dataset}, {damage}{of}", runs, intact, np.array([found[seed] for seed in sorted(found)]))


def check_plan(plan, flag):
    """Refuses a sweep to which seeds cannot be added.

    Raises:
        UserError: if damages are not drawn by the runs' own seeds, or there is no intact model to compare with.
    """
    odd = next((run for run in plan.runs if not _drawn_by_own_seed(run)), None)
    if odd:
        raise UserError(
            f"{flag} needs another draw of the damage with each seed, and {odd.name} has seed {odd.seeds[0]} and "
            f"corrupt_seed {odd.seeds[1]}; write corrupt_seed: same_as_seed"
        )
    if all(len(run.seeds) > 1 for run in plan.runs):
        raise UserError(f"{flag} compares with the intact model; add corrupt_level 0 to the sweep")


def _drawn_by_own_seed(run):
    seed, *drawn = run.seeds
    return all(found == seed_in_a_row(seed, place) for place, found in enumerate(drawn, start=1))


def with_seeds(plan, wanted):
    """The settings of runs that give pairs more seeds: a list of dicts, the first pair's first.

    Args:
        plan: the sweep's own `Plan`, with the seeds that its file names.
        wanted: list of (`Pair`, how many seeds it is to have).
    """
    named = sorted({run.seeds[0] for run in plan.runs})
    found = []
    for pair, many in wanted:
        new = [*named, *range(named[-1] + 1, named[-1] + 1 + many)][:many]
        for run in [*_one_of_each(pair.intact), *_one_of_each(pair.runs)]:
            found += [run.settings | {"seed": seed, "corrupt_seed": seed} for seed in new]
    return found


def _one_of_each(runs):
    """One run of each that differ in more than their seeds."""
    seeds = ("seed", "corrupt_seed")
    kept = {}
    for run in runs:
        kept.setdefault(repr(sorted((k, v) for k, v in run.settings.items() if k not in seeds)), run)
    return list(kept.values())


def plan_seeds(plan, output_dir, width, most):
    """How many seeds intervals no wider than ``width`` are likely to take, by the runs that are finished, as text.

    Args: as of `until.run_until`.

    Raises:
        UserError: if seeds cannot be added to this sweep, or none of its runs is finished.
    """
    check_plan(plan, "--plan_seeds")
    if not plan.in_state("completed"):
        raise UserError(
            f"--plan_seeds goes by finished runs, and {output_dir} holds none; run the sweep with two seeds"
        )
    lines = []
    for pair in measure(output_dir, plan):
        have = len(pair.values)
        if have < 2:
            lines.append(f"{pair.label}: unknown; it takes 2 seeds or more to tell, and {have} are finished")
            continue
        spread = float(np.std(pair.values, ddof=1))
        unlucky = spread * ((have - 1) / stats.chi2.ppf(UNLUCKY, have - 1)) ** 0.5
        likely, at_most = (
            have if enough(pair.values, width) else max(have + 1, LEAST, seeds_for(s, width, most))
            for s in (spread, unlucky)
        )
        lines.append(
            f"{pair.label}: {have} seeds, interval {pair.width:.3g} wide; about {_count(likely, most)} for {width:g}, "
            f"with little luck {_count(at_most, most)}"
        )
    return "\n".join(lines)


def _count(seeds, most):
    return f"{most} or more" if seeds >= most else str(seeds)
