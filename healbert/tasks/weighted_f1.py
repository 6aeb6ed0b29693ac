"""Weighted F1, as an evaluate.Metric that needs no network."""

import datasets
import evaluate

from .types.classification import BUILT_IN


class WeightedF1(evaluate.Metric):
    """Weighted F1 first, with accuracy and macro F1 beside it (scikit-learn's definitions).

    Classes that are never predicted count as 0. Macro F1 averages the classes that occur in the references or
    in the predictions.

    Example:
        >>> WeightedF1().compute(predictions=[0, 1, 1], references=[0, 1, 0])["accuracy"]
        0.6666666666666666
    """

    def __init__(self, **options):
        super().__init__(**{"keep_in_memory": True, **options})

    def _info(self):
        return evaluate.MetricInfo(
            description="Weighted F1, accuracy and macro F1 of a classifier.",
            citation="",
            inputs_description="predictions and references: class indices, one per example.",
            features=datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}),
            reference_urls=["https://scikit-learn.org/stable/modules/generated/sklearn.metrics.f1_score.html"],
        )

    def _compute(self, predictions, references):
        return {name: float(function(predictions, references)) for name, function in BUILT_IN.items()}
