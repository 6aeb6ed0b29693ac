"""Warnings on what makes the runs of a group hard to trust, or to compare."""

import dataclasses
import json

import pytest
from helpers.simulated import Truth, collapse, simulate

from healbert.analysis.analysis import analyse
from healbert.analysis.collect import collect
from healbert.report.content import content_of, make_content

STUDY = Truth(datasets=("sst2",), levels=(0, 0.5))


def warnings(root, change, truth=STUDY):
    return make_content(simulate(root, truth, change=change)).warnings


def about(found, word):
    return [warning for warning in found if word in warning]


def test_runs_that_collapsed_are_counted(tmp_path):
    def change(results):
        if results["config"]["corrupt_level"] and results["config"]["seed"] == 1:
            collapse(results)

    (warning,) = about(warnings(tmp_path, change), "collapsed")
    what = "one answer for all examples, or no better than answering without a model"
    assert warning.startswith(f"2 runs collapsed ({what})")


def test_one_draw_behind_all_seeds(tmp_path):
    def change(results):
        results["config"]["corrupt_seed"] = 7

    (warning,) = about(warnings(tmp_path, change), "draw of the damage")
    assert "One draw of the damage (corrupt_seed 7) is behind all seeds: verdicts are of this draw" in warning


@pytest.mark.parametrize("seeds", [(0, 1, 2), (0,)])
def test_a_draw_of_each_seed_and_one_seed_alone_are_no_doubt(tmp_path, seeds):
    assert not about(warnings(tmp_path, None, dataclasses.replace(STUDY, seeds=seeds)), "draw of the damage")


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("threads", (1, 2), "different numbers of CPU threads: 1, 2."),
        ("processes", (1, 4), "different numbers of processes: 1, 4."),
        ("mixed_precision", ("no", "bf16"), "different precisions: bf16, no."),
        ("device", ("cpu", "cuda"), "different devices: cpu, cuda."),
    ],
)
def test_machines_of_one_group(tmp_path, name, values, text):
    def change(results):
        results["environment"] = {name: values[results["config"]["seed"] == 1]}

    assert f"Runs come from {text}" in warnings(tmp_path, change)


def test_the_last_epoch_that_is_not_known(tmp_path):
    def change(results):
        if results["config"]["seed"] == 1:
            del results["metrics"]["last"]

    (warning,) = about(warnings(tmp_path, change), "last epoch")
    assert warning.startswith("3 runs lack the last epoch's score: whether verdicts depend on the choice of epoch")


def test_a_checkpoint_of_another_run(tmp_path):
    def change(results):
        if results["config"]["seed"] == 1 and results["config"]["corrupt_level"] == 0:
            results["config"] |= {"output_dir": "new/mine", "resume_from_checkpoint": "old/mine/checkpoint-12"}

    (warning,) = about(warnings(tmp_path, change), "went on from")
    assert warning.startswith("1 run went on from a checkpoint of another folder (such as ")


def test_a_checkpoint_of_its_own_is_no_doubt(tmp_path):
    simulate(tmp_path, STUDY)
    for path in tmp_path.glob("*/results.json"):
        results = json.loads(path.read_text())
        results["config"] |= {"output_dir": "runs/mine", "resume_from_checkpoint": "runs/../runs/mine/checkpoint-12"}
        path.write_text(json.dumps(results))
    assert not about(content_of(analyse(tmp_path)).warnings, "went on from")


def test_a_model_that_was_damaged_before_is_named(tmp_path):
    def change(results):
        if results["config"]["seed"] == 1:
            results["model"]["damaged_before"] = "top 50%, zero, seed 3"

    (warning,) = about(warnings(tmp_path, change), "damaged before")
    assert "runs began with a model that had been damaged before (such as " in warning and "seed 3): there" in warning


def test_a_study_without_doubts(tmp_path):
    found = warnings(tmp_path, None)
    assert not found or all("cannot be used" in warning for warning in found)


TWO = Truth(datasets=("sst2", "emotion"), levels=(0, 0.5))


def on_emotion(**settings):
    def change(results):
        if results["config"]["task_name"] == "emotion":
            results["config"] |= settings

    return change


def test_datasets_with_settings_of_their_own_are_one_group_and_that_is_said(tmp_path):
    change = on_emotion(model_name_or_path="org/other", num_train_epochs=7)
    content = make_content(simulate(tmp_path, TWO, change=change))
    (group,) = collect(tmp_path).groups
    assert group.model == "org/other and embedded"
    (warning,) = about(content.warnings, "Datasets")
    assert warning.startswith("Datasets differ in model_name_or_path, num_train_epochs: what is said of all of them")


@pytest.mark.parametrize(
    "settings",
    [{"healing": "bias_only"}, {"corrupt_method": "zero", "num_train_epochs": 7}, {"pooling": "mean"}],
)
def test_other_experiments_on_another_dataset_are_other_groups(tmp_path, settings):
    found = warnings(tmp_path, on_emotion(**settings), TWO)
    groups = [group for group in collect(tmp_path).groups if group.answers]
    assert sorted(group.datasets for group in groups) == [["emotion"], ["sst2"]]
    assert not about(found, "Datasets") and not about(found, "Not a full grid")
