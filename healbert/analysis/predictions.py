"""What each run predicted, and its score on resamples of the evaluation examples."""

import numpy as np

from ..models.masking import IGNORED
from ..tasks.types import TASK_TYPES
from .statistics.examples import example_counts

KEPT_BYTES = 200 * 2**20  # of resamples, which are drawn again for a data set that comes back later


STEP = "step_"  # begins the columns that say what each evaluation predicted


AGREES = 1e-6  # the score by predictions.parquet against that of results.json, which may be rounded differently


class Predictions:
    """Reads predictions.parquet once per run; what cannot be used is named in ``problems``."""

    def __init__(self, seed):
        self.seed, self.problems = seed, []
        self._read, self._resampled, self._drawn, self._steps = {}, {}, {}, {}
        self._samples, self._shared = {}, {}  # {run: its examples, as a hash}, {these: ids and labels, once}

    def of(self, run):
        """(ids, labels, predictions), each (examples, ...) and sorted by id, or None."""
        if run not in self._read:
            self._read[run] = self._load(run)
        return self._read[run]

    def _load(self, run):
        import pyarrow
        import pyarrow.parquet

        path = run.folder / "predictions.parquet"
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                table = file.read(["id", "label", "prediction"], use_threads=False)
                self._steps[run] = _steps(run, file.schema_arrow.names)
            columns = [_array(table[name].to_numpy()) for name in ("id", "label", "prediction")]
        except FileNotFoundError:
            return self._refuse(run, "predictions.parquet is missing")
        except (pyarrow.ArrowException, OSError, KeyError) as error:
            return self._refuse(run, f"predictions.parquet cannot be read ({str(error).splitlines()[0]})")
        wrong = _wrong(run, *columns)
        if wrong:
            return self._refuse(run, f"predictions.parquet {wrong}")
        # By id: resamples of two runs are compared example by example, in whatever order each wrote them.
        order = np.argsort(columns[0], kind="stable")
        return self._checked(run, *(column[order] for column in columns))

    def _checked(self, run, ids, labels, predicted):
        """The three, classes as small numbers, if they give the score of results.json; else None."""
        if classes_of(run):
            labels, predicted = labels.astype(np.int32), predicted.astype(np.int32)
        once = np.ones((len(ids), 1), np.int32)
        found = float(resampled_score(run, labels, predicted, once)[0])
        if abs(found - run.score("healed")) > AGREES:
            told = f"predictions.parquet gives {found:.4f}, results.json {run.score('healed'):.4f}"
            return self._refuse(run, told)
        self._samples[run] = sample = hash((ids.tobytes(), labels.tobytes()))
        return *self._shared.setdefault(sample, (ids, labels)), predicted

    def _refuse(self, run, reason):
        self.problems.append((run.name, reason))

    def resampled(self, runs):
        """Mean score of runs on each resample, the same examples for all: (resamples,).

        Returns:
            tuple: it and what the examples are, or (None, None) if a run has no predictions or another examples.
        """
        examples = {self._examples(run) for run in runs}
        if len(examples) != 1 or None in examples:
            return None, None
        return np.mean([self._resample(run) for run in runs], axis=0), examples.pop()

    def _examples(self, run):
        return None if self.of(run) is None else self._samples[run]

    def _resample(self, run):
        if run not in self._resampled:
            _, labels, predicted = self.of(run)
            self._resampled[run] = resampled_score(run, labels, predicted, self.counts(len(labels)))
        return self._resampled[run]

    def keeps_epochs(self, run):
        """Whether a run says what every epoch predicted, of all that the epoch was chosen by."""
        return self.of(run) is not None and bool(self._steps[run])

    def every_epoch(self, run, name="predictions.parquet"):
        """What every epoch of a run that keeps it predicted: labels (examples,), and predictions (epochs, examples).

        Args:
            name: the file: of the evaluation split, or of the part of train that chooses.
        """
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(run.folder / name, columns=["id", "label", *self._steps[run]])
        order = np.argsort(table["id"].to_numpy(), kind="stable")
        labels, *epochs = (_array(table[column].to_numpy())[order] for column in ("label", *self._steps[run]))
        if classes_of(run):
            labels, *epochs = (column.astype(np.int32) for column in (labels, *epochs))
        return labels, epochs

    def counts(self, examples):
        """How often each of so many examples is drawn in each resample: (examples, resamples)."""
        if examples not in self._drawn:
            while sum(counts.nbytes for counts in self._drawn.values()) > KEPT_BYTES:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[examples] = example_counts(examples, self.seed)
        return self._drawn[examples]

    def forget_draws(self):
        """Gives back the memory of `counts`, which are drawn again if they are asked for."""
        self._drawn.clear()

    def confusion(self, runs):
        """Counts (label, prediction) summed over the runs that have predictions; None without, or of other classes."""
        kinds = {tuple(run.part("task").get("label_names") or ()) if classes_of(run) else () for run in runs}
        if len(kinds) > 1 or () in kinds:
            return None
        classes = len(kinds.pop())
        total = np.zeros((classes, classes), int)
        for read in filter(None, map(self.of, runs)):
            total += np.bincount(read[1] * classes + read[2], minlength=classes**2).reshape(classes, classes)
        return total if total.any() else None


def _steps(run, names):
    """The columns of every evaluation's predictions, where all files that the choice needs have all of them.

    A run that went on from a checkpoint of an earlier version lacks those of its first epochs.
    """
    import pyarrow.parquet

    every = [f"{STEP}{epoch['step']}" for epoch in run.part("metrics").get("per_epoch") or ()]
    found = every if set(every) <= set(names) else []
    if run.config.get("selection") != "dev" or not found:
        return found
    path = run.folder / "predictions_dev.parquet"
    return found if path.is_file() and set(found) <= set(pyarrow.parquet.read_schema(path).names) else []


def classes_of(run):
    """How many classes a run's task has; 0 where a label is not one of them."""
    kind = TASK_TYPES.get(run.metric.task_type)
    return len(run.part("task").get("label_names") or ()) if kind is None or kind.one_class else 0


def _array(column):
    """A column (examples,) as it is; of lists, an array (examples, longest), which `IGNORED` fills up."""
    if column.dtype.kind != "O" or not len(column) or not all(isinstance(value, np.ndarray) for value in column):
        return column
    found = np.full((len(column), max(map(len, column))), IGNORED, dtype=np.result_type(*column))
    for row, value in zip(found, column, strict=True):
        row[: len(value)] = value
    return found


def _wrong(run, ids, labels, predicted):
    """What keeps columns (examples,) of a run's predictions from being used, or ""."""
    kind, metric = TASK_TYPES.get(run.metric.task_type), run.metric
    if kind is None:
        return f"is of the task type {metric.task_type}, which is not there; name its plugin with --plugin"
    if kind.primary_metric != metric.name:
        return f"cannot be resampled: its run is scored by {metric.name}, {kind.name} here by {kind.primary_metric}"
    whole = (ids, labels, predicted) if classes_of(run) else (ids,)
    if any(column.dtype.kind not in "iu" for column in whole):  # gaps make floats
        return "has an id, label or prediction that is no whole number"
    if not len(ids):
        return "does not fit the task's labels"
    if classes_of(run) and (
        min(labels.min(), predicted.min()) < 0 or max(labels.max(), predicted.max()) >= classes_of(run)
    ):
        return "does not fit the task's labels"
    return ""


def resampled_score(run, labels, predicted, counts):
    """The primary metric of a run on each resample: (resamples,)."""
    return TASK_TYPES[run.metric.task_type].resampled(labels, predicted, classes_of(run), counts)
