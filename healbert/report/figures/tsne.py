"""t-SNE of what runs left of their features."""

import itertools

from ...analysis.projections import TSNE_EXAMPLES
from ...utils.registry import register
from ..tables.base import file_stem, tags
from .base import Figure, Panel, Scatter, per_dataset


@register("figure", "tsne")
def tsne(analysis):
    """t-SNE of what the classification layer sees after healing, a figure per dataset: regions down, levels across."""
    return per_dataset(analysis, lambda results, dataset: _tsne(results, analysis.projections, dataset))


def _tsne(results, projections, dataset):
    group, rows = results.group, []
    panels = {damage: _tsne_panel(results, projections, dataset, damage) for damage in results.damages_of(dataset)}
    for region in results.regions:
        row = [panels.get(damage) for damage in sorted(results.on_row(region))]
        own = any(damage.region == region and panels.get(damage) for damage in results.on_row(region))
        if any(row) and (own or not rows):
            rows.append(row)
    if not rows:
        return None
    caption = (
        f"t-SNE of what the classification layer sees after healing, up to {TSNE_EXAMPLES} evaluation examples of one "
        "seed, at the best learning rate. Distances between far groups mean little; neighbour agreement says more: the "
        "share of an example's 10 nearest neighbours, in the space of all features, that have its label."
    )
    name = f"{file_stem('tsne', group)}-{results.datasets.index(dataset) + 1}"
    return Figure(name, f"t-SNE on {dataset}: {group.label}", caption, _without_empty_columns(rows), group)


def _without_empty_columns(rows):
    """Rows of panels without the columns that none has a panel in: --tsne may have been asked of a few levels alone."""
    columns = [column for column in itertools.zip_longest(*rows) if any(column)]
    return [list(row) for row in zip(*columns, strict=True)]


def _tsne_panel(results, projections, dataset, damage):
    run = _shown(results.get(dataset, damage))
    found = projections.of(run) if run else None
    if found is None:
        return None
    title = f"{damage}, {found.metric} {found.score:.3f}"
    agreement = (run.part("features").get("healed") or {}).get("neighbour_agreement")
    title += "" if agreement is None else f", neighbour agreement {agreement:.3f}"
    content = Scatter(found.points, found.labels, found.names, list(map(str, found.ids)), found.note)
    alt = f"{title}: {found.note or f'{len(found.ids)} examples'}."
    return Panel(title, content, tags(results.group, dataset), alt, [run.number])


def runs_shown(analysis):
    """The runs that panels are of: a list, without repetition."""
    entries = [entry for group in analysis.groups for entry in group.results.entries.values()]
    return list(dict.fromkeys(run for entry in entries if (run := _shown(entry))))


def _shown(entry):
    """The first run of an `Entry` that left features, or None."""
    return next((run for run in entry.counted if (run.folder / "features.npz").exists()), None)
