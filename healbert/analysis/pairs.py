"""Two runs side by side: their settings, their scores, and the examples that one gets right and the other does not."""

import dataclasses

import numpy as np

from ..arguments.neutral import NOT_IDENTITY
from ..models.masking import IGNORED
from ..utils.errors import UserError
from .predictions import classes_of, resampled_score
from .runs import signature

ENDS = [0.025, 0.975]


@dataclasses.dataclass
class Pair:
    """Two runs, compared on the examples that both predicted.

    Args:
        runs: the two `Run`, A and B.
        settings: [(name, A's value as text, B's)] of those that differ and can change a result; ``alike`` counts the
            others.
        ids, labels: of the common examples, (examples,), sorted by id; ``beyond`` counts those that only one has.
        predicted: (2, examples).
        difference: the primary metric of A minus that of B on them, as it is shown; ``interval`` its 95% interval over
            resampled examples, the same ones for both (percentiles).
    """

    runs: tuple
    settings: list
    alike: int
    ids: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    beyond: int
    difference: float
    interval: tuple

    @property
    def right(self):
        """Whether each of the runs is right: bool (2, examples); None of a task without classes."""
        return self.predicted == self.labels if classes_of(self.runs[0]) else None

    @property
    def counts(self):
        """How many examples (both get right, A alone, B alone, neither)."""
        a, b = self.right
        return tuple(int(which.sum()) for which in (a & b, a & ~b, b & ~a, ~a & ~b))

    @property
    def p(self):
        """McNemar's exact test: the chance that examples which one alone gets right divide so unevenly."""
        _, a, b, _ = self.counts
        return mcnemar(a, b)


def mcnemar(a, b):
    """p of McNemar's exact two-sided test (the sign test) of ``a`` and ``b`` discordant pairs; 1 without any.

    Exact for any number of pairs, where statsmodels' `mcnemar` leaves the choice to its caller.
    """
    from scipy.stats import binomtest

    return float(binomtest(a, a + b).pvalue) if a + b else 1.0


def pair_of(runs, predictions):
    """Compares two runs.

    Args:
        runs: two `Run`.
        predictions: `Predictions`.

    Raises:
        UserError: if they cannot be compared; the message says why.
    """
    a, b = runs
    _check_alike(a, b)
    read = [predictions.of(run) if run.score("healed") is not None else None for run in runs]
    for run, found in zip(runs, read, strict=True):
        if found is None:
            reasons = [reason for name, reason in predictions.problems if name == run.name]
            why = reasons[0] if reasons else f"it has no score (status {run.status})"
            raise UserError(f"{run.folder} cannot be compared: {why}")
    (ids_a, labels_a, predicted_a), (ids_b, labels_b, predicted_b) = read
    ids, at_a, at_b = np.intersect1d(ids_a, ids_b, return_indices=True)
    labels, labels_b, *predicted = _as_wide(labels_a[at_a], labels_b[at_b], predicted_a[at_a], predicted_b[at_b])
    _check_examples(a, b, ids, labels, labels_b)
    predicted = np.array(predicted)
    counts = predictions.counts(len(ids))
    once = np.ones((len(ids), 1), np.int32)
    found = [
        (resampled_score(r, labels, p, once)[0], resampled_score(r, labels, p, counts))
        for r, p in zip(runs, predicted, strict=True)
    ]
    settings, alike = _settings(a, b)
    return Pair(
        runs=(a, b),
        settings=settings,
        alike=alike,
        ids=ids,
        labels=labels,
        predicted=predicted,
        beyond=len(ids_a) + len(ids_b) - 2 * len(ids),
        difference=float(found[0][0] - found[1][0]),
        interval=tuple(np.quantile(found[0][1] - found[1][1], ENDS).tolist()),
    )


def _as_wide(*columns):
    """Columns (examples, ...), those of lists filled up to one width: of tags, that of the longest example of all."""
    width = max((column.shape[1] for column in columns if column.ndim == 2), default=0)
    lacking = [width - column.shape[1] if column.ndim == 2 else None for column in columns]
    return [
        np.pad(column, ((0, 0), (0, more)), constant_values=IGNORED) if more else column
        for column, more in zip(columns, lacking, strict=True)
    ]


def _check_alike(a, b):
    """Raises `UserError` unless two runs are of one task: its data, its classes, its metric."""
    kept = {
        "the task": [run.part("task").get("name") for run in (a, b)],
        "the evaluated split": [run.part("task").get("evaluation_split") for run in (a, b)],
        "the classes": [", ".join(map(str, run.part("task").get("label_names") or ())) for run in (a, b)],
        "the primary metric": [run.metric.name for run in (a, b)],
    }
    for what, (of_a, of_b) in kept.items():
        if of_a != of_b:
            raise UserError(f"{a.folder} and {b.folder} cannot be compared: {what} is {of_a} and {of_b}")


def _check_examples(a, b, ids, labels_a, labels_b):
    files = [_files(run) for run in (a, b)]
    told = f"{a.folder} and {b.folder} cannot be compared: "
    if None not in files and files[0] != files[1]:
        raise UserError(f"{told}they were evaluated on other data ({a.dataset}: the files differ)")
    if not len(ids):
        raise UserError(f"{told}they were evaluated on other examples, and have none in common")
    if len(other := np.flatnonzero((labels_a != labels_b).reshape(len(ids), -1).any(axis=1))):
        first = other[0]
        raise UserError(f"{told}they were evaluated on other examples; the label of {ids[first]} is not the same")


def _files(run):
    """The hashes of the files that a run was evaluated on, or None if the results do not say."""
    read = run.part("task").get("read") or {}
    split = "train" if run.config.get("validation_fraction") else "evaluation"
    files = (read.get(split) or {}).get("files")
    return [file.get("hash") for file in files] if files else None


def _settings(a, b):
    """([(name, a's value, b's)] of settings that differ, how many do not)."""
    names = sorted((a.config.keys() | b.config.keys()) - NOT_IDENTITY)
    values = [(name, signature(a.config.get(name)), signature(b.config.get(name))) for name in names]
    differ = [value for value in values if value[1] != value[2]]
    return differ, len(values) - len(differ)
