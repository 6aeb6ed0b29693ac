"""Recovery by dataset and damage, as a map."""

import numpy as np

from ...analysis.runs import INTACT
from ...utils.registry import register
from ...utils.text import clean
from ..fractions import least_difference, shown_interval
from ..tables.base import file_stem, tags
from ..text import interval, number, percent
from .base import Figure, Heat, Panel, unique_short

LEAST, MOST = -100, 200  # per cent, where colours end at the latest


@register("figure", "recovery")
def recovery(analysis):
    """Recovery by dataset and damage."""
    return [figure for group in analysis.groups if (figure := _recovery_map(group))]


def _recovery_map(analysed):
    """The figure of one group, or None."""
    group, results = analysed.group, analysed.results
    costs = {(cost.dataset, cost.damage): cost for cost in analysed.costs}
    datasets = [*results.datasets, *([None] if any(dataset is None for dataset, _ in costs) else [])]
    damages = [damage for damage in results.damages if damage != INTACT]
    found = [[costs.get((dataset, damage)) for damage in damages] for dataset in datasets]
    values = np.array([[_recovery(cost) for cost in row] for row in found], float)
    if not any(cost and cost.recovery for row in found for cost in row):
        return None
    names = unique_short([dataset or "all datasets" for dataset in datasets])
    heat = Heat(
        rows=names,
        columns=[clean(str(damage)) for damage in damages],
        values=values,
        texts=[[_recovery_text(cost) for cost in row] for row in found],
        x_label="",
        y_label="",
        limits=_limits(values),
        bar=True,
        row_tags=[tags(group, dataset or "") for dataset in datasets],
        hover="recovery %",
        runs=[[results.numbers(*_places(results, dataset, damage)) for damage in damages] for dataset in datasets],
    )
    caption = (
        "Recovery, (healed \u2212 damaged) / (intact \u2212 damaged): how much healing covered of the way from the "
        "damaged model's score before healing to the intact model's after the same training. Under it the 95% interval "
        "over paired seeds, left out with one seed and where it is unbounded or wider than 200 percentage points. "
        f"Undefined: the difference to divide by is {least_difference(results.metric)}. Empty: no run."
    )
    panel = Panel("recovery (%)", heat, tags(group), f"Recovery. {_in_words(names, damages, found)}.")
    return Figure(file_stem("recovery", group), f"Recovery: {group.label}", caption, [[panel]], group)


def _places(results, dataset, damage):
    return results.datasets if dataset is None else [dataset], [damage]


def _limits(values):
    """Ends of the colours: 0 and 100%, and further where figures lie beyond them."""
    known = values[np.isfinite(values)]
    tens = [0.0, 100.0, *(10 * np.floor(known / 10)), *(10 * np.ceil(known / 10))]
    return max(LEAST, min(tens)), min(MOST, max(tens))


def _in_words(names, damages, found):
    words = "; ".join(
        f"{name}, {damage}: {percent(cost.recovery.value)}"
        for name, row in zip(names, found, strict=True)
        for damage, cost in zip(damages, row, strict=True)
        if cost and cost.recovery and cost.recovery.value is not None
    )
    return words or "Undefined everywhere"


def _recovery(cost):
    value = cost and cost.recovery and cost.recovery.value
    return np.nan if value is None else 100 * value


def _recovery_text(cost):
    if cost is None or cost.recovery is None:
        return ""
    if cost.recovery.value is None:
        return "undefined"
    spread = shown_interval(cost.recovery)
    return percent(cost.recovery.value) + (f"\n{interval(spread, lambda v: number(100 * v, 0))}" if spread else "")
