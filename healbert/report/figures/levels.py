"""Score by level: the picture of the paper."""

import collections
import dataclasses

import numpy as np

from ...analysis.entries import OUTSIDE, levels_label
from ...analysis.runs import INTACT
from ...utils.registry import register
from .base import BAND, BOTTOM, MOST_DOTS, TOP, Lines, averaged, figure_of, in_rows, line_panel, style

REGION_STYLE = {
    "bottom": {"colour": BOTTOM, "marker": "circle", "dash": "solid"},
    "top": {"colour": TOP, "marker": "square", "dash": "dash"},
}


@register("figure", "levels")
def levels(analysis):
    """Score against level, per dataset and over all of them."""
    return [figure for group in analysis.groups if (figure := by_level(group.results))]


def by_level(results):
    """The figure of one group, or None."""
    group = results.group
    panels = [_level_panel(results, [dataset], dataset, dataset) for dataset in results.datasets]
    if len(panels) > 1:
        panels.append(_level_panel(results, results.datasets, "mean of all datasets", ""))
    panels = [panel for panel in panels if panel.content.series]
    baseline = results.baseline()["says"]
    outside = "A point by itself at 0: damage outside the layers. " if OUTSIDE in results.lines else ""
    caption = (
        f"{results.metric.capital} after healing against the fraction of the encoder that was damaged"
        f"{_renamed(results)}. Dashes and dots: the intact model after the same training. Dots: {baseline}. {BAND} "
        f"Small dots are the seeds, where they are {MOST_DOTS} at most. "
        f"Levels 0 and 100% are shared by both regions. {outside}The mean of all datasets has the levels and seeds "
        "that every dataset has."
    )
    figure = figure_of("levels", f"Score by level: {group.label}", caption, in_rows(panels), group)
    return figure and dataclasses.replace(figure, first=True)


def _level_panel(results, datasets, title, tag):
    series = []
    for number, region in enumerate(results.lines):
        places = collections.defaultdict(list)
        for damage in sorted(results.on_line(region)):
            places[_place(results, datasets, damage)].append(damage)
        samples = {x: _over(results, datasets, same) for x, same in places.items() if x is not None}
        runs = {x: results.numbers(datasets, same) for x, same in places.items()}
        line = averaged(region or name_of_shared(results), samples, runs, dots=True, **region_style(region, number))
        if line.x:
            series.append(line)
    intact, majorities = _over(results, datasets, [INTACT]), [results.majority(dataset) for dataset in datasets]
    levels = [("intact", float(np.mean(intact)), "dashdot")] if intact else []
    if None not in majorities:
        name = results.baseline()["name"]
        levels.append((f"{name} class" if name == "majority" else name, float(np.mean(majorities)), "dot"))
    ticks, x_title = _ticks(results, datasets, {x for line in series for x in line.x})
    content = Lines(series, x_title, f"{results.metric.title} after healing", levels, ticks)
    return line_panel(title, content, results.group, tag)


def _ticks(results, datasets, shown):
    """({place: label}, title of the axis): levels, as verdicts name them, with what they hit where it is another share.

    Args:
        shown: the places that points lie at.
    """
    inside = [damage for damage in results.damages if not results.is_outside(damage)]
    places = {damage: x for damage in inside if (x := _place(results, datasets, damage)) in shown}
    if all(abs(x - 100 * damage.level) < 0.1 for damage, x in places.items()):
        return {x: f"{x:g}" for x in sorted(shown)}, "damaged part of the encoder (%)"
    found = collections.defaultdict(list)
    for level in sorted({damage.level for damage in places}):  # of regions that differ a little one place
        found[round(float(np.mean([x for damage, x in places.items() if damage.level == level])), 1)].append(level)
    hit = {x: {results.hit(damage, datasets) for damage in places if damage.level in same} for x, same in found.items()}
    layers = {x: next(iter(texts)) for x, texts in hit.items() if x and len(texts) == 1}
    counted = all(text.endswith(" layers") for text in layers.values())
    under = {x: text.removesuffix(" layers") for x, text in layers.items()}
    under = under if counted else {x: f"({x:g}%)" for x in found if x}
    labels = {x: "\n".join(filter(None, (levels_label(same), under.get(x)))) for x, same in found.items()}
    return labels, f"level of damage; under it the {'layers' if counted else 'share'} hit"


def _place(results, datasets, damage):
    level = results.true_level(damage, datasets)
    return None if level is None else round(100 * level, 1)


def _renamed(results):
    """Which levels are not the fraction that they ask for, in brackets."""
    inside = [damage for damage in results.damages if not results.is_outside(damage)]
    places = {damage: _place(results, results.datasets, damage) for damage in inside}
    renamed = {damage: x for damage, x in places.items() if x is not None and abs(x - 100 * damage.level) >= 0.1}
    alike = all(len({places[other] for other in places if other.level == damage.level}) == 1 for damage in renamed)
    texts = {f"level {100 * d.level:.4g}%" if alike else str(d): x for d, x in renamed.items()}
    listed = ", ".join(f"{text} is {x:g}%" for text, x in texts.items())
    return f" ({listed}: layers and tensors are damaged whole)" if listed else ""


def _over(results, datasets, damages):
    """Scores over seeds; with several datasets or damages, the mean over them for every seed that all have."""
    scores = [_mean_by_seed([s for damage in damages if (s := results.scores(name, damage))]) for name in datasets]
    keys = sorted(set.intersection(*(set(found) for found in scores)), key=str)
    return [float(np.mean([found[key] for found in scores])) for key in keys]


def _mean_by_seed(scores):
    """{seed: mean} over those damages that the dataset has, of the seeds that all of them have."""
    keys = set.intersection(*map(set, scores)) if scores else ()
    return {key: np.mean([found[key] for found in scores]) for key in keys}


def level_style(results, damage, marked=0):
    """Colour, marker and dash of a damage's line among those of other levels; of damage without a level, the last."""
    levels = results.levels
    return style(levels.index(damage.level) if damage.level or damage == INTACT else len(levels), marked)


def name_of_shared(results):
    """What a line of no region is called: that of level 1, which all regions share, or of intact models alone."""
    return "intact" if all(damage == INTACT for damage in results.on_line("")) else "all"


def region_style(region, number):
    """Colour, marker and dash of a region's line, the ``number``-th of the regions."""
    return REGION_STYLE.get(region, style(number + 2))
