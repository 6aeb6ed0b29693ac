"""Figures made of panels side by side: recovery, confusion matrices, t-SNE."""

import numpy as np

from ...analysis.collect import INTACT
from ...analysis.projections import TSNE_EXAMPLES
from ..sentences import told_interval
from ..tables.base import file_stem, tags
from ..text import clean, interval, number, percent
from .base import Figure, Heat, Panel, Scatter, in_rows

LONGEST_NAME = 22  # characters of a class or dataset name on an axis


WRITTEN_CLASSES = 12  # with more classes, figures no longer fit into a confusion matrix


RECOVERY_LIMITS = (0, 100)


def shortened(name):
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\u2026"


def unique_short(names):
    """Short forms that stay distinct."""
    short = [shortened(clean(name)) for name in names]
    return [s if short.count(s) == 1 else f"{i} {s[:-2]}\u2026" for i, s in enumerate(short)]


def recovery_map(results, context):
    """Recovery by dataset and damage."""
    group = results.group
    costs = {(cost.dataset, cost.damage): cost for cost in context.costs}
    datasets = [*results.datasets, *([None] if any(dataset is None for dataset, _ in costs) else [])]
    damages = [damage for damage in results.damages if damage != INTACT]
    found = [[costs.get((dataset, damage)) for damage in damages] for dataset in datasets]
    values = np.array([[_recovery(cost) for cost in row] for row in found], float)
    if not any(cost and cost.recovery for row in found for cost in row):
        return []
    names = unique_short([dataset or "all datasets" for dataset in datasets])
    heat = Heat(
        rows=names,
        columns=[clean(str(damage)) for damage in damages],
        values=values,
        texts=[[_recovery_text(cost) for cost in row] for row in found],
        brief=[[_recovery_brief(cost) for cost in row] for row in found],
        x_label="",
        y_label="",
        limits=RECOVERY_LIMITS,
        row_tags=[tags(group, dataset or "") for dataset in datasets],
        hover="recovery %",
    )
    caption = (
        "Recovery, (healed \u2212 damaged) / (intact \u2212 damaged): how much healing covered of the way from the "
        "damaged model's score before healing to the intact model's after the same training. Under it the 95% interval "
        "over paired seeds, left out with one seed and where it is unbounded or wider than 200 percentage points. "
        "Undefined: the way is shorter than 0.01. Empty: no run."
    )
    words = "; ".join(
        f"{name}, {damage}: {percent(cost.recovery.value)}"
        for name, row in zip(names, found, strict=True)
        for damage, cost in zip(damages, row, strict=True)
        if cost and cost.recovery and cost.recovery.value is not None
    )
    panel = Panel("recovery (%)", heat, tags(group), f"Recovery. {words or 'Undefined everywhere'}.")
    title = f"Recovery: {group.label}"
    return [Figure("recovery", file_stem("recovery", group), title, caption, [[panel]], tags(group))]


def _recovery(cost):
    value = cost and cost.recovery and cost.recovery.value
    return np.nan if value is None else 100 * value


def _recovery_text(cost):
    if cost is None or cost.recovery is None:
        return ""
    if cost.recovery.value is None:
        return "undefined"
    spread = told_interval(cost.recovery)
    return percent(cost.recovery.value) + (f"\n{interval(spread, lambda v: number(100 * v, 0))}" if spread else "")


def _recovery_brief(cost):
    text = _recovery_text(cost).split("\n")[0]
    return "unde-\nfined" if text == "undefined" else text and number(100 * cost.recovery.value, 0)


def confusion(results, context):
    """Confusion matrices, intact beside damaged and healed, a figure per dataset."""
    return [figure for dataset in results.datasets for figure in _confusion(results, context, dataset)]


def _confusion(results, context, dataset):
    group, panels = results.group, []
    for damage in results.damages_of(dataset):
        entry = results.get(dataset, damage)
        runs = [run for members in entry.runs.values() for run in members]
        counts = context.predictions.confusion(runs) if runs else None
        if counts is not None:
            title = "intact" if damage == INTACT else f"{damage}, healed"
            panels.append(_confusion_panel(title, counts, runs[0].part("task")["label_names"], tags(group, dataset)))
    if not panels:
        return []
    caption = (
        "Share of each class's examples (rows) by predicted class (columns), all seeds together, at the best learning "
        "rate. The diagonal is what was recognised."
    )
    name = f"{file_stem('confusion', group)}-{results.datasets.index(dataset) + 1}"
    title = f"Confusion on {dataset}: {group.label}"
    return [Figure("confusion", name, title, caption, in_rows(panels, 4), tags(group, dataset))]


def _confusion_panel(title, counts, names, panel_tags):
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    written = len(names) <= WRITTEN_CLASSES
    heat = Heat(
        rows=unique_short(list(map(str, names))),
        columns=unique_short(list(map(str, names))),
        values=100 * shares,
        texts=[[f"{100 * share:.0f}" if written else "" for share in row] for row in shares],
        x_label="predicted",
        y_label="label",
        limits=(0, 100),
        hover="% of the label's examples",
    )
    hits = ", ".join(f"{shortened(str(n))} {100 * shares[i, i]:.0f}%" for i, n in enumerate(names[:6]))
    return Panel(title, heat, panel_tags, f"{title}: recognised {hits}.")


def tsne(results, context):
    """t-SNE of what the classification layer sees after healing, a figure per dataset: regions down, levels across."""
    return [figure for dataset in results.datasets for figure in _tsne(results, context, dataset)]


def _tsne(results, context, dataset):
    group, rows = results.group, []
    panels = {damage: _tsne_panel(results, context, dataset, damage) for damage in results.damages_of(dataset)}
    for region in results.regions:
        row = [panels.get(damage) for damage in sorted(results.on_row(region))]
        own = any(damage.region == region and panels.get(damage) for damage in results.on_row(region))
        rows += [row] if any(row) and (own or not rows) else []
    if not rows:
        return []
    caption = (
        f"t-SNE of what the classification layer sees after healing, up to {TSNE_EXAMPLES} evaluation examples of one "
        "seed, at the best learning rate. Distances between far groups mean little; the numbers in results.json "
        "(silhouette, neighbour agreement) say more."
    )
    name = f"{file_stem('tsne', group)}-{results.datasets.index(dataset) + 1}"
    return [Figure("tsne", name, f"t-SNE on {dataset}: {group.label}", caption, rows, tags(group, dataset))]


def _tsne_panel(results, context, dataset, damage):
    runs = [run for members in results.get(dataset, damage).runs.values() for run in members]
    run = next((run for run in runs if (run.folder / "features.npz").exists()), None)
    found = context.features(run) if run else None
    if found is None:
        return None
    file, chosen, points = found
    labels = file.labels[chosen]
    title = f"{damage}, {file.metric} {file.scores['healed']:.3f}"
    numbers = (run.part("features").get("healed") or {}).get("neighbour_agreement")
    alt = f"{damage}: {len(chosen)} examples." + (f" Neighbour agreement {numbers:.3f}." if numbers is not None else "")
    content = Scatter(points, labels, list(map(str, file.label_names)), [str(i) for i in file.ids[chosen]])
    return Panel(title, content, tags(results.group, dataset), alt)
