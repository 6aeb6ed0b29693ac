"""What stays lost after healing, as a forest plot: damages down, datasets and all of them together on each."""

from ...analysis.runs import INTACT, natural
from ...analysis.verdict import POOLED
from ...utils.registry import register
from ...utils.text import clean
from ..tables.base import tags
from ..text import interval, number
from .base import Figure, Forest, Panel, Point, file_stem


@register("figure", "forest")
def forest(analysis):
    """Intact minus healed by damage and dataset, with intervals, a figure for each group."""
    return [figure for group in analysis.groups if (figure := _figure(group))]


def _figure(analysed):
    group, metric = analysed.group, analysed.metric
    found = {verdict.scope: verdict for verdict in analysed.verdicts if verdict.claim.letter == "a" and verdict.parts}
    if not found:
        return None
    lines = _in_order(analysed.results, found)
    datasets = [dataset for dataset in analysed.results.datasets if dataset in found]
    points = [
        _point(lines.index(label), None if scope == POOLED else scope, label, outcome, analysed)
        for scope, verdict in found.items()
        for label, outcome in verdict.parts.items()
    ]
    margin = next(iter(found.values())).margin
    grey = "; grey: too small to count" if margin else ""
    content = Forest(lines, datasets, points, f"lost {metric.title}: intact minus healed (95% intervals{grey})", margin)
    panel = Panel(f"What stays lost: {metric.title}", content, tags(group), f"What stays lost. {_in_words(points)}")
    caption = _caption(metric, margin, POOLED in found)
    return Figure(file_stem("forest", group), f"What stays lost: {group.label}", caption, [[panel]], group, first=True)


def _in_order(results, found):
    """Labels of damages: regions in turn, the least damage first."""
    labels = list(dict.fromkeys(label for verdict in found.values() for label in verdict.parts))
    order = [results.name_of(results.kind_of[damage]) for damage in sorted(results.damages, key=_region_first)]
    return sorted(labels, key=lambda label: order.index(label) if label in order else len(order))


def _region_first(damage):
    return (damage != INTACT, not damage.region, natural(damage.region), damage.level)


def _point(line, dataset, label, outcome, analysed):
    spread = outcome.interval
    text = f"{clean(label)}, {clean(dataset or POOLED)}: {number(outcome.effect, 4)}"
    text += f" (95% interval {interval(spread, lambda v: number(v, 4))})" if spread else " (no interval)"
    return Point(line, dataset, float(outcome.effect), spread, text, _runs(dataset, label, analysed.results))


def _runs(dataset, label, results):
    """The numbers of the runs behind a point: those of the damage, and the intact ones beside."""
    damages = [damage for damage, kind in results.kind_of.items() if results.name_of(kind) == label]
    return results.numbers(results.datasets if dataset is None else [dataset], [*damages, INTACT])


def _caption(metric, margin, pooled):
    caption = f"Intact minus healed {metric.title}, both after the same training, with 95% intervals that hold for all "
    caption += "damages of a dataset together. "
    caption += "Diamonds: all datasets together. " if pooled else ""
    if not metric.greater_is_better:
        caption += "The sign is turned, so that worse is lost. "
    return caption + (f"In the grey band (within {margin:g}) a difference does not count." if margin else "")


def _in_words(points):
    shown = [point for point in points if point.dataset is None] or points
    return "; ".join(point.text for point in shown[:12]) + "."
