"""Runs that start from the same damaged model share its scores, and have the figures that they have alone."""

import json

import pytest
from helpers.runs import logits, read, run_with
from helpers.sweeps import sweep

from healbert.experiment.loading import LoadCache
from healbert.results.schema import DAMAGED


def outcome(folder):
    found = read(folder)
    return found["metrics"], found["best_epoch"], logits(folder).tolist()


@pytest.mark.slow
def test_scores_are_shared_from_process_to_process(write_sweep, tmp_path):
    folder, damaged = tmp_path / "runs", {"corrupt_level": 0.5, "corrupt_seed": 1}
    for name, decay in (("one", 0), ("two", 0.1)):
        path = write_sweep(name, base=damaged, grid={"weight_decay": [decay]})
        status, output = sweep(path, folder, "--workers", "1")
        assert status == 0, output
    first, second = sorted(folder.glob("tiny*"), key=lambda run: "damaged_by" in read(run))
    assert read(second)["damaged_by"] == first.name and "damaged_by" not in read(first)
    run_with(read(second)["config"], output_dir=str(tmp_path / "alone"))
    assert outcome(tmp_path / "alone") == outcome(second)


@pytest.mark.slow
@pytest.mark.parametrize("healing", ["full", "lora", "linear_probe", "mixout", "distill"])
def test_figures_are_those_of_a_run_alone(base, tmp_path, healing):
    settings = base | {"corrupt_level": 0.5, "corrupt_region": "top", "healing": healing}
    cache = LoadCache()
    first = run_with(settings | {"learning_rate": 1e-3}, cache=cache, output_dir=str(tmp_path / "runs" / "first"))
    second = run_with(settings | {"learning_rate": 1e-4}, cache=cache, output_dir=str(tmp_path / "runs" / "second"))
    assert "damaged_by" not in first and second["damaged_by"] == "first"
    alone = run_with(settings | {"learning_rate": 1e-4}, output_dir=str(tmp_path / "alone"))
    assert "damaged_by" not in alone and outcome(tmp_path / "runs" / "second") == outcome(tmp_path / "alone")


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [{"seed": 2}, {"corrupt_seed": 2}, {"max_eval_samples": 20}, {"per_device_eval_batch_size": 7}, {"bf16": True}],
    ids=["head", "damage", "rows", "batches", "precision"],
)
def test_another_start_is_evaluated_itself(base, tmp_path, more):
    cache = LoadCache()
    run_with(base | {"corrupt_level": 0.5}, cache=cache, output_dir=str(tmp_path / "first"))
    assert "damaged_by" not in run_with(
        base | {"corrupt_level": 0.5} | more, cache=cache, output_dir=str(tmp_path / "second")
    )


def test_a_file_that_is_no_score_is_not_believed(base, tmp_path):
    cache, settings = LoadCache(), base | {"corrupt_level": 0.5}
    first = run_with(settings, cache=cache, output_dir=str(tmp_path / "first"))
    (kept,) = (tmp_path / DAMAGED).iterdir()
    for rubbish in ("", "[]", json.dumps({"key": "other", "run": "x", "metrics": {"f1_weighted": 1.0}})):
        kept.write_text(rubbish)
        name = f"run{len(rubbish)}"
        again = run_with(settings | {"learning_rate": 3e-4}, cache=cache, output_dir=str(tmp_path / name))
        assert "damaged_by" not in again and again["metrics"]["damaged"] == first["metrics"]["damaged"]
