"""Groups that differ in one kind of setting alone, side by side: how much data, which strategy."""

import collections
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Family:
    """Groups of runs that are alike but for some settings.

    Args:
        label: what they share, in words.
        groups: list of `GroupAnalysis`.
    """

    label: str
    groups: list

    @property
    def metric(self):
        """The `Metric` that all of them are scored by."""
        return self.groups[0].metric

    @property
    def places(self):
        """(dataset, damage) of every entry of some group, in order: a list."""
        return sorted({key for group in self.groups for key in group.results.entries})


def families(groups, apart):
    """The `Family`s of two groups or more that differ in some settings and in nothing else: a list.

    Args:
        groups: list of `GroupAnalysis`.
        apart: function of a setting's name: whether it is one of those in which they may differ.
    """
    found = collections.defaultdict(list)
    for analysed in groups:
        group = analysed.group
        alike = {name: str(value) for name, value in group.settings.items() if not apart(name)}
        method = "" if apart("corrupt_method") else group.method
        found[group.model, method, group.metric, tuple(sorted(alike.items()))].append(analysed)
    return [Family(_label(*key), members) for key, members in found.items() if len(members) > 1]


def _label(model, method, metric, alike):
    named = [f"{name} {value}" for name, value in alike if name not in ("model_name_or_path", "corrupt_method")]
    return ", ".join(filter(None, [model, method, *named]))


def mean(values):
    """The mean of figures of several runs; None where there is none, or a run lacks it."""
    return float(np.mean(values)) if values and None not in values else None
