"""How fast healing goes: when a run reaches a share of the intact score, and how much of its training is spent well."""

import dataclasses

import numpy as np

from .entries import STAGE_OF_CHOICE
from .runs import INTACT

SHARES = (0.90, 0.95, 0.99)  # of the intact score


@dataclasses.dataclass
class Speed:
    """How fast one damage of one dataset heals, at the chosen learning rate.

    Args:
        dataset, damage: what it is of.
        runs: how many runs count.
        examples, seconds: {share: values of those runs that reach it}: training examples seen until then, each as often
            as it was seen, and seconds of the optimizer's steps.
        area: of each run, the area under its curve divided by its length: the mean score while it trained.
    """

    dataset: str
    damage: object
    runs: int
    examples: dict
    seconds: dict
    area: list


def curve(run, selection):
    """(epochs, steps, scores) of a run's evaluations, each an array; epoch 0, before healing, among them if it can be.

    With ``--selection dev`` the damaged model is not scored on the split that the epochs are scored on.
    """
    start = run.score("damaged") if selection == "best_eval" else None
    points = [] if start is None else [(0.0, 0.0, start)]
    for entry in run.part("metrics").get("per_epoch") or []:
        if entry.get(run.metric.name) is not None and entry.get("step") is not None and entry["epoch"] > 0:
            points.append((entry["epoch"], entry["step"], entry[run.metric.name]))
    return np.array(points, float).reshape(-1, 3).T


def first_above(scores, least):
    """The place of the first of ``scores`` that is ``least`` or more; None if none is."""
    places = np.flatnonzero(np.asarray(scores) >= least)
    return int(places[0]) if len(places) else None


def area(epochs, scores):
    """The area under a curve (by trapezoids) divided by its length; None of fewer than two points."""
    return float(np.trapezoid(scores, epochs) / (epochs[-1] - epochs[0])) if len(epochs) > 1 else None


def speeds(results):
    """The `Speed` of every entry of a group's `Results` on datasets that have an intact score; a list.

    A share of a score means something where more is better, and the score is above 0.
    """
    found = []
    for (dataset, damage), entry in results.entries.items():
        intact = intact_score(results, dataset)
        runs = [run for members in entry.runs.values() for run in members]
        if intact is not None and runs:
            found.append(_speed(dataset, damage, runs, intact, results.group.selection))
    return found


def intact_score(results, dataset):
    """The mean over seeds of the intact model's score, on the split that chooses the epoch; None without one."""
    values = list(results.scores(dataset, INTACT, STAGE_OF_CHOICE[results.group.selection]).values())
    mean = float(np.mean(values)) if values and results.metric.greater_is_better else 0.0
    return mean if mean > 0 else None


def _speed(dataset, damage, runs, intact, selection):
    speed = Speed(dataset, damage, len(runs), {s: [] for s in SHARES}, {s: [] for s in SHARES}, [])
    for run in runs:
        epochs, steps, scores = curve(run, selection)
        mean = area(epochs, scores)
        speed.area += [] if mean is None else [mean]
        for share in SHARES:
            place = first_above(scores, share * intact)
            if place is not None:
                _add(speed.examples[share], epochs[place], training_examples(run))
                _add(speed.seconds[share], steps[place], run.part("healing").get("seconds_per_step"))
    return speed


def _add(values, count, each):
    if each is not None:
        values.append(float(count * each))


def training_examples(run):
    """How many examples a run trains on, or None."""
    return (run.part("task").get("examples") or {}).get("train")
