"""Results of schema 1 read as those of schema 2, and nothing on disk changes."""

import copy
import json

import pytest

from healbert.results.listing import list_runs
from healbert.results.read import load_results, read_results
from healbert.results.schema import primary_score
from healbert.results.upgrade import upgraded
from healbert.results.validation import fault

DAMAGED = {"f1_weighted": 0.119248, "accuracy": 0.181666, "f1_macro": 0.119247, "loss": 1.791252}
FIGURES = ("epoch", "step", "f1_weighted", "accuracy", "f1_macro", "loss", "train_loss")
EPOCHS = [
    dict(zip(FIGURES, row, strict=True))
    for row in (
        (1.0, 30, 0.14, 0.23, 0.13, 1.78, 1.7),
        (2.0, 60, 0.42, 0.48, 0.41, 1.31, 1.2),
        (3.0, 90, 0.39, 0.45, 0.38, 1.36, 1.1),
    )
]
HEALED = {"f1_weighted": 0.4200001, "accuracy": 0.48, "f1_macro": 0.41, "loss": 1.31}

# What a run of schema 1 left on disk, shortened: three classes, the second of three epochs chosen.
SCHEMA_1 = {
    "schema_version": 1,
    "config": {
        "corrupt_level": 0.5,
        "corrupt_region": "bottom",
        "learning_rate": 0.0002,
        "metric_for_best_model": "f1_weighted",
        "model_name_or_path": "embedded",
        "seed": 42,
        "selection": "best_eval",
        "task_name": "docstrings",
    },
    "task": {
        "name": "docstrings",
        "commit": None,
        "evaluation_split": "validation",
        "label_names": ["networkx", "numpy", "pandas"],
        "text_columns": ["text"],
        "examples": {"train": 960, "evaluation": 600},
        "majority_f1_weighted": 0.047619,
        "fingerprint": "8bf723b8",
    },
    "model": {"name": "embedded", "parameters": 22715526, "commit": None, "fingerprint": "7aabbfe8"},
    "corruption": {
        "level": 0.5,
        "region": "bottom",
        "layers_hit": [0, 1, 2],
        "num_layers": 6,
        "fraction_of_encoder": 0.5,
        "fraction_of_model": 0.234,
        "requested_level": 0.5,
    },
    "status": "completed",
    "metrics": {"damaged": DAMAGED, "healed": HEALED, "per_epoch": EPOCHS},
    "best_epoch": 2.0,
    "timing": {"load": 19.2, "heal": 54.3},
}


def old(**changes):
    return copy.deepcopy(SCHEMA_1) | changes


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text(json.dumps(SCHEMA_1))
    return tmp_path / "run"


def test_figures_are_those_on_disk(folder):
    before = (folder / "results.json").read_bytes()
    results = read_results(folder)
    assert (results["schema_version"], fault(results)) == (2, None)
    for stage in ("damaged", "healed", "per_epoch"):
        assert results["metrics"][stage] == SCHEMA_1["metrics"][stage]
    for part in ("config", "model", "best_epoch", "timing", "status"):
        assert results[part] == SCHEMA_1[part]
    assert (folder / "results.json").read_bytes() == before


def test_what_schema_1_took_for_granted_is_said():
    task = upgraded(old())["task"]
    assert (task["type"], task["primary_metric"], task["majority"]) == ("classification", "f1_weighted", 0.047619)
    assert [about["title"] for about in task["metrics"].values()] == ["weighted F1", "accuracy", "macro F1", "loss"]
    assert [about["greater_is_better"] for about in task["metrics"].values()] == [True, True, True, False]
    assert "majority_f1_weighted" not in task and task["fingerprint"] == "8bf723b8"
    assert "requested_level" not in upgraded(old())["corruption"]


@pytest.mark.parametrize(
    "selection, best, expected",
    [
        ("best_eval", 2.0, {name: EPOCHS[2][name] for name in HEALED}),
        ("best_eval", 3.0, HEALED),
        ("dev", 3.0, HEALED),
        ("dev", 2.0, None),
    ],
    ids=["scored each epoch", "chosen", "chosen on a held-out part", "never scored"],
)
def test_last_epoch_as_far_as_it_is_known(selection, best, expected):
    results = old(config=SCHEMA_1["config"] | {"selection": selection}, best_epoch=best)
    assert upgraded(results)["metrics"].get("last") == expected


@pytest.mark.parametrize("healed, expected", [(HEALED, False), (HEALED | {"f1_weighted": 0.0476}, True), (None, None)])
def test_collapsed_by_the_score(healed, expected):
    results = old(metrics=SCHEMA_1["metrics"] | {"healed": healed})
    assert upgraded(results)["collapsed"] is expected


def test_failed_run_has_nothing_to_upgrade():
    failed = {"schema_version": 1, "status": "failed", "config": SCHEMA_1["config"], "error": {"message": "killed"}}
    results = upgraded(failed)
    assert fault(results) is None and primary_score(results, "healed") is None
    assert {name: results[name] for name in failed if name != "schema_version"} == {
        name: value for name, value in failed.items() if name != "schema_version"
    }


@pytest.mark.parametrize("part", ["task", "metrics", "corruption"])
def test_wrong_values_are_left_for_the_check_to_name(part):
    assert fault(upgraded(old(**{part: [1]}))).startswith(f"{part} is [1], not")


def test_table_has_the_columns_it_had(folder):
    (row,) = load_results(folder).to_dict("records")
    for stage, figures in (("damaged", DAMAGED), ("healed", HEALED)):
        assert {name: row[f"{stage}_{name}"] for name in figures} == figures
    assert (row["majority_f1_weighted"], row["layers_hit"], row["seconds"]) == (0.047619, 3, 73.5)
    assert row["test_f1_weighted"] is None and row["dev_loss"] is None


def test_list_names_the_metric(folder):
    (row,) = list_runs(folder.parent)
    assert (row["metric"], row["damaged"], row["healed"]) == ("weighted F1", 0.119248, 0.4200001)


def test_results_of_today_stay_as_they_are():
    results = upgraded(old())
    assert upgraded(results) is results
