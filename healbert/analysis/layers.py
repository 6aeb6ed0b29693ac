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
        runs: the `Run`s that count; ``of``: how many there are.
    """

    hit: set
    columns: list
    rows: dict
    values: dict
    runs: list
    of: int

    @property
    def counted(self):
        """How many runs count, as text: "3", or "1 of 3" where others were left out."""
        return str(self.of) if len(self.runs) == self.of else f"{len(self.runs)} of {self.of}"


def traced(entry):
    """The `Traced` of an `Entry` of `Results`; None where no run has a trace.

    Runs that were evaluated at other times, or whose layers or damaged layers are others, than the first one's are left
    out.
    """
    found = [run for run in entry.counted if len(run.part("trace").get("entries") or ()) > 1]
    if not found:
        return None
    runs = [run for run in found if _shape(run.part("trace")) == _shape(found[0].part("trace"))]
    alike = [run.part("trace") for run in runs]
    of = {measure.key: [values(trace, measure.key) for trace in alike] for measure in MEASURES}
    of = {key: np.mean(each, axis=0) for key, each in of.items() if all(one is not None for one in each)}
    return Traced(
        hit_layers(alike[0]), columns(alike[0]), {key: rows(alike[0], key) for key in of}, of, runs, len(entry.counted)
    )


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
        trace: the `Traced` that it is of.
    """

    dataset: str
    damage: object
    layers: list
    hit: bool
    start: dict
    healed: dict
    intact: float | None
    trace: Traced


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
    intact = _means(beside, layers, -1).get(MOVED) if beside else None
    return Moved(dataset, damage, layers, hit, first, last, intact, trace)


def _means(trace, layers, place):
    found = {}
    for key, values_ in trace.values.items():
        chosen = [values_[i, place] for i, number in enumerate(trace.rows[key]) if number in layers]
        if chosen and np.isfinite(chosen).all():
            found[key] = float(np.mean(chosen))
    return found
