"""Figures made of lines: score by epoch, by learning rate, by depth."""

from ...utils.registry import register
from ..text import rate_text
from .base import BAND, Lines, averaged, figure_of, in_rows, line_panel, style
from .levels import level_style


@register("figure", "epochs")
def epochs(analysis):
    """Learning curves by level, bottom and top side by side, a row per dataset."""
    return [figure for group in analysis.groups if (figure := _by_epoch(group.results))]


def _by_epoch(results):
    group, rows = results.group, []
    for dataset in results.datasets:
        row = [_epoch_panel(results, dataset, region) for region in results.regions]
        rows.append([panel for panel in row if panel.content.series])
    where, start = "the evaluation split", "Epoch 0 is before healing. "
    if group.selection == "dev":
        where, start = "the held-out part of train", ""
    caption = f"{results.metric.capital} on {where} by epoch of healing, at the best learning rate. {start}{BAND}"
    return figure_of("epochs", f"Learning curves: {group.label}", caption, rows, group)


def _epoch_panel(results, dataset, region):
    series = []
    for damage in sorted(results.on_row(region)):
        entry = results.get(dataset, damage)
        samples = _epochs(entry, results.group.selection) if entry else {}
        runs = dict.fromkeys(samples, results.numbers([dataset], [damage]))
        line = averaged(str(damage), samples, runs, **level_style(results, damage))
        if line.x:
            series.append(line)
    title = ", ".join(filter(None, (dataset, region)))
    return line_panel(title, Lines(series, "epoch", results.metric.title), results.group, dataset)


def _epochs(entry, selection):
    """{epoch: scores over runs}, for epochs that every run has."""
    runs = [run for members in entry.runs.values() for run in members]
    curves = []
    for run in runs:
        found = {e["epoch"]: e.get(run.metric.name) for e in run.part("metrics").get("per_epoch") or []}
        start = {0.0: run.score("damaged")} if selection == "best_eval" else {}
        curves.append({epoch: score for epoch, score in (start | found).items() if score is not None})
    common = sorted(set.intersection(*map(set, curves))) if curves else []
    return {epoch: [curve[epoch] for curve in curves] for epoch in common}


@register("figure", "rates")
def rates(analysis):
    """Score against the learning rate, a panel per dataset; nothing if only one was tried."""
    return [figure for group in analysis.groups if (figure := _by_rate(group.results))]


def _by_rate(results):
    group, title, panels = results.group, results.metric.title, []
    for dataset in results.datasets:
        series = [_rate_series(results, dataset, damage) for damage in results.damages_of(dataset)]
        rates = sorted({x for line in series for x in line.x})
        if len(rates) > 1:
            ticks = {rate: rate_text(rate) for rate in rates}
            content = Lines([line for line in series if line.x], "learning rate", title, [], ticks, log=True)
            panels.append(line_panel(dataset, content, group, dataset))
    lines = "Solid: bottom, intact and all; dashed: top. " if _two_regions(results) else ""
    caption = (
        f"{results.metric.capital} after healing at every learning rate tried. {BAND} {lines}Runs without a score are "
        "left out here and listed under failures."
    )
    return figure_of("rates", f"Sensitivity to the learning rate: {group.label}", caption, in_rows(panels), group)


def _rate_series(results, dataset, damage):
    rates = results.get(dataset, damage).rates
    samples = {rate: [run.score("healed") for runs in found.values() for run in runs] for rate, found in rates.items()}
    numbers = {rate: [run.number for runs in found.values() for run in runs] for rate, found in rates.items()}
    if _two_regions(results):
        look = level_style(results, damage, damage.region == "top")
    else:  # which may be as many as there are layers
        look = style(results.damages.index(damage))
    return averaged(str(damage), samples, numbers, **look)


def _two_regions(results):
    return set(results.regions) <= {"", "bottom", "top"}


@register("figure", "probes")
def probes(analysis):
    """Linear probes by depth, before and after healing, where runs have them."""
    return [figure for group in analysis.groups if (figure := _by_depth(group.results))]


def _by_depth(results):
    group, rows = results.group, []
    for dataset in results.datasets:
        for region in results.regions:
            row = [_depth_panel(results, dataset, region, stage) for stage in ("damaged", "healed")]
            rows.append([panel for panel in row if panel.content.series])
    caption = (
        f"{results.metric.capital} on the evaluation split of a linear probe on the hidden states after each "
        f"layer (0: the embeddings), before and after healing, at the best learning rate. {BAND}"
    )
    return figure_of("probes", f"Probes by depth: {group.label}", caption, rows, group)


def _depth_panel(results, dataset, region, stage):
    series = []
    for damage in sorted(results.on_row(region)):
        entry = results.get(dataset, damage)
        samples = _depths(entry, stage) if entry else {}
        runs = dict.fromkeys(samples, results.numbers([dataset], [damage]))
        line = averaged(str(damage), samples, runs, **level_style(results, damage))
        if line.x:
            series.append(line)
    when = {"damaged": "before healing", "healed": "after healing"}[stage]
    content = Lines(series, "layer", f"{results.metric.title} of the probe")
    return line_panel(", ".join(filter(None, (dataset, region, when))), content, results.group, dataset)


def _depths(entry, stage):
    """{layer: scores over runs} of the runs that were probed."""
    samples = {}
    for run in (run for members in entry.runs.values() for run in members):
        for probe in run.part("probes").get(stage) or []:
            if probe.get(run.metric.name) is not None:  # states that are not finite, which no probe takes
                samples.setdefault(probe["layer"], []).append(probe[run.metric.name])
    return {layer: samples[layer] for layer in sorted(samples)}
