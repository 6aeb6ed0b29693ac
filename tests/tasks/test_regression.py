"""Tasks with a figure for each text: what is read, predicted, scored, and what does not fit."""

import json
import pathlib

import numpy as np
import pandas
import pytest
from helpers.runs import predictions, read, run_with
from helpers.small import make_rows

from healbert import UserError, make_arguments
from healbert.analysis.statistics.examples import example_counts
from healbert.tasks.types import TaskType, task_type

KIND = task_type("regression")
RNG = np.random.default_rng(0)
LABELS = RNG.normal(3, 1, 60)
PREDICTIONS = np.float32(0.5 * LABELS + RNG.normal(0, 1, 60))


def figures(count, seed):
    """Texts whose figure shows in one word: 1.5 for good ones, -0.5 for bad ones, and a little noise."""
    rows = make_rows(count, seed=seed)
    noise = np.random.default_rng(seed).normal(0, 0.1, count)
    return {
        "text": [text for text, _ in rows],
        "label": [round((1.5 if label == "good" else -0.5) + e, 3) for (_, label), e in zip(rows, noise, strict=True)],
    }


@pytest.fixture
def files(put):
    return {
        name: put(f"{name[:5]}.csv", figures(*size))
        for name, size in {"train_file": (64, 1), "validation_file": (30, 2)}.items()
    }


def by_hand(predicted, labels):
    """Pearson, Spearman and RMSE from their definitions."""
    x, y = np.float64(predicted), np.float64(labels)

    def correlation(x, y):
        x, y = x - x.mean(), y - y.mean()
        return (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())

    ranks = [pandas.Series(side).rank().to_numpy() for side in (x, y)]
    return {"pearson": correlation(x, y), "spearman": correlation(*ranks), "rmse": np.sqrt(((x - y) ** 2).mean())}


def test_metrics_are_their_definitions():
    found = {name: metric.function(PREDICTIONS, LABELS) for name, metric in KIND.metrics().items()}
    assert found == pytest.approx(by_hand(PREDICTIONS, LABELS), rel=1e-6)
    assert list(found) == ["pearson", "spearman", "rmse"], "the primary one first"
    assert KIND.primary_score([1, 2, 3], [1, 2, 4]) == pytest.approx(9 / np.sqrt(84)), "by hand: 3 / sqrt(2 * 14/3)"
    assert KIND.primary_score(np.ones(3), [1, 2, 4]) == 0.0, "one answer for all tells nothing"


def test_resamples_are_those_of_the_definition():
    counts = example_counts(60, 0, 30)
    found = KIND.resampled(LABELS, PREDICTIONS, 0, counts)
    assert found == pytest.approx(TaskType.resampled(KIND, LABELS, PREDICTIONS, 0, counts), abs=1e-9)
    once = np.eye(60, dtype=np.int32)[:, :2] * 60  # one example, sixty times: no correlation
    assert KIND.resampled(LABELS, PREDICTIONS, 0, once).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("more", [{}, {"selection": "dev", "pooling": "mean", "healing": "linear_probe"}])
def test_run_on_files_is_guessed_and_learns(run_flags, files, more):
    settings = run_flags | files | {"learning_rate": 5e-3, "corrupt_level": 0, "probe_layers": "0,4"} | more
    results = run_with(settings, num_train_epochs=8)
    folder = settings["output_dir"]
    task, frame = results["task"], predictions(folder)
    assert (task["type"], results["config"]["task_type"]) == ("regression", "regression")
    assert (task["primary_metric"], task["label_names"], task["majority"]) == ("pearson", [], 0.0)
    assert frame["label"].tolist() == pytest.approx(pandas.read_csv(files["validation_file"])["label"].tolist())
    expected = by_hand(frame["prediction"], frame["label"])
    assert {name: results["metrics"]["healed"][name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert results["metrics"]["healed"]["loss"] == pytest.approx(expected["rmse"] ** 2, rel=1e-4)
    assert results["collapsed"] is (results["metrics"]["healed"]["pearson"] <= 0)
    if not more:  # a probe of an untrained model finds next to nothing
        assert results["metrics"]["healed"]["pearson"] > 0.5
    steps = [f"step_{epoch['step']}" for epoch in results["metrics"]["per_epoch"]]
    assert steps == [name for name in frame if name.startswith("step_")]
    assert all(-1 <= layer["pearson"] <= 1 for layer in results["probes"]["damaged"])
    assert read(folder) == json.loads(json.dumps(results))


def test_type_counts_where_it_is_not_the_tasks_own(files, csv_files):
    def name(**settings):
        arguments = make_arguments(use_cpu=True, corrupt_level=0, **settings)
        return arguments.name(), arguments.data.task_type

    guessed, said = name(**files), name(**files, task_type="regression")
    assert guessed == said and guessed[1] == "regression"
    assert name(**csv_files) == name(**csv_files, task_type="classification") and name(**csv_files)[1] is None
    assert name(task_name="stsb") == name(task_name="stsb", task_type="regression")
    assert name(task_name="docstrings")[0] != name(task_name="docstrings", task_type="regression")[0]


@pytest.mark.parametrize(
    "labels, message",
    [
        (
            ["1.5", "two", "0.5"],
            r"1 label of --train_file is missing or no number, the first 'two' .*line 3.*classific",
        ),
        (["1.5", "", "0.5"], r"1 label of --train_file is missing or no number.*line 3"),
        (["1.5", "1e999", "2"], r"1 label of --train_file is not finite"),
        (["2.5", "2.5", "2.5"], "every label of train is 2.5"),
    ],
)
def test_labels_that_are_no_figures_are_refused(load, put, labels, message):
    path = put("t.csv", {"text": ["a b", "c d", "e f"], "label": labels})
    with pytest.raises(UserError, match=message):
        load(train_file=path, validation_file=put("v.csv", figures(9, 1)), task_type="regression")


def test_figures_as_classes_are_refused_with_the_type_that_would_fit(load, files):
    with pytest.raises(UserError, match="are floats, such as .*--task_type regression"):
        load(**files, task_type="classification")


def test_parts_are_drawn_by_seed_alone(load, files):
    whole = load(**files, task_type="regression").splits["train"]["id"]
    drawn = [
        load(**files, task_type="regression", max_train_samples=20, sample_seed=s).splits["train"]["id"]
        for s in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2] and set(drawn[0]) < set(whole) and list(drawn[0]) == sorted(drawn[0])
    parts = load(selection="dev", dev_fraction=0.25, **files, task_type="regression").splits
    assert sorted([*parts["train"]["id"], *parts["dev"]["id"]]) == list(whole) and len(parts["dev"]) == 16


@pytest.mark.parametrize(
    "flags, message",
    [
        ({"tsne": True}, "--tsne pictures classes"),
        ({"healing": "distill"}, "matches logits of classes, and a task of type regression has none; use of=hidden"),
        ({"metric_for_best_model": "rmse"}, "pearson"),
    ],
)
def test_what_needs_classes_is_refused(run_flags, files, flags, message):
    with pytest.raises(UserError, match=message):
        make_arguments(**run_flags | files | flags)


@pytest.mark.parametrize("kind", ["regression", "multi_label", "retrieval"])
def test_label_smoothing_is_for_classes(kind):
    with pytest.raises(UserError, match=f"--label_smoothing_factor does not go with a task of type {kind}"):
        make_arguments(task_name="stsb", task_type=kind, label_smoothing_factor=0.1)


def test_figures_that_are_not_finite_have_no_score(run_flags, files):
    options = {"corrupt_level": 1, "corrupt_method": "scale", "corrupt_options": "factor=1e38"}
    results = run_with(run_flags | files | options | {"probe_layers": "all", "measure_damage": True})
    assert results["status"] == "diverged"
    damaged = json.loads((pathlib.Path(run_flags["output_dir"]) / "results.json").read_text())["metrics"]["damaged"]
    assert {name: damaged[name] for name in KIND.metrics()} == dict.fromkeys(("pearson", "spearman", "rmse"))
