"""How fast healing goes by the extent of the damage, and what more examples bring."""

from ...analysis.curves import speeds
from ...analysis.families import families
from ...utils.registry import register
from ..scales import log_ticks
from ..tables.base import tags
from ..tables.speed import SIZE, by_size
from .base import BAND, Figure, Lines, Panel, averaged, figure_of, in_rows, in_words, line_panel, style


@register("figure", "speed")
def speed(analysis):
    """Training examples until shares of the intact score, by damaged fraction; datasets down, regions across."""
    return [figure for group in analysis.groups if (figure := _by_level(group.results))]


def _by_level(results):
    group, rows = results.group, []
    known = {(one.dataset, one.damage): one for one in speeds(results)}
    for dataset in results.datasets:
        panels = [_level_panel(results, known, dataset, region) for region in results.lines]
        rows.append([panel for panel in panels if any(len(series.x) > 1 for series in panel.content.series)])
    caption = (
        "Training examples seen until the first evaluation that reaches a share of the intact model's "
        f"{results.metric.title}, against the fraction of the encoder that was damaged. Means over the seeds that "
        f"reach it; where none does there is no point. {BAND}"
    )
    return figure_of("speed", f"How fast it heals: {group.label}", caption, rows, group)


def _level_panel(results, known, dataset, region):
    samples, runs = {}, {}
    for damage in sorted(results.on_line(region)):
        one, extent = known.get((dataset, damage)), results.true_level(damage, [dataset])
        if one is not None and extent is not None:
            runs.setdefault(round(100 * extent, 1), []).extend(results.numbers([dataset], [damage]))
            for share, values in one.examples.items():
                samples.setdefault(share, {}).setdefault(round(100 * extent, 1), []).extend(values)
    series = [
        averaged(f"{100 * share:.0f}% of intact", of, runs, **style(i)) for i, (share, of) in enumerate(samples.items())
    ]
    series = [line for line in series if line.x]
    ticks = {x: f"{x:g}" for x in sorted({x for line in series for x in line.x})}
    content = Lines(series, "damaged part of the encoder (%, as hit)", "training examples seen", [], ticks)
    return line_panel(", ".join(filter(None, (dataset, region))), content, results.group, dataset)


@register("figure", "data-efficiency")
def data_efficiency(analysis):
    """Score against the number of training examples, where a study varies it; a panel per dataset."""
    found = families(analysis.groups, SIZE.__eq__)
    return [_by_size(family, i if len(found) > 1 else 0) for i, family in enumerate(found, 1)]


def _by_size(family, number):
    panels = []
    for dataset in sorted({dataset for dataset, _ in family.places}):
        damages = [damage for name, damage in family.places if name == dataset]
        found = {damage: by_size(family, dataset, damage) for damage in damages}
        sizes = sorted({size for of in found.values() for size in of})
        if len(sizes) > 1:
            series = [
                averaged(
                    str(damage),
                    {size: values for size, (_, values, _) in of.items()},
                    {size: runs for size, (_, _, runs) in of.items()},
                    **style(i, i // 8),
                )
                for i, (damage, of) in enumerate(found.items())
            ]
            series = [line for line in series if line.x]
            content = Lines(series, "training examples", family.metric.title, [], log_ticks(sizes), log=True)
            alt = f"{dataset}: " + " ".join(in_words(line) for line in series)
            panels.append(Panel(dataset, content, tags(family.groups[0].group, dataset), alt))
    if not panels:
        return None
    caption = f"{family.metric.capital} after healing against the number of training examples. {BAND}"
    name = f"data-efficiency-{number}" if number else "data-efficiency"
    return Figure(name, f"What more examples bring: {family.label}", caption, in_rows(panels))
