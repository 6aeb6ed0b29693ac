"""Figures made of lines: score by level, by epoch, by learning rate, by depth."""

import collections

import numpy as np

from ...analysis.collect import INTACT
from ..tables.base import file_stem, tags
from ..text import rate_text
from .base import BOTTOM, TOP, Figure, Lines, Panel, averaged, in_rows, in_words, style

REGION_STYLE = {
    "bottom": {"colour": BOTTOM, "marker": "circle", "dash": "solid"},
    "top": {"colour": TOP, "marker": "square", "dash": "dash"},
}


BAND = "The band is one standard deviation over seeds to either side."


def _panel(title, lines, group, dataset=""):
    alt = f"{title}: " + " ".join(in_words(series) for series in lines.series)
    return Panel(title, lines, tags(group, dataset), alt)


def _region_style(region, number):
    return REGION_STYLE.get(region, style(number + 2))


def by_level(results, _):
    """Weighted F1 against level, per dataset and over all of them."""
    group = results.group
    panels = [_level_panel(results, [dataset], dataset, dataset) for dataset in results.datasets]
    if len(panels) > 1:
        panels.append(_level_panel(results, results.datasets, "mean of all datasets", ""))
    panels = [panel for panel in panels if panel.content.series]
    caption = (
        f"Weighted F1 after healing against the fraction of the encoder that was damaged{_renamed(results)}. "
        "Dotted: the intact model "
        f"after the same training, and always answering the commonest class. {BAND} Levels 0 and 100% are shared by "
        "both regions. The mean of all datasets has the levels and seeds that every dataset has."
    )
    title = f"Score by level: {group.label}"
    return [Figure("levels", file_stem("levels", group), title, caption, in_rows(panels), tags(group))] * bool(panels)


def _level_panel(results, datasets, title, tag):
    series = []
    for number, region in enumerate(results.regions):
        places = collections.defaultdict(list)
        for damage in sorted(results.on_row(region)):
            places[_place(results, datasets, damage)].append(damage)
        samples = {x: _over(results, datasets, same) for x, same in places.items() if x is not None}
        line = averaged(region or "intact", samples, **_region_style(region, number))
        if line.x:
            series.append(line)
    intact, majorities = _over(results, datasets, [INTACT]), [results.majority(dataset) for dataset in datasets]
    levels = [("intact", float(np.mean(intact)))] if intact else []
    levels += [] if None in majorities else [("majority class", float(np.mean(majorities)))]
    ticks = {x: f"{x:g}" for x in sorted({x for line in series for x in line.x})}
    content = Lines(series, "damaged part of the encoder (%, true share)", "weighted F1", levels, ticks)
    return _panel(title, content, results.group, tag)


def _place(results, datasets, damage):
    level = results.true_level(damage, datasets)
    return None if level is None else round(100 * level, 1)


def _renamed(results):
    """Which levels are not the share that they ask for, in brackets."""
    places = {damage: _place(results, results.datasets, damage) for damage in results.damages}
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


def by_epoch(results, _):
    """Learning curves by level, bottom and top side by side, a row per dataset."""
    group, rows = results.group, []
    for dataset in results.datasets:
        row = [_epoch_panel(results, dataset, region) for region in results.regions]
        rows.append([panel for panel in row if panel.content.series])
    dev = group.selection == "dev"
    caption = (
        f"Weighted F1 on {'the held-out part of train' if dev else 'the evaluation split'} by epoch of healing, "
        f"at the best learning rate. {'' if dev else 'Epoch 0 is before healing. '}{BAND}"
    )
    rows = [row for row in rows if row]
    title = f"Learning curves: {group.label}"
    return [Figure("epochs", file_stem("epochs", group), title, caption, rows, tags(group))] * bool(rows)


def _epoch_panel(results, dataset, region):
    series = []
    for damage in sorted(results.on_row(region)):
        entry = results.get(dataset, damage)
        samples = _epochs(entry, results.group.selection) if entry else {}
        line = averaged(str(damage), samples, **style(results.levels.index(damage.level)))
        series += [line] if line.x else []
    return _panel(
        ", ".join(filter(None, (dataset, region))), Lines(series, "epoch", "weighted F1"), results.group, dataset
    )


def _epochs(entry, selection):
    """{epoch: scores over runs}, for epochs that every run has."""
    runs = [run for members in entry.runs.values() for run in members]
    curves = []
    for run in runs:
        found = {e["epoch"]: e.get("f1_weighted") for e in run.part("metrics").get("per_epoch") or []}
        start = {0.0: run.score("damaged")} if selection == "best_eval" else {}
        curves.append({epoch: score for epoch, score in (start | found).items() if score is not None})
    common = sorted(set.intersection(*map(set, curves))) if curves else []
    return {epoch: [curve[epoch] for curve in curves] for epoch in common}


def by_rate(results, _):
    """Weighted F1 against the learning rate, a panel per dataset; nothing if only one was tried."""
    group, panels = results.group, []
    for dataset in results.datasets:
        series = [_rate_series(results, dataset, damage) for damage in results.damages_of(dataset)]
        rates = sorted({x for line in series for x in line.x})
        if len(rates) > 1:
            ticks = {rate: rate_text(rate) for rate in rates}
            content = Lines([s for s in series if s.x], "learning rate", "weighted F1", [], ticks, log=True)
            panels.append(_panel(dataset, content, group, dataset))
    caption = (
        f"Weighted F1 after healing at every learning rate tried. {BAND} Solid: bottom, intact and all; dashed: top. "
        "Runs without a score are left out here and listed under failures."
    )
    title = f"Sensitivity to the learning rate: {group.label}"
    return [Figure("rates", file_stem("rates", group), title, caption, in_rows(panels), tags(group))] * bool(panels)


def _rate_series(results, dataset, damage):
    rates = results.get(dataset, damage).rates
    samples = {rate: [run.score("healed") for runs in found.values() for run in runs] for rate, found in rates.items()}
    return averaged(str(damage), samples, **style(results.levels.index(damage.level), damage.region == "top"))


def by_depth(results, _):
    """Linear probes by depth, before and after healing, where runs have them."""
    group, rows = results.group, []
    for dataset in results.datasets:
        for region in results.regions:
            row = [_depth_panel(results, dataset, region, stage) for stage in ("damaged", "healed")]
            rows.append([panel for panel in row if panel.content.series])
    caption = (
        "Weighted F1 on the evaluation split of a logistic regression on the hidden states after each layer (0: the "
        f"embeddings), before and after healing, at the best learning rate. {BAND}"
    )
    rows = [row for row in rows if row]
    title = f"Probes by depth: {group.label}"
    return [Figure("probes", file_stem("probes", group), title, caption, rows, tags(group))] * bool(rows)


def _depth_panel(results, dataset, region, stage):
    series = []
    for damage in sorted(results.on_row(region)):
        entry = results.get(dataset, damage)
        line = averaged(
            str(damage), _depths(entry, stage) if entry else {}, **style(results.levels.index(damage.level))
        )
        series += [line] if line.x else []
    when = {"damaged": "before healing", "healed": "after healing"}[stage]
    content = Lines(series, "layer", "weighted F1 of the probe")
    return _panel(", ".join(filter(None, (dataset, region, when))), content, results.group, dataset)


def _depths(entry, stage):
    """{layer: scores over runs} of the runs that were probed."""
    samples = {}
    for run in (run for members in entry.runs.values() for run in members):
        for probe in run.part("probes").get(stage) or []:
            samples.setdefault(probe["layer"], []).append(probe["f1_weighted"])
    return {layer: samples[layer] for layer in sorted(samples)}
