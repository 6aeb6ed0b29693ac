"""Score against cost by healing strategy: a panel per cost and damage."""

from ...analysis.pareto import COSTS, strategies
from ...utils.registry import register
from ..scales import log_ticks
from ..tables.base import tags
from .base import GREY, Figure, Lines, Panel, Series, averaged, style


@register("figure", "pareto")
def pareto(analysis):
    """Score against cost, where a study has several strategies; a figure per dataset, damages down, costs across."""
    found, figures = strategies(analysis.groups), []
    for number, (family, places) in enumerate(found, 1):
        for dataset in sorted({dataset for dataset, _ in places}):
            name = "-".join(["pareto", *([str(number)] if len(found) > 1 else []), str(len(figures) + 1)])
            figures.append(_figure(name, family, places, dataset))
    return [figure for figure in figures if figure]


def _figure(name, family, places, dataset):
    order = sorted({way.name for ways in places.values() for way in ways})
    rows = []
    for (of, damage), ways in places.items():
        panels = [_panel(family, dataset, damage, ways, cost, order) for cost in COSTS] if of == dataset else []
        rows.append([panel for panel in panels if panel])
    rows = [row for row in rows if row]
    if not rows:
        return None
    caption = (
        f"{family.metric.capital} after healing against what healing cost, means over seeds. The line joins the "
        "strategies on the Pareto front: no other is as good and cheaper, or better and as cheap. The "
        "bars are one standard deviation over seeds to either side."
    )
    return Figure(name, f"Score against cost on {dataset}: {family.label}", caption, rows)


def _panel(family, dataset, damage, ways, cost, order):
    known = [way for way in ways if way.costs[cost]]
    if len(known) < 2:
        return None
    on = sorted((way.costs[cost], way.score) for way in known if cost in way.fronts)
    series = [_line(on)] if len(on) > 1 else []
    series += [
        averaged(
            way.name,
            {way.costs[cost]: list(way.scores.values())},
            {way.costs[cost]: way.runs},
            **style(order.index(way.name)),
        )
        for way in known
    ]
    title = COSTS[cost][0]
    content = Lines(series, title, family.metric.title, [], log_ticks([way.costs[cost] for way in known]), log=True)
    best = ", ".join(way.name for way in known if cost in way.fronts)
    words = f"{damage}, {title}"
    return Panel(words, content, tags(known[0].group, dataset), f"{words}: on the front are {best}.")


def _line(points):
    costs, scores = map(list, zip(*points, strict=True))
    still = [0.0] * len(points)
    return Series("Pareto front", costs, scores, still, [1] * len(points), GREY, "none", "dash")
