"""Kinds of damage side by side: what each cost, before healing and after."""

from ...analysis.kinds import kinds_of_damage
from ...utils.registry import register
from ..fractions import direction, few_seeds
from ..text import DASH, interval, number, percent
from .base import Cell, Row, Table, ends, tags, to_runs


@register("table", "kinds")
def kinds(analysis):
    """Kinds of damage side by side, a table for each family of groups that differ in nothing else."""
    return [_table(family, *named) for family, named in zip(*named_families(analysis.groups), strict=True)]


def named_families(groups):
    """Families of kinds of damage, and of each the stem of its files and its title: two lists."""
    found = kinds_of_damage(groups)
    if len(found) < 2:
        return found, [("kinds", "Kinds of damage side by side")] * len(found)
    models = [family[0].group.model for family in found]
    return found, [
        (f"kinds-{index}", f"Kinds of damage side by side: {model}") for index, model in enumerate(models, 1)
    ]


def _table(family, name, title):
    metric = family[0].group.metric
    lines = [(kind, dataset) for kind in family for dataset in _datasets(kind)]
    columns = ["damage", "dataset", "lost", "recovery", f"{metric.title} before healing", "healed", "intact"]
    columns += ["KL before", "changed", "relative L2", "strength"]
    caption = (
        f"Runs that differ in their damage alone, the least costly first. Lost: intact minus healed {metric.title}, "
        "mean over paired seeds, under it the 95% interval (pointwise: it is not corrected for the number of lines). "
        f"{direction(metric)}"
        "KL before (nats) and changed (predictions): the damaged model against the intact one, before healing; "
        "strength: what a matched severity was reached at. They are means over runs, where runs say them."
    )
    rows = [Row(_cells(kind, dataset), tags(kind.group, dataset or "")) for kind, dataset in lines]
    records = [_record(kind, dataset) for kind, dataset in lines]
    return Table(name, title, caption, columns, rows, records)


def _datasets(kind):
    return sorted(kind.costs, key=lambda dataset: (dataset is not None, dataset or ""))


def _cells(kind, dataset):
    cost, severity = kind.costs[dataset], kind.severity.get(dataset, {})
    label = Cell(kind.label, link=to_runs(kind.runs[dataset]))
    cells = [label, dataset or Cell("all datasets", "their mean"), _lost(cost.lost)]
    cells.append(DASH if cost.recovery is None or cost.recovery.value is None else percent(cost.recovery.value))
    cells += [number(value) for value in (cost.damaged, cost.healed, cost.intact)]
    cells.append(_figure(severity.get("kl")))
    cells.append(DASH if severity.get("changed") is None else percent(severity["changed"]))
    return cells + [_figure(severity.get(name)) for name in ("relative_l2", "strength")]


def _lost(estimated):
    if estimated is None:
        return Cell(DASH)
    return Cell(number(estimated.effect), interval(estimated.interval) if estimated.interval else few_seeds(estimated))


def _figure(value):
    return DASH if value is None else f"{value:.3g}"


def _record(kind, dataset):
    cost, severity = kind.costs[dataset], kind.severity.get(dataset, {})
    record = {"damage": kind.label, "dataset": dataset or "all datasets", "group": kind.group.label}
    record |= {"lost": cost.lost and cost.lost.effect, **ends("lost", cost.lost and cost.lost.interval)}
    record |= {"pairs": cost.lost and cost.lost.pairs, "recovery": cost.recovery and cost.recovery.value}
    record |= {name: getattr(cost, name) for name in ("damaged", "untrained", "healed", "intact")}
    return record | {name: severity.get(name) for name in ("kl", "changed", "relative_l2", "strength")}
