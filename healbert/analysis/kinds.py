"""Kinds of damage side by side: those of groups that differ in nothing but what was damaged, and how."""

import dataclasses

from ..results.schema import is_damage
from .families import families, mean
from .runs import ALL, INTACT, in_words

SEVERITY = ("strength", "relative_l2", "kl", "changed")


@dataclasses.dataclass
class KindOfDamage:
    """One kind of damage over all datasets.

    Args:
        label: what was done where, without what all kinds here share.
        group: the `Group` that its runs are in.
        costs: {dataset, or None for all of them together: `Cost`}.
        severity: {dataset: {name in `SEVERITY`: mean over runs, None where runs do not say}}.
        runs: {dataset, or None for all of them: numbers of the runs}.
    """

    label: str
    group: object
    costs: dict
    severity: dict
    runs: dict

    @property
    def lost(self):
        """What stays lost over all datasets, or the only one: an effect, more being worse; None if unknown."""
        cost = self.costs.get(None) or (next(iter(self.costs.values())) if len(self.costs) == 1 else None)
        return cost and cost.lost and cost.lost.effect


def kinds_of_damage(groups):
    """Kinds of damage that can be compared: a list of lists of `KindOfDamage`, the least costly first.

    Args:
        groups: list of `GroupAnalysis`.
    """
    return [_kinds(family.groups) for family in families(groups, is_damage)]


def _kinds(members):
    pairs = [(analysed, damage) for analysed in members for damage in analysed.results.damages]
    kinds = [_kind(*pair) for pair in pairs if pair[1] != INTACT]
    return sorted(kinds, key=lambda kind: (kind.lost is None, kind.lost or 0.0, kind.label))


def _kind(analysed, damage):
    group = analysed.group
    costs = {cost.dataset: cost for cost in analysed.costs if cost.damage == damage}
    severity = {dataset: _severity(analysed.results.get(dataset, damage)) for dataset in costs if dataset is not None}
    runs = {name: analysed.results.numbers(severity if name is None else [name], [damage]) for name in costs}
    return KindOfDamage(_label(group, damage), group, costs, severity, runs)


def _label(group, damage):
    named = {name: value for name, value in group.settings.items() if is_damage(name) and value not in (None, False)}
    where = [str(named.pop(name)) for name in ("corrupt_components", "corrupt_parameters") if name in named]
    where += [str(damage)] if damage != ALL or not where else []
    options = [str(named.pop("corrupt_options"))] if "corrupt_options" in named else []
    more = [in_words(name.removeprefix("corrupt_"), value) for name, value in named.items() if name != "corrupt_method"]
    return ", ".join([group.method, *options, *where, *more])


def _severity(entry):
    runs = [run for members in entry.runs.values() for run in members] if entry else []
    found = [_severity_of(run.part("corruption")) for run in runs]
    return {name: mean([one[name] for one in found]) for name in SEVERITY}


def _severity_of(corruption):
    change, matched = corruption.get("change") or {}, corruption.get("severity") or {}
    return {
        "strength": matched.get("strength"),
        "relative_l2": corruption.get("relative_l2"),
        "kl": change.get("kl"),
        "changed": change.get("predictions_changed"),
    }
