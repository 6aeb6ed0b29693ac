"""Healing strategies: which recovers most and at what cost, and score against cost with the Pareto front."""

from ...analysis.against_full import FULL, against_full
from ...analysis.pareto import COSTS, strategies
from ...utils.registry import register
from ..scales import short
from ..text import DASH, count, interval, number, p_value, rate_text
from .base import Cell, Row, Table, ends, tags, to_runs
from .main import mean_and_spread


@register("table", "pareto")
def pareto(analysis):
    """What each strategy reaches at what cost, where a study has several."""
    found = strategies(analysis.groups)
    return [_table(*one, i if len(found) > 1 else 0) for i, one in enumerate(found, 1)]


def _table(family, places, place):
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
    name = f"pareto-{place}" if place else "pareto"
    return Table(name, f"Score against cost by strategy: {family.label}", caption, columns, rows, records)


def _cells(dataset, damage, way, costs):
    note = f"n {len(way.scores)}, lr {rate_text(way.rate)}"
    score = Cell(mean_and_spread(list(way.scores.values())), note, link=to_runs(way.runs))
    return [dataset, str(damage), way.name, score, *(_cost_cell(way, cost) for cost in costs)]


def _cost_cell(way, cost):
    value = way.costs[cost]
    return Cell(DASH if value is None else short(value), "on the front" if cost in way.fronts else "")


@register("table", "strategies")
def against_full_fine_tuning(analysis):
    """What each strategy recovers beside full fine-tuning, over all damages and by damage."""
    found = against_full(analysis.groups)
    return [_comparison(*one, i if len(found) > 1 else 0) for i, one in enumerate(found, 1)]


def _comparison(family, lines, place):
    columns = ["damage", "strategy", family.metric.title, "against full", "p", *(COSTS[cost][0] for cost in COSTS)]
    caption = (
        f"{family.metric.capital} after healing, the mean over datasets and damages that both the strategy and full "
        "fine-tuning have, and what it differs by: above 0 the strategy recovers more. Under it the 95% interval over "
        "seeds by a mixed model; the intervals and p of one damage hold for its strategies together. Costs are "
        "multiples of full fine-tuning's. Undamaged models are left out."
    )
    rows = [Row(_compared(line), tags(line.group)) for line in lines]
    name = f"strategies-{place}" if place else "strategies"
    records = [_compared_record(family, line) for line in lines]
    return Table(name, f"Strategies against full fine-tuning: {family.label}", caption, columns, rows, records)


def _compared(line):
    gain = "" if line.name == FULL else number(line.gain, sign=True)
    note = "" if line.name == FULL else interval(line.interval) if line.interval else line.open
    costs = [DASH if line.costs[cost] is None else f"{line.costs[cost]:.3g}\u00d7" for cost in COSTS]
    score = Cell(number(line.score), count(line.places, "place"), link=to_runs(line.runs))
    return [str(line.damage or "all damages"), line.name, score, Cell(gain, note), p_value(line.p), *costs]


def _compared_record(family, line):
    level, region = (line.damage.level, line.damage.region or "shared") if line.damage else ("all", "all")
    record = {"family": family.label, "level": level, "region": region, "strategy": line.name, "places": line.places}
    record |= {"score": line.score, "gain": line.gain, **ends("gain", line.interval), "p": line.p, "open": line.open}
    return record | {f"{cost}_of_full": line.costs[cost] for cost in COSTS}
