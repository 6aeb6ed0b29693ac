"""What the page knows of each run, compact: its script makes a page of a run out of it, and sets two side by side."""

import base64
import collections
import dataclasses
import math
import os

import numpy as np

from ..analysis.mistakes import worst_mistakes
from ..analysis.predictions import classes_of
from ..analysis.receipts import read_receipt
from ..results.schema import STAGES, metrics_of

FULL = 200  # runs with a receipt, confusions and mistakes; more would make the page slow to write and to open
MISTAKES = 10  # of a run
CLASSES, MIXED = 20, 15  # up to so many classes a whole confusion matrix, with more the commonest confusions
LETTERS, ALL_LETTERS = 240, 120_000  # of a text, and of all texts in the page
FILES = 40  # of a run's folder that are named


class Pool(dict):
    """Values that occur often, once each: ``pool[value]`` is the value's number."""

    def __missing__(self, value):
        self[value] = len(self)
        return self[value]


@dataclasses.dataclass
class Sample:
    """Evaluation examples that runs share: ``wrong`` counts by example the runs that are wrong about it."""

    number: int
    run: object
    ids: np.ndarray
    labels: np.ndarray
    wrong: np.ndarray
    runs: int = 0
    wanted: set = dataclasses.field(default_factory=set)  # places of which the text is shown


def pages_of(analysis, table):
    """What the page's script needs: a dict of plain values, in which what is common to runs stands once.

    Args:
        analysis: the `Analysis`.
        table: the table of runs, whose rows are those of the study's runs in their order.
    """
    study = analysis.study
    settings = {name: found for name, found in analysis.settings.items() if len(set(found)) > 1}
    pools = collections.defaultdict(Pool)
    samples, runs = {}, []
    for place, (run, row) in enumerate(zip(study.runs, table.rows, strict=True)):
        task = pools["tasks"][_task(run)]
        entry = {"cells": [cell.text for cell in row.cells], "tags": pools["tags"][tuple(sorted(row.tags.items()))]}
        entry |= {"task": task, "set": [pools["values"][found[place]] for found in settings.values()]}
        entry |= _scores(run) | {"files": pools["files"][_files(run.folder)]}
        entry |= _insides(run, analysis, samples) if place < FULL else {}
        runs.append(entry)
    return {
        "columns": table.columns,
        "settings": list(settings),
        "stages": STAGES,
        "full": FULL,
        "runs": runs,
        "others": [{"name": name, "what": what} for name, what in _without_results(study)],
        "samples": _with_texts(samples.values(), analysis.texts),
        **{name: [_plain(value) for value in pools[name]] for name in ("tasks", "tags", "values", "files")},
    }


def _plain(value):
    return dict(value) if value and isinstance(value, tuple) and isinstance(value[0], tuple) else value


def _task(run):
    metrics = metrics_of(run.results)
    names = [run.metric.name, *(name for name in metrics if name != run.metric.name)]
    titles = tuple(metrics.get(name, {}).get("title") or str(name) for name in names)
    where = "the held-out part of train" if run.config.get("selection") == "dev" else "the evaluation split"
    classes = tuple(map(str, run.part("task").get("label_names") or ()))
    return (("classes", classes), ("metrics", titles), ("curve", where))


def _scores(run):
    """The scores of every stage, the primary one first; the learning curve by the primary one."""
    names = [run.metric.name, *(name for name in metrics_of(run.results) if name != run.metric.name)]
    stages = [[_short(run.score(stage, name)) for name in names] for stage in STAGES]
    epochs = [(e["epoch"], e.get(run.metric.name)) for e in run.part("metrics").get("per_epoch") or ()]
    start = [(0, run.score("damaged"))] if run.config.get("selection") != "dev" else []
    curve = [(_short(epoch), _short(score)) for epoch, score in start + epochs]
    return {
        "scores": stages,
        "curve": [one for one in curve if None not in one],
        "best": _short(run.results.get("best_epoch")),
    }


def _short(value):
    """A number in few digits, a count in all of its; None of what is none, which JSON could not hold either."""
    if isinstance(value, int):
        return value
    return float(f"{value:.8g}") if isinstance(value, float) and math.isfinite(value) else None


def _files(folder):
    """The names of a run's files, sorted; those beyond `FILES` are counted."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file() and entry.name[0] != ".")
    except OSError:
        return ()
    return tuple(names[:FILES] + ([len(names) - FILES] if len(names) > FILES else []))


def _insides(run, analysis, samples):
    """What a run's other files say: the receipt, right and wrong answers; ``notes`` say what is missing, and why."""
    notes, found = [], {}
    try:
        found["receipt"] = [[place, *map(_short, figures)] for place, *figures in read_receipt(run.folder)]
    except FileNotFoundError:
        notes.append("No receipt: corruption.json is missing.")
    except (OSError, ValueError):
        notes.append("No receipt: corruption.json is damaged or cannot be read.")
    read = analysis.predictions.of(run) if run.score("healed") is not None else None
    if run.score("healed") is None:
        notes.append("No predictions: it has no score.")
    elif read is None:
        reason = next(reason for name, reason in reversed(analysis.predictions.problems) if name == run.name)
        notes.append(f"No predictions: {reason}.")
    elif not classes_of(run):
        notes.append("No confusion matrix and no mistakes: the task has no classes.")
    else:
        found |= _answers(run, read, analysis.predictions, samples)
    return found | {"notes": notes}


def _answers(run, read, predictions, samples):
    ids, labels, predicted = read
    key = run.dataset, ids.tobytes(), labels.tobytes()
    if key not in samples:
        samples[key] = Sample(len(samples), run, ids, labels, np.zeros(len(ids), int))
    sample, right = samples[key], labels == predicted
    sample.runs, sample.wrong = sample.runs + 1, sample.wrong + ~right
    mistakes = worst_mistakes(run, predictions, MISTAKES)
    sample.wanted.update(one.at for one in mistakes)
    return {
        "sample": sample.number,
        "right": _base64(np.packbits(right)),
        "mistakes": [[one.at, one.predicted, _short(one.confidence)] for one in mistakes],
        **_confusion(labels, predicted, classes_of(run)),
    }


def _confusion(labels, predicted, classes):
    if classes <= CLASSES:
        return {"confusion": np.bincount(labels * classes + predicted, minlength=classes**2).tolist()}
    wrong = labels != predicted
    mixed = collections.Counter(zip(labels[wrong].tolist(), predicted[wrong].tolist(), strict=True))
    return {"mixed": [[*pair, count] for pair, count in mixed.most_common(MIXED)]}


def _base64(values):
    return base64.b64encode(values.tobytes()).decode()


def _without_results(study):
    return [(name, "not finished") for name, _ in study.unfinished] + list(study.unreadable)


def _with_texts(samples, texts):
    """The shared examples, with the texts of mistakes, and of as many more as there is room for.

    What runs disagree about comes first: two of them are set side by side by it.
    """
    found, room = [], ALL_LETTERS // max(1, len(samples))
    for sample in samples:
        read, why = texts.of(sample.run)
        share = sample.wrong / sample.runs
        places = [*sorted(sample.wanted), *np.argsort(-share * (1 - share), kind="stable").tolist()]
        places = list(dict.fromkeys(places))[: len(sample.wanted) + room // 20] if read else []
        known, left = {}, room
        for place, text in zip(places, read(sample.ids[places]) if places else (), strict=True):
            short = text if len(text) <= LETTERS else text[: LETTERS - 1] + "\u2026"
            left -= len(short)
            if left < 0:
                break
            known[place] = short
        counted = np.array_equal(sample.ids, np.arange(len(sample.ids)))
        ids = len(sample.ids) if counted else sample.ids.tolist()
        found.append({"ids": ids, "labels": _base64(sample.labels.astype("<u2")), "texts": known, "why": why})
    return found
