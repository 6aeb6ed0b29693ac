"""Weighted F1, as an evaluate.Metric that needs no network."""

import datasets
import evaluate
import numpy as np


class WeightedF1(evaluate.Metric):
    """Weighted F1 first, with accuracy and macro F1 beside it (scikit-learn's definitions).

    Classes that are never predicted count as 0. Macro F1 averages the classes that occur in the references or
    in the predictions.

    Example:
        >>> WeightedF1().compute(predictions=[0, 1, 1], references=[0, 1, 0])
        {'f1_weighted': 0.6666666666666666, 'accuracy': 0.6666666666666666, 'f1_macro': 0.6666666666666666}
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
        from sklearn.metrics import accuracy_score, f1_score

        return {
            "f1_weighted": float(f1_score(references, predictions, average="weighted", zero_division=0)),
            "accuracy": float(accuracy_score(references, predictions)),
            "f1_macro": float(f1_score(references, predictions, average="macro", zero_division=0)),
        }


def compute_metrics(prediction):
    """`transformers.Trainer`'s hook: metrics of an `EvalPrediction` with logits (examples, classes)."""
    logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
    return WeightedF1().compute(predictions=np.argmax(logits, axis=-1), references=prediction.label_ids)
