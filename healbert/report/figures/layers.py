"""Where healing happened: layers down, epochs across."""

import numpy as np

from ...analysis.layers import traced
from ...probing.trace_reading import MEASURES
from ...utils.registry import register
from ..tables.base import file_stem, tags
from .base import Figure, Heat, Panel, in_rows

MOST = 8  # points in time; of more, so many spread evenly


@register("figure", "layers")
def layers(analysis):
    """Each measure of --trace_healing by layer and epoch, a figure per dataset and damage, a panel per measure."""
    return [figure for group in analysis.groups for figure in _figures(group.results)]


def _figures(results):
    found = {key: trace for key, entry in results.entries.items() if (trace := traced(entry)) is not None}
    return [
        _figure(results.group, number, *key, trace, [run.number for run in trace.runs])
        for number, (key, trace) in enumerate(found.items(), 1)
    ]


def _figure(group, number, dataset, damage, trace, runs):
    shown = [measure for measure in MEASURES if measure.key in trace.values]
    panels = [_panel(trace, measure, tags(group, dataset), runs) for measure in shown]
    over = f"{trace.counted} {'run' if trace.counted == '1' else 'runs'}"
    caption = (
        "Each layer (rows; 0: the embeddings; * damaged) from the start over the epochs to the healed model, mean over "
        f"{over}, at the best learning rate. Distances between weights are divided by the length of the pretrained "
        "ones; CKA (linear, debiased) compares hidden states of the same examples. Light is high."
    )
    name, title = f"{file_stem('layers', group)}-{number}", f"Where healing happened on {dataset}, {damage}"
    return Figure(name, f"{title}: {group.label}", caption, in_rows(panels), group)


def _panel(trace, measure, panel_tags, runs):
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
        limits=_limits(values),
        hover=measure.title,
        bar=True,
    )
    return Panel(measure.title, heat, panel_tags, f"{measure.title}: {_in_words(values)}.", runs)


def _limits(values):
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1)


def _in_words(values):
    ends = [column[np.isfinite(column)] for column in (values[:, 0], values[:, -1])]
    if not all(map(len, ends)):
        return "no figures"
    return f"mean over layers from {_brief(ends[0].mean())} to {_brief(ends[1].mean())}"


def _brief(value):
    text = f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"
    return text.replace("0.", ".", 1) if text.startswith("0.") else text
