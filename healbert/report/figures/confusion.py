"""Confusion matrices."""

import numpy as np

from ...analysis.runs import INTACT
from ...utils.registry import register
from ..tables.base import file_stem, tags
from .base import Figure, Heat, Panel, in_rows, per_dataset, shortened, unique_short

WRITTEN_CLASSES = 12  # with more classes, figures no longer fit into a confusion matrix


@register("figure", "confusion")
def confusion(analysis):
    """Confusion matrices, intact beside damaged and healed, a figure per dataset."""
    return per_dataset(analysis, lambda results, dataset: _confusion(results, analysis.predictions, dataset))


def _confusion(results, predictions, dataset):
    group, panels = results.group, []
    for damage in results.damages_of(dataset):
        entry = results.get(dataset, damage)
        runs = [run for members in entry.runs.values() for run in members]
        counts = predictions.confusion(runs) if runs else None
        if counts is not None:
            title = "intact" if damage == INTACT else f"{damage}, healed"
            panel = _confusion_panel(title, counts, runs[0].part("task")["label_names"], tags(group, dataset))
            panel.runs = [run.number for run in runs]
            panels.append(panel)
    if not panels:
        return None
    caption = (
        "Fraction of each class's examples (rows) by predicted class (columns), all seeds together, at the best "
        "learning rate. The diagonal is what was recognised."
    )
    name = f"{file_stem('confusion', group)}-{results.datasets.index(dataset) + 1}"
    title = f"Confusion on {dataset}: {group.label}"
    return Figure(name, title, caption, in_rows(panels, 4), group)


def _confusion_panel(title, counts, names, panel_tags):
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    written = len(names) <= WRITTEN_CLASSES
    heat = Heat(
        rows=unique_short(list(map(str, names))),
        columns=unique_short(list(map(str, names))),
        values=100 * fractions,
        texts=[[f"{100 * fraction:.0f}" if written else "" for fraction in row] for row in fractions],
        x_label="predicted",
        y_label="label",
        limits=(0, 100),
        hover="% of the label's examples",
    )
    hits = ", ".join(f"{shortened(str(n))} {100 * fractions[i, i]:.0f}%" for i, n in enumerate(names[:6]))
    return Panel(title, heat, panel_tags, f"{title}: recognised {hits}.")
