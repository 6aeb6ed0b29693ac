"""Kinds of damage side by side, as a map of what stays lost."""

import numpy as np

from ...utils.registry import register
from ...utils.text import clean
from ..fractions import direction
from ..tables.base import tags
from ..tables.kinds import named_families
from ..text import interval, number
from .base import Figure, Heat, Panel, unique_short


@register("figure", "kinds")
def kinds(analysis):
    """What stays lost after healing, by kind of damage and dataset."""
    return [_map(family, *named) for family, named in zip(*named_families(analysis.groups), strict=True)]


def _map(family, name, title):
    metric = family[0].group.metric
    datasets = sorted({dataset for kind in family for dataset in kind.costs if dataset is not None})
    columns = [*datasets, *([None] if len(datasets) > 1 else [])]
    found = [[_lost(kind.costs.get(dataset)) for dataset in columns] for kind in family]
    values = np.array([[np.nan if lost is None else lost.effect for lost in row] for row in found], float)
    labels = [clean(kind.label) for kind in family]
    known = values[np.isfinite(values)]
    heat = Heat(
        rows=labels,
        columns=unique_short([dataset or "all datasets" for dataset in columns]),
        values=values,
        texts=[[_text(lost) for lost in row] for row in found],
        x_label="",
        y_label="",
        limits=(min(0.0, known.min()), max(known.max(), 0.01)) if known.size else (0.0, 1.0),
        row_tags=[tags(kind.group) for kind in family],
        hover=f"lost {metric.title}",
        bar=True,
        runs=[[kind.runs.get(dataset, []) for dataset in columns] for kind in family],
    )
    caption = (
        f"What stays lost: intact minus healed {metric.title}, after the same training; the least costly damage comes "
        f"first. {direction(metric)}Under it the 95% interval over paired seeds. Empty: no run."
    )
    words = "; ".join(f"{kind.label}: {number(kind.lost)}" for kind in family if kind.lost is not None)
    panel = Panel(f"lost {metric.title}", heat, tags(family[0].group), f"Lost. {words}.")
    return Figure(name, title, caption, [[panel]])


def _lost(cost):
    return cost and cost.lost


def _text(lost):
    if lost is None:
        return ""
    return number(lost.effect) + (f"\n{interval(lost.interval)}" if lost.interval else "")
