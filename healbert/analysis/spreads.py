"""Claims on how much seeds scatter: of two groups of runs that differ in one setting alone, a ratio of spreads."""

import dataclasses

import numpy as np
import scipy

from .claims import Claim
from .families import families
from .outcome import SPREADS, Outcome
from .statistics.intervals import CONFIDENCE, ROUNDING
from .verdict import POOLED, Ruling, Verdict
from .views import CHOSEN, LAST, VIEWS, collapsed, scores


@dataclasses.dataclass(frozen=True)
class Pair:
    """A claim that runs with one value of a setting scatter more than runs with another."""

    claim: Claim
    setting: str
    more: str
    less: str


def _claim(letter, text, effect):
    return Claim(letter, text, effect, ratio=True)


PAIRS = (
    Pair(
        _claim("d", "Mean tokens are less stable than [CLS]", "spread between seeds, mean tokens divided by [CLS]"),
        "pooling",
        "mean",
        "cls",
    ),
    Pair(
        _claim(
            "e", "Probing is more volatile than fine-tuning", "spread between seeds, probing divided by fine-tuning"
        ),
        "healing",
        "linear_probe",
        "full",
    ),
)


def judge_spreads(all_results):
    """The `Verdict`s on claims of `PAIRS`, not yet corrected: one for each two groups that differ in a pair's setting.

    Args:
        all_results: list of `Results`, one per group.
    """
    return [
        _verdict(pair.claim, by_value[pair.more], by_value[pair.less])
        for pair in PAIRS
        for by_value in _alike(all_results, pair.setting)
        if {pair.more, pair.less} <= set(by_value)
    ]


def _alike(all_results, setting):
    """Groups that differ in one setting alone: a list of {value: `Results`}."""
    found = families(all_results, lambda name: name == setting)
    return [{results.group.settings.get(setting): results for results in family.groups} for family in found]


def _verdict(claim, more, less):
    places = [key for key in more.entries if key in less.entries]
    datasets = sorted({dataset for dataset, _ in places})
    scope = POOLED if len(datasets) > 1 else (datasets or more.datasets)[0]
    verdict = Verdict(more.group, claim, scope, len(datasets))
    runs = [run for results in (more, less) for key in places for run in results.entries[key].counted]
    verdict.runs, verdict.collapsed = len(runs), sum(map(collapsed, runs))
    verdict.without_last = sum(run.score("last") is None for run in runs)
    wanted = {CHOSEN: True, LAST: runs and not verdict.without_last}
    for view in (view for view in VIEWS if wanted.get(view.name, verdict.collapsed)):
        verdict.rulings[view.name] = Ruling(_ratio(*(scores(results, view) for results in (more, less)), places))
    if verdict.outcome is None:
        verdict.notes = ("no seeds that differ, of one dataset and damage, in both",)
    return verdict


def _ratio(more, less, places):
    """The ratio of the pooled standard deviations between seeds, as an `Outcome`; None where one of them is not known.

    Its interval is that of two independent normal samples (the F distribution). Runs of one seed share draws, and where
    both groups err together the ratio is known better than that.
    """
    both = [key for key in places if key in more and key in less]
    (above, dfs), (below, other) = (_pooled([scored[key] for key in both]) for scored in (more, less))
    size = {"cells": sum(len(s[key]) for s in (more, less) for key in both)}
    size["seeds"] = len({seed for scored in (more, less) for key in both for seed in scored[key]})
    if not dfs or not other or min(above, below) < ROUNDING**2:
        return None
    ratio = above / below
    ends = (scipy.stats.f.isf(tail, dfs, other) for tail in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    low, high = (float(np.sqrt(ratio / end)) for end in ends)
    p = float(2 * min(scipy.stats.f.sf(ratio, dfs, other), scipy.stats.f.cdf(ratio, dfs, other)))
    found = {"interval": (low, high), "over_seeds": (low, high), "p": p}
    return Outcome(float(np.sqrt(ratio)), SPREADS, null=1.0, **found, **size)


def _pooled(samples):
    """The variance within samples ({seed: score}), each about its own mean, and its degrees of freedom."""
    values = [np.array(list(sample.values())) for sample in samples]
    squares = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in values)
    freedom = sum(len(sample) - 1 for sample in values)
    return (squares / freedom if freedom else 0.0), freedom
