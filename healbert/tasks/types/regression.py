"""One figure for each text, or for each pair of texts."""

import numpy as np

from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import with_text_and_label
from ..labels import NUMBER, is_unlabelled, label_column
from ..rows import BadRowsError, counted
from .base import TaskType
from .encoding import logits_of

OWN = {"task_types": ("regression",)}
CONSTANT = 1e-12  # of its variance: what is left of it by rounding where all of a resample is one figure
CORRELATION = OWN | {"range": (-1, 1), "chance": 0.0}


@register(
    "metric",
    "pearson",
    title="Pearson",
    primary=True,
    hub={"metric_type": "pearsonr", "metric_name": "Pearson"},
    **CORRELATION,
)
def pearson(predictions, labels):
    """Pearson's correlation (scipy); 0 where all predictions are one, which tell no label from another."""
    return _correlation("pearsonr", predictions, labels)


@register(
    "metric", "spearman", title="Spearman", hub={"metric_type": "spearmanr", "metric_name": "Spearman"}, **CORRELATION
)
def spearman(predictions, labels):
    """Spearman's rank correlation (scipy); 0 where all predictions are one."""
    return _correlation("spearmanr", predictions, labels)


@register("metric", "rmse", title="RMSE", greater_is_better=False, range=None, **OWN)
def rmse(predictions, labels):
    """Root of the mean squared error, in the unit of the labels (scikit-learn)."""
    from sklearn.metrics import root_mean_squared_error

    return root_mean_squared_error(labels, predictions)


def _correlation(name, predictions, labels):
    from scipy import stats

    if np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return 0.0
    return getattr(stats, name)(np.asarray(predictions, float), np.asarray(labels, float)).statistic


@register("task_type", "regression")
class Regression(TaskType):
    """Labels are figures; the model has one output and learns by the mean squared error."""

    auto_class = "AutoModelForSequenceClassification"
    hub_task = "text-classification"
    problem_type = "regression"
    smooths = False
    baseline_name, baseline_says = "constant", "one answer for all, which goes with no label"

    def prepare(self, raw, task, columns):
        texts, label = columns
        splits = {}
        for split, rows in raw.items():
            bare = is_unlabelled(split, rows, label, raw["train"])
            rows = with_text_and_label(rows, task.call(split), texts, None if bare else label)
            if not bare:
                figures = _figures(rows, task.call(split))
                rows = rows.remove_columns("label").add_column("label", figures)
            splits[split] = rows
        return splits, []

    def check(self, splits, label_names):
        for split in ("train", "evaluation"):
            labels = label_column(splits[split])
            if np.ptp(labels) == 0:
                raise UserError(
                    f"every label of {split} is {labels[0]:g}, so that nothing can be told apart; use more of it"
                )

    def outputs(self, label_names):
        return ["score"]

    def predictions(self, outputs):
        return logits_of(outputs)[:, 0]

    def baseline(self, splits):
        """The correlation of one answer for all: none."""
        return 0.0

    def probe(self):
        from sklearn.linear_model import Ridge

        return Ridge()  # of its usual strength; least squares would fit more features than examples exactly

    def prediction_columns(self, ids, labels, outputs):
        found = {"id": np.asarray(ids)} | ({} if labels is None else {"label": labels})
        return found | {"prediction": self.predictions(outputs)}

    def resampled(self, labels, predictions, classes, counts):
        if self.primary_metric != "pearson":  # of a type derived from this one
            return super().resampled(labels, predictions, classes, counts)
        return _resampled_pearson(labels, predictions, counts)


def _figures(rows, split):
    """The labels of a split as float64 (rows,).

    Raises:
        UserError: if they are no finite numbers.
    """
    names = getattr(rows.features["label"], "names", None)
    if names:
        raise UserError(
            f"the labels of {split} are classes ({', '.join(names[:3])}, ...); give --task_type classification"
        )
    values = rows.select_columns(["label"]).with_format("arrow")[:].column(0).to_pylist()
    if isinstance(values[0], (list, dict)):
        raise UserError(f"the labels of {split} are lists or objects, not figures; give --task_type multi_label")
    figures = np.array([_figure(value) for value in values], dtype=np.float64)
    for wrong, what in ((np.isnan(figures), "missing or no number"), (np.isinf(figures), "not finite")):
        where = np.flatnonzero(wrong)
        if len(where):
            labels, are = counted(len(where), "label", "is", "are")
            first = f", the first {values[where[0]]!r}" if values[where[0]] is not None else ""
            remedy = "remove the rows, or give --task_type classification if they are names"
            raise BadRowsError(f"{labels} of {split} {are} {what}{first}", split, where, remedy)
    return figures


def _figure(value):
    if value is None or isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
        return np.nan
    return float(value)


def _resampled_pearson(labels, predictions, counts):
    """Pearson's correlation on each resample, all of them at once; 0 where either side is constant in it."""
    sides = [np.asarray(side, np.float64) - np.mean(side, dtype=np.float64) for side in (labels, predictions)]
    counts = np.asarray(counts, np.float64)
    total = counts.sum(axis=0)
    means = [side @ counts / total for side in sides]  # each (resamples,)
    spreads = [side**2 @ counts / total - mean**2 for side, mean in zip(sides, means, strict=True)]
    told = np.all([spread > CONSTANT * side.var() for side, spread in zip(sides, spreads, strict=True)], axis=0)
    both = (sides[0] * sides[1]) @ counts / total - means[0] * means[1]
    return np.divide(both, np.sqrt(np.where(told, np.prod(spreads, axis=0), 1)), out=np.zeros_like(both), where=told)
