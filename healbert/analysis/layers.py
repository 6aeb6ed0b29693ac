"""Traces of several runs together: each measure by layer, and whether damaged layers came back or others made up."""

import dataclasses

import numpy as np

from ..probing.trace_reading import MEASURES, columns, hit_layers, rows, values
from .runs import INTACT


@dataclasses.dataclass
class Traced:
    """The mean trace of the runs of one damage of one dataset.

    Args:
        hit: numbers of the damaged layers, 0 for the embeddings.
        columns: names of the points in time.
        rows: {measure's key: numbers of its rows}.
        values: {measure's key: numpy (rows, columns), NaN where there is no value}.
        runs: how many runs count.
    """

    hit: set
    columns: list
    rows: dict
    values: dict
    runs: int


def traced(entry):
    """The `Traced` of an `Entry` of `Results`; None where no run has a trace.

    Runs that were evaluated at other times, or whose layers or damaged layers are others, than the first one's are left
    out.
    """
    found = [run.part("trace") for members in entry.runs.values() for run in members]
    found = [trace for trace in found if trace.get("entries") and len(trace["entries"]) > 1]
    if not found:
        return None
    alike = [trace for trace in found if _shape(trace) == _shape(found[0])]
    of = {measure.key: [values(trace, measure.key) for trace in alike] for measure in MEASURES}
    of = {key: np.mean(each, axis=0) for key, each in of.items() if all(one is not None for one in each)}
    return Traced(hit_layers(alike[0]), columns(alike[0]), {key: rows(alike[0], key) for key in of}, of, len(alike))


def _shape(trace):
    return columns(trace), trace["layers"], hit_layers(trace)


@dataclasses.dataclass
class Moved:
    """What happened to some layers of a damaged model.

    Args:
        dataset, damage: of what.
        layers: their numbers; ``hit``: whether they were damaged.
        start, healed: {measure's key: mean over them} before and after healing.
        intact: how far the same layers of the intact runs moved, as ("distance", "damaged"); None without a trace.
    """

    dataset: str
    damage: object
    layers: list
    hit: bool
    start: dict
    healed: dict
    intact: float | None


MOVED = ("distance", "damaged")  # from where healing began


def moves(results):
    """The `Moved` of the damaged and of the other layers of every damage that was traced; a list."""
    found = []
    for dataset in results.datasets:
        intact = results.get(dataset, INTACT)
        beside = traced(intact) if intact else None
        for damage in results.damages_of(dataset):
            trace = traced(results.get(dataset, damage))
            if trace is not None and damage != INTACT:
                found += [_moved(dataset, damage, trace, beside, hit) for hit in (True, False)]
    return [moved for moved in found if moved.layers]


def _moved(dataset, damage, trace, beside, hit):
    layers = [number for number in trace.rows[MOVED] if number and (number in trace.hit) == hit]
    first, last = (_means(trace, layers, place) for place in (0, -1))
    return Moved(dataset, damage, layers, hit, first, last, _means(beside, layers, -1).get(MOVED) if beside else None)


def _means(trace, layers, place):
    found = {}
    for key, values_ in trace.values.items():
        chosen = [values_[i, place] for i, number in enumerate(trace.rows[key]) if number in layers]
        if chosen and np.isfinite(chosen).all():
            found[key] = float(np.mean(chosen))
    return found
