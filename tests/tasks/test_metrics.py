"""Weighted F1, macro F1 and accuracy against arithmetic by hand."""

import socket
import warnings

import evaluate
import numpy as np
import pytest
from transformers import EvalPrediction

from healbert import WeightedF1
from healbert.tasks.types.classification import Classification

# class 0: 4 references, 3 of them found, 3 + 1 predicted: precision 3/4, recall 3/4, F1 3/4
# class 1: 2 references, 1 of them found, 1 + 1 predicted: precision 1/2, recall 1/2, F1 1/2
# class 2: 1 reference, found, 1 + 0 predicted: precision 1, recall 1, F1 1
REFERENCES = [0, 0, 0, 0, 1, 1, 2]
PREDICTIONS = [0, 0, 0, 1, 1, 0, 2]
BY_HAND = {
    "f1_weighted": (4 * 3 / 4 + 2 * 1 / 2 + 1 * 1) / 7,
    "accuracy": 5 / 7,
    "f1_macro": (3 / 4 + 1 / 2 + 1) / 3,
}


def compute(predictions, references):
    return WeightedF1().compute(predictions=predictions, references=references)


def test_by_hand():
    assert compute(PREDICTIONS, REFERENCES) == pytest.approx(BY_HAND, abs=1e-12)


def test_weighted_f1_comes_first_and_all_are_plain_floats():
    scores = compute(PREDICTIONS, REFERENCES)
    assert list(scores) == ["f1_weighted", "accuracy", "f1_macro"]
    assert {type(value) for value in scores.values()} == {float}


def test_a_class_that_is_never_predicted_counts_0_without_a_warning():
    # class 0: precision 2/4, recall 1, F1 2/3; classes 1 and 2: F1 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = compute([0, 0, 0, 0], [0, 0, 1, 2])
    assert scores == pytest.approx({"f1_weighted": 2 / 4 * 2 / 3, "accuracy": 2 / 4, "f1_macro": 2 / 3 / 3}, abs=1e-12)


def test_a_class_that_is_only_predicted_counts_in_macro_f1():
    # class 0: precision 1, recall 1/2, F1 2/3; class 1 has no reference: F1 0 at weight 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = compute([0, 1], [0, 0])
    assert scores == pytest.approx({"f1_weighted": 2 / 3, "accuracy": 1 / 2, "f1_macro": 2 / 3 / 2}, abs=1e-12)


def test_it_is_a_metric_of_evaluate_that_takes_batches():
    metric = WeightedF1()
    assert isinstance(metric, evaluate.Metric)
    metric.add_batch(predictions=PREDICTIONS[:3], references=REFERENCES[:3])
    metric.add_batch(predictions=np.array(PREDICTIONS[3:]), references=np.array(REFERENCES[3:]))
    assert metric.compute() == pytest.approx(BY_HAND, abs=1e-12)


def test_no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a metric opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert compute(PREDICTIONS, REFERENCES) == pytest.approx(BY_HAND, abs=1e-12)


@pytest.mark.parametrize("wrap", [lambda logits: logits, lambda logits: (logits, "hidden states")])
def test_compute_metrics_takes_the_largest_logit(wrap):
    logits = np.full((len(PREDICTIONS), 3), -5.0, dtype=np.float32)
    logits[range(len(PREDICTIONS)), PREDICTIONS] = -1.0
    prediction = EvalPrediction(predictions=wrap(logits), label_ids=np.array(REFERENCES))
    assert Classification().compute_metrics(prediction) == pytest.approx(BY_HAND, abs=1e-12)
