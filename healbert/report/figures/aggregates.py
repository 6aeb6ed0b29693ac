"""Interquartile means by level, and performance profiles: the runs of each damage as a whole."""

from ...analysis.aggregates import profile, taus
from ...analysis.runs import INTACT
from ...utils.registry import register
from ..tables.aggregates import measured
from .base import Lines, Series, figure_of, line_panel
from .levels import level_style, name_of_shared, region_style


@register("figure", "profiles")
def profiles(analysis):
    """The interquartile mean by damaged fraction, and of each region what share of runs does better than a score."""
    return [figure for analysed in analysis.groups if (figure := _figure(analysed, analysis.seed))]


def _figure(analysed, seed):
    results, found = analysed.results, analysed.aggregates
    if not found.shown:
        return None
    unit, at = measured(results, found.relative), taus(found)
    panels = [_by_level(results, found, unit)]
    panels += [_profile(results, found, region, unit, at, seed) for region in results.lines]
    side = "above" if results.metric.greater_is_better else "below"
    caption = (
        "All runs of a damage, over datasets and seeds. First the interquartile mean by damaged fraction. Then "
        f"performance profiles: the share of runs with a score {side} that on the axis; of two curves that do not "
        "cross, the higher one is the better damage to have. Bands: 95%, stratified bootstrap over the seeds of each "
        "dataset (Agarwal et al. 2021), too narrow with few seeds."
    )
    panels = [panel for panel in panels if panel.content.series]
    return figure_of(
        "profiles", f"Interquartile means and profiles: {results.group.label}", caption, [panels], results.group
    )


def _by_level(results, found, unit):
    series = []
    for number, region in enumerate(results.lines):
        points = {100 * results.kind_of[one.damage].extent: one for one in _on(results.on_line(region), results, found)}
        x, ones = list(points), list(points.values())
        band = [one.interval[0] for one in ones], [one.interval[1] for one in ones]
        look = region_style(region, number)
        y, counts = [one.iqm for one in ones], [one.runs for one in ones]
        runs = [results.numbers(results.datasets, one.damages) for one in ones]
        series.append(
            Series(region or name_of_shared(results), x, y, [0.0] * len(x), counts, runs=runs, band=band, **look)
        )
    series = [line for line in series if line.x]
    ticks = {x: f"{x:.3g}" for x in sorted({x for line in series for x in line.x})}
    content = Lines(series, "damaged part of the encoder (%)", f"IQM, {unit}", ticks=ticks)
    return line_panel("interquartile mean", content, results.group)


def _on(damages, results, found):
    """The `Aggregate`s of some damages with seeds enough, the least damage first."""
    ones = [one for one in found.shown if one.damage in damages]
    return sorted(ones, key=lambda one: results.kind_of[one.damage].extent)


def _profile(results, found, region, unit, at, seed):
    series = []
    for one in _on([INTACT, *results.on_line(region)], results, found):
        runs = [results.numbers(results.datasets, one.damages)] * len(at)
        shares, low, high = profile(one, at, results.metric.greater_is_better, seed)
        look = level_style(results, one.damage)
        name = one.label.removeprefix(f"{region} ")
        counts = [one.runs] * len(at)
        series.append(Series(name, at, shares, [0.0] * len(at), counts, runs=runs, band=(low, high), **look))
    content = Lines(series, unit, "share of runs", whole=False)
    return line_panel(region or "profile", content, results.group)
