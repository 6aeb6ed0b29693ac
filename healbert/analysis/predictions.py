"""What each run predicted, and its weighted F1 on resamples of the evaluation examples."""

import numpy as np

from ..tasks.types import TASK_TYPES
from .statistics.examples import example_counts

KEPT_BYTES = 200 * 2**20  # of resamples, which are drawn again for a data set that comes back later


AGREES = 1e-6  # weighted F1 of predictions.parquet against results.json


class Predictions:
    """Reads predictions.parquet once per run; what cannot be used is named in ``problems``."""

    def __init__(self, seed):
        self.seed, self.problems = seed, []
        self._read, self._resampled, self._drawn = {}, {}, {}

    def of(self, run):
        """(ids, labels, predictions), each (examples,) and sorted by id, or None."""
        if run not in self._read:
            self._read[run] = self._load(run)
        return self._read[run]

    def _load(self, run):
        import pyarrow
        import pyarrow.parquet

        path = run.folder / "predictions.parquet"
        try:
            table = pyarrow.parquet.read_table(path, columns=["id", "label", "prediction"], use_threads=False)
            columns = [table[name].to_numpy() for name in table.column_names]
        except FileNotFoundError:
            return self._refuse(run, "predictions.parquet is missing")
        except (pyarrow.ArrowException, OSError) as error:
            return self._refuse(run, f"predictions.parquet cannot be read ({str(error).splitlines()[0]})")
        classes = len(run.part("task").get("label_names") or ())
        ids, labels, predicted = columns
        if any(column.dtype.kind not in "iu" for column in columns):  # gaps make floats
            return self._refuse(run, "predictions.parquet has an id, label or prediction that is no whole number")
        if not len(ids) or min(labels.min(), predicted.min()) < 0 or max(labels.max(), predicted.max()) >= classes:
            return self._refuse(run, "predictions.parquet does not fit the task's labels")
        order = np.argsort(ids, kind="stable")
        read = ids[order], labels[order].astype(np.int32), predicted[order].astype(np.int32)
        return read if self._agrees(run, read, classes) else None

    def _agrees(self, run, read, classes):
        once = np.ones((len(read[0]), 1), np.int32)
        found = float(_resampled(run, read[1], read[2], once)[0])
        if abs(found - run.score("healed")) > AGREES:
            self._refuse(run, f"predictions.parquet gives {found:.4f}, results.json {run.score('healed'):.4f}")
            return False
        return True

    def _refuse(self, run, reason):
        self.problems.append((run.name, reason))

    def resampled(self, runs):
        """Mean weighted F1 of runs on each resample, the same examples for all: (resamples,).

        Returns:
            tuple: it and what the examples are, or (None, None) if a run has no predictions or another examples.
        """
        examples = {self._examples(run) for run in runs}
        if len(examples) != 1 or None in examples:
            return None, None
        return np.mean([self._resample(run) for run in runs], axis=0), examples.pop()

    def _examples(self, run):
        read = self.of(run)
        return None if read is None else hash((read[0].tobytes(), read[1].tobytes()))

    def _resample(self, run):
        if run not in self._resampled:
            _, labels, predicted = self.of(run)
            self._resampled[run] = _resampled(run, labels, predicted, self._counts(len(labels)))
        return self._resampled[run]

    def _counts(self, examples):
        if examples not in self._drawn:
            while sum(counts.nbytes for counts in self._drawn.values()) > KEPT_BYTES:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[examples] = example_counts(examples, self.seed)
        return self._drawn[examples]

    def confusion(self, runs):
        """Counts (label, prediction) summed over the runs that have predictions; None without, or of other classes."""
        kinds = {tuple(run.part("task").get("label_names") or ()) for run in runs}
        if len(kinds) > 1:
            return None
        classes = len(kinds.pop())
        total = np.zeros((classes, classes), int)
        for read in filter(None, map(self.of, runs)):
            total += np.bincount(read[1] * classes + read[2], minlength=classes**2).reshape(classes, classes)
        return total if total.any() else None


def _resampled(run, labels, predicted, counts):
    """The primary metric of a run on each resample: (resamples,)."""
    task = run.part("task")
    return TASK_TYPES[task["type"]].resampled(labels, predicted, len(task["label_names"]), counts)
