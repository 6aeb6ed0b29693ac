"""Interquartile means: the runs of each damage as a whole."""

from ...analysis.aggregates import LEAST_SEEDS
from ...utils.registry import register
from ..text import DASH, count, interval, number
from .base import Cell, Row, Table, ends, file_stem, tags, to_runs

FEW = f"takes {LEAST_SEEDS} seeds of a damage on every dataset"


@register("table", "aggregates")
def iqm(analysis):
    """The interquartile mean of each damage over datasets and seeds, or how many seeds there are; for each group."""
    return [_table(analysed) for analysed in analysis.groups]


def _table(analysed):
    results, found, group = analysed.results, analysed.aggregates, analysed.group
    unit = measured(results, found.relative)
    title = f"Interquartile mean by damage: {group.label}"
    if not found.shown:
        title = f"Interquartile mean by damage: not shown, {FEW}: {group.label}"
    columns = ["damage", f"IQM, {unit}", "95% interval", "mean", "scores", "seeds"]
    rows = [Row(_cells(one, results), tags(group)) for one in found.found]
    records = [_record(one, found.relative) for one in found.found]
    name, caption = file_stem("aggregates", group), _caption(results, unit)
    return Table(name, title, caption, columns, rows, records, group, shown=bool(rows), folded=True)


def measured(results, relative):
    """What the scores are, in words."""
    return f"{results.metric.title} / intact" if relative else results.metric.title


def _caption(results, unit):
    return (
        "Interquartile mean (IQM): the mean of the middle half of all runs of a damage, over datasets and seeds, of "
        f"{unit} after healing{_divided(unit, results)}. Below four runs it is the mean. Intervals: stratified "
        "bootstrap, seeds drawn anew within each dataset (Agarwal et al. 2021). With few seeds such intervals are too "
        "narrow, and seeds that datasets share are taken as independent: verdicts go by the mixed model. It "
        f"{FEW}; the last column is the fewest on a dataset."
    )


def _divided(unit, results):
    if unit == results.metric.title:
        return ""
    return ": a run's score divided by the mean score of the intact model on its dataset, which is taken as it is"


def _cells(one, results):
    label = Cell(one.label, link=to_runs(results.numbers(results.datasets, one.damages)))
    few = Cell(DASH, f"{count(one.seeds, 'seed')} on {min(one.scores, key=lambda name: len(one.scores[name]))}")
    spread = interval(one.interval) if one.enough else DASH
    return [label, number(one.iqm) if one.enough else few, spread, number(one.mean), str(one.runs), str(one.seeds)]


def _record(one, relative):
    record = {"damage": one.label, "relative_to_intact": relative, "iqm": one.iqm, **ends("iqm", one.interval)}
    return record | {"mean": one.mean, "scores": one.runs, "seeds": one.seeds}
