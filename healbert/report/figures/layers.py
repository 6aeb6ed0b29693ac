"""Where healing happened: layers down, epochs across."""

import numpy as np

from ...analysis.layers import traced
from ...probing.trace_reading import MEASURES
from ...utils.registry import register
from ..tables.base import file_stem, tags
from .base import Figure, Heat, Panel, per_dataset

MOST = 12  # points in time; of more, so many spread evenly


@register("figure", "layers")
def layers(analysis):
    """Each measure of --trace_healing by layer and epoch, a figure per dataset: damages down, measures across."""
    return per_dataset(analysis, _figure)


def _figure(results, dataset):
    group = results.group
    found = {damage: traced(results.get(dataset, damage)) for damage in results.damages_of(dataset)}
    found = {damage: trace for damage, trace in found.items() if trace is not None}
    shown = [measure for measure in MEASURES if any(measure.key in trace.values for trace in found.values())]
    limits = {
        measure.key: _limits([t.values[measure.key] for t in found.values() if measure.key in t.values])
        for measure in shown
    }
    rows = [
        [_panel(damage, trace, measure, limits[measure.key], tags(group, dataset)) for measure in shown]
        for damage, trace in found.items()
    ]
    if not rows:
        return None
    caption = (
        "Each layer (rows; 0: the embeddings; * damaged) from the start over the epochs to the healed model, mean over "
        "seeds, at the best learning rate. Distances between weights are divided by the length of the pretrained ones; "
        "CKA (linear, debiased) compares hidden states of the same examples. Light is high; each measure has one scale."
    )
    name = f"{file_stem('layers', group)}-{results.datasets.index(dataset) + 1}"
    return Figure(name, f"Where healing happened on {dataset}: {group.label}", caption, rows, group)


def _limits(arrays):
    known = np.concatenate([values[np.isfinite(values)] for values in arrays])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1)


def _panel(damage, trace, measure, limits, panel_tags):
    if measure.key not in trace.values:
        return None
    count = len(trace.columns)
    places = sorted({round(place) for place in np.linspace(0, count - 1, min(count, MOST))})
    values, numbers = trace.values[measure.key][:, places], trace.rows[measure.key]
    heat = Heat(
        rows=[f"{number}{'*' * (number in trace.hit)}" for number in numbers],
        columns=[trace.columns[place] for place in places],
        values=values,
        texts=[["" if np.isnan(value) else _brief(value) for value in row] for row in values],
        x_label="epoch",
        y_label="layer",
        limits=limits,
        hover=measure.title,
    )
    first, last = np.nanmean(values[:, 0]), np.nanmean(values[:, -1])
    title = f"{damage}: {measure.title}"
    return Panel(title, heat, panel_tags, f"{title}, mean over layers from {_brief(first)} to {_brief(last)}.")


def _brief(value):
    text = f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"
    return text.replace("0.", ".", 1) if text.startswith("0.") else text
