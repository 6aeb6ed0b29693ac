"""Tasks with any number of labels for each text: what is read, predicted, scored, and what does not fit."""

import json
import random

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from helpers.runs import predictions, read, run_with
from helpers.small import FILLER

from healbert import UserError
from healbert.analysis.statistics.examples import example_counts
from healbert.tasks.labels import refuse_unnamed
from healbert.tasks.types import TaskType, task_type

KIND = task_type("multi_label")
NAMES = ["warm", "cold", "sweet"]


def texts(count, seed):
    """Texts that say each of their labels by its own word; one in eight has none."""
    rng = random.Random(seed)
    rows = [[index for index in range(3) if number % 8 >> index & 1] for number in range(count)]
    words = [[*rng.sample(FILLER, 4), *(NAMES[label] for label in row)] for row in rows]
    return {"text": [" ".join(rng.sample(text, len(text))) for text in words], "label": rows}


def put(path, columns, kind=None):
    label = List(ClassLabel(names=NAMES) if kind is None else Value(kind))
    Dataset.from_dict(columns, features=Features({"text": Value("string"), "label": label})).to_parquet(path)
    return str(path)


@pytest.fixture
def files(tmp_path):
    return {
        f"{name}_file": put(tmp_path / f"{name}.parquet", texts(*size))
        for name, size in {"train": (96, 1), "validation": (32, 2)}.items()
    }


def by_hand(predicted, labels):
    predicted, labels = np.array([*predicted]), np.array([*labels])
    f1 = [2 * (p & t).sum() / max(p.sum() + t.sum(), 1) for p, t in zip(predicted.T == 1, labels.T == 1, strict=True)]
    right = ((predicted == 1) & (labels == 1)).sum()
    return {
        "f1_micro": 2 * right / (predicted.sum() + labels.sum()),
        "f1_macro_labels": np.mean(f1),
        "subset_accuracy": (predicted == labels).all(axis=1).mean(),
    }


def test_metrics_are_their_definitions():
    predicted, labels = np.array([[1, 0, 0], [0, 1, 0]]), np.array([[1, 1, 0], [0, 1, 0]])
    found = {name: metric.function(predicted, labels) for name, metric in KIND.metrics().items()}
    # Two of three labels are found and nothing else is said: 2*2/(2+3). By label 1, 2/3 and, never there, 0.
    assert found == pytest.approx({"f1_micro": 0.8, "f1_macro_labels": 5 / 9, "subset_accuracy": 0.5})
    rng = np.random.default_rng(0)
    predicted, labels = rng.integers(0, 2, (50, 3)), rng.integers(0, 2, (50, 3))
    assert {name: metric.function(predicted, labels) for name, metric in KIND.metrics().items()} == pytest.approx(
        by_hand(predicted, labels)
    )
    counts = example_counts(50, 0, 12)
    slow = TaskType.resampled(KIND, list(labels), list(predicted), 0, counts)
    assert KIND.resampled(list(labels), list(predicted), 0, counts) == pytest.approx(slow, abs=1e-12)


def test_divergence_is_that_of_each_label_on_its_own():
    intact, damaged = np.array([[0.0, 1.0]]), np.array([[2.0, 1.0]])
    p = 1 / (1 + np.exp(-2.0))
    assert KIND.divergence(intact, damaged) == pytest.approx(0.5 * np.log(0.5 / p) + 0.5 * np.log(0.5 / (1 - p)))
    assert KIND.divergence(intact, np.array([[np.nan, 1.0]])) is None


@pytest.mark.parametrize("more", [{}, {"selection": "dev", "pooling": "mean", "healing": "linear_probe"}])
def test_run_is_guessed_and_learns(run_flags, files, more):
    settings = run_flags | files | {"learning_rate": 3e-3, "corrupt_level": 0, "probe_layers": "4"} | more
    results = run_with(settings, num_train_epochs=4)
    task, frame = results["task"], predictions(settings["output_dir"])
    assert (task["type"], task["primary_metric"], task["label_names"]) == ("multi_label", "f1_micro", NAMES)
    assert task["majority"] == pytest.approx(2 / 3), "all three labels: half of the answers are right, none is missed"
    assert np.array([*frame["label"]]).tolist() == [[int(i in row) for i in range(3)] for row in texts(32, 2)["label"]]
    expected = by_hand(frame["prediction"], frame["label"])
    assert {name: results["metrics"]["healed"][name] for name in expected} == pytest.approx(expected)
    assert (np.array([*frame["prediction"]]) == (np.array([*frame["logits"]]) > 0)).all()
    logits, labels = np.float64([*frame["logits"]]), np.array([*frame["label"]])
    loss = np.log1p(np.exp(np.where(labels == 1, -logits, logits))).mean()
    assert results["metrics"]["healed"]["loss"] == pytest.approx(loss, rel=1e-4)
    if not more:  # a probe of an untrained model finds next to nothing
        assert results["metrics"]["healed"]["f1_micro"] > results["metrics"]["damaged"]["f1_micro"]
    assert list(results["by_label"]) == NAMES
    assert 0 <= results["probes"]["damaged"][0]["f1_micro"] <= 1
    assert read(settings["output_dir"]) == json.loads(json.dumps(results))


def test_labels_are_named_by_the_column_or_by_themselves(load, tmp_path):
    named = put(tmp_path / "names.parquet", {"text": ["a b", "c d"], "label": [["x", "z"], ["y", "x"]]}, "string")
    numbers = put(tmp_path / "numbers.parquet", {"text": ["a b", "c d"], "label": [[10, 2], []]}, "int64")
    found = load(train_file=named, validation_file=named, task_type="multi_label")
    assert found.label_names == ["x", "y", "z"] and found.splits["train"]["label"][:] == [[1, 0, 1], [1, 1, 0]]
    found = load(train_file=numbers, validation_file=numbers, task_type="multi_label")
    assert found.label_names == ["2", "10"] and found.splits["train"]["label"][:] == [[1, 1], [0, 0]]
    with pytest.raises(UserError, match=r"has labels that --train_file lacks: 'x', 'y', 'z'.*knows \[2, 10\]"):
        load(train_file=numbers, validation_file=named, task_type="multi_label")


@pytest.mark.parametrize("labels", [["x", "y"], [None, "y"], [None, 1]])
def test_labels_that_are_no_lists_are_refused(load, put, labels):
    path = put("t.jsonl", {"text": ["a b", "c d"], "label": labels})
    with pytest.raises(UserError, match="are no lists.*--task_type classification"):
        load(train_file=path, validation_file=path, task_type="multi_label")


@pytest.mark.parametrize(
    "labels, message",
    [
        (
            [[0], [1, -1]],
            r"1 example of --validation_file is unlabelled \(label -1\) .*row 2\); choose a labelled split",
        ),
        ([[-1], [-1]], r"2 examples of --validation_file are unlabelled \(label -1\) .*rows 1, 2\)"),
    ],
)
def test_unlabelled_examples_are_refused(load, files, tmp_path, labels, message):
    path = put(tmp_path / "none.parquet", {"text": ["a b", "c d"], "label": labels})
    with pytest.raises(UserError, match=message):
        load(**files | {"validation_file": path}, task_type="multi_label")


def test_test_file_with_labels_under_nearly_that_name_is_no_unlabelled_one(load, files, tmp_path):
    path = tmp_path / "near.jsonl"
    path.write_text('{"text": "a b", "Label": [0]}\n{"text": "c d", "Label": [1]}\n')
    with pytest.raises(UserError, match="label.*Label"):
        load(**files | {"test_file": str(path)}, task_type="multi_label")


@pytest.mark.parametrize("empty", [[], None])
def test_test_file_whose_labels_are_all_empty_is_an_unlabelled_one(load, files, tmp_path, empty):
    test = put(tmp_path / "test.parquet", {"text": ["a", "b"], "label": [empty, empty]})
    task = load(**files, test_file=test, task_type="multi_label")
    assert "label" not in task.splits["test"].column_names and len(task.splits["test"]) == 2
    labelled = put(tmp_path / "labelled.parquet", texts(8, 3))
    assert len(load(**files, test_file=labelled, task_type="multi_label").splits["test"]["label"]) == 8


def test_numbers_without_a_name_are_refused():
    with pytest.raises(UserError, match=r"x has labels without a name: -2, 3 \(rows 1, 3\); .* names for 0 to 2"):
        refuse_unnamed([[0, 3], [], [-2, -2], [1]], NAMES, "x")


def test_lists_as_classes_are_refused_with_the_types_that_would_fit(load, files):
    with pytest.raises(UserError, match="lists or objects.*multi_label.*token_classification"):
        load(**files, task_type="classification")
