"""Scans as maps: layers down, components across."""

import itertools
import math

import numpy as np

from ...utils.registry import register
from ..scan_axes import axes_of, headline, label, primary_of_scan, repeated, shown, tags_of, title_of
from ..tables.base import SCANS
from ..text import number
from .base import Figure, Heat, Panel, in_rows

WRITTEN = 16  # columns, up to which a map has figures in it
MOST_NATS = 10  # of KL: beyond it, nothing is left of the intact predictions
HUGE = 1e4
WIDE = 8  # columns, up to which two maps stand side by side
MOST = 12  # panels of a figure; what is left is in the table


@register("figure", "scan")
def scan_maps(analysis):
    """A figure for each scan."""
    found = enumerate(analysis.study.scans, 1)
    return [_figure(scan, f"scan-{number}" if number > 1 else "scan") for number, (_, scan) in found]


def _figure(scan, name):
    axes = axes_of(scan["points"])
    down, across, *further = [*axes, None, None][: max(2, len(axes))]
    chosen = list(itertools.product(*(axes[axis] for axis in further)))
    panels = []
    for labels, key in itertools.product(chosen, _measures(scan)):
        if panel := _panel(scan, key, (down, across), dict(zip(further, labels, strict=True))):
            panels.append(panel)
    caption = (
        "What each damage alone does to a model that nothing heals: how much worse the score is than the intact "
        "model's, and how far the predictions moved. Colours go from 0 to the highest figure of all maps of a kind, "
        f"those of KL to no more than {MOST_NATS} nats; "
        "layer 0 is next to the embeddings; outside: what lies in no layer."
    )
    if len(panels) > MOST:
        caption += f" {MOST} of {len(panels)} maps are drawn; the table has all."
    columns = len(axes[across]) if across else 1
    rows = in_rows(panels[:MOST], 1 if columns > WIDE else 2)
    return Figure(name, f"Scan of {headline(scan)}", caption, rows, part=SCANS)


def _measures(scan):
    """{key of a point: (title, factor, where its colours end at the latest)} of what is drawn."""
    fall = {"fall": (f"worse by ({primary_of_scan(scan)[1]})", 1, math.inf)}
    if repeated(scan):
        return fall | {"changed": ("changed predictions (%)", 100, 100)}
    return fall | {"kl": ("KL of intact to damaged (nats)", 1, MOST_NATS)}


def _panel(scan, key, axes, fixed):
    points, (down, across) = scan["points"], axes
    title, factor, limit = _measures(scan)[key]
    here = [point for point in points if all(label(point, axis) == text for axis, text in fixed.items())]
    rows, columns = (axes_of(here).get(axis, [""]) if axis else [""] for axis in axes)
    values, there = np.full((len(rows), len(columns)), np.nan), np.zeros((len(rows), len(columns)), bool)
    for point in here:
        place = rows.index(label(point, down)), columns.index(label(point, across) if across else "")
        value, there[place] = point[key], True
        values[place] = np.nan if value is None else factor * value
    if not there.any():
        return None
    known = [point[key] for point in points if point[key] is not None]
    top = min(max(factor * max(known, default=0), 0.01), limit)
    heat = Heat(
        rows=[shown(row) for row in rows],
        columns=[shown(column) if across else "all" for column in columns],
        values=values,
        texts=_texts(values, there, top, len(columns)),
        x_label=title_of(across, points) if across else "",
        y_label=title_of(down, points),
        limits=(0, float(top)),
        hover=title,
        bar=True,
    )
    where = ", ".join(f"{axis} {shown(text)}" for axis, text in fixed.items())
    title = f"{title}, {where}" if where else title
    return Panel(title, heat, tags_of(scan), f"{title}: {_worst(here, key, axes)}.")


def _texts(values, there, top, columns):
    digits = 0 if top >= 20 else 1 if top >= 5 else 2 if top >= 0.2 else 3
    if columns > WRITTEN:
        return [["" for _ in row] for row in values]
    pairs = [list(zip(*row, strict=True)) for row in zip(values.tolist(), there.tolist(), strict=True)]
    return [[_written(value, digits) if is_there else "" for value, is_there in row] for row in pairs]


def _written(value, digits):
    if math.isnan(value):
        return "n/a"
    return number(value, digits) if value < HUGE else f"{value:.0e}"


def _worst(points, key, axes):
    known = [point for point in points if point[key] is not None]
    if not known:
        return "no figures"
    worst = max(known, key=lambda point: point[key])
    where = " ".join(shown(label(worst, axis)) for axis in axes if axis)
    return f"highest {number(worst[key], 3)} at {where}"
