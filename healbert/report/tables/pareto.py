"""Score against cost by healing strategy, with the Pareto front."""

from ...analysis.pareto import COSTS, strategies
from ...utils.registry import register
from ..scales import short
from ..text import DASH, rate_text
from .base import Cell, Row, Table, tags
from .main import mean_and_spread


@register("table", "pareto")
def pareto(analysis):
    """What each strategy reaches at what cost, where a study has several."""
    found = strategies(analysis.groups)
    return [_table(*one, i if len(found) > 1 else 0) for i, one in enumerate(found, 1)]


def _table(family, places, number):
    costs = [cost for cost in COSTS if any(way.costs[cost] is not None for ways in places.values() for way in ways)]
    columns = ["dataset", "damage", "strategy", family.metric.title, *(COSTS[cost][0] for cost in costs)]
    rows = [
        Row(_cells(dataset, damage, way, costs), tags(way.group, dataset))
        for (dataset, damage), ways in places.items()
        for way in ways
    ]
    records = [
        {"family": family.label, "dataset": dataset, "level": damage.level, "region": damage.region or "shared"}
        | {"strategy": way.name, "learning_rate": way.rate, "score": way.score, "n": len(way.scores)}
        | {
            key: value
            for cost in COSTS
            for key, value in ((cost, way.costs[cost]), (f"front_{cost}", cost in way.fronts))
        }
        for (dataset, damage), ways in places.items()
        for way in ways
    ]
    caption = (
        f"{family.metric.capital} after healing, mean \u00b1 standard deviation over seeds, and what healing cost in "
        "all, means over seeds. On the front, by one cost: no other strategy is as good and cheaper, or better and as "
        "cheap. FLOPs are of matrix products and attention, in the steps and in what is done once before them (text "
        "without labels, passes through frozen layers and a teacher); fine-tuning a teacher, which runs share, is left "
        "out. Seconds are of the task's steps alone, on the run's machine."
    )
    name = f"pareto-{number}" if number else "pareto"
    return Table(name, f"Score against cost by strategy: {family.label}", caption, columns, rows, records)


def _cells(dataset, damage, way, costs):
    score = Cell(mean_and_spread(way.scores), f"n {len(way.scores)}, lr {rate_text(way.rate)}")
    return [dataset, str(damage), way.name, score, *(_cost_cell(way, cost) for cost in costs)]


def _cost_cell(way, cost):
    value = way.costs[cost]
    return Cell(DASH if value is None else short(value), "on the front" if cost in way.fronts else "")
