"""What a sweep will take: which runs are of one kind, and hours and costs by hand."""

import json
import types

import pytest
import yaml

from healbert import UserError, make_arguments
from healbert.bench.asked import check, check_against
from healbert.bench.projection import Length, project, read_kinds, run_seconds
from healbert.bench.text import as_markdown, as_text
from healbert.tasks.types import TASK_TYPES


@pytest.fixture
def write_sweep(tiny_bert, csv_files, tmp_path):
    def write(**sections):
        base = {"model_name_or_path": tiny_bert, **csv_files, "use_cpu": True, "torch_num_threads": 1}
        base |= {"max_seq_length": 32} | sections.pop("base", {})
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump({"base": base, **sections}))
        return str(path)

    return write


MEASURED = {
    "seconds": 2.0,
    "examples": 100,
    "evaluated": 10,
    "evaluation_seconds": 0.1,
    "saving_seconds": 3.0,
    "load": 5.0,
    "splits": {"train": 1000, "evaluation": 200},
}


def test_seconds_of_a_run_by_hand():
    # An epoch: 1,000 examples of 0.02 s, an evaluation of 200 of 0.01 s, a checkpoint. Before it, one evaluation.
    assert run_seconds(MEASURED, Length(3)) == pytest.approx(5 + 2 + 3 * (20 + 2 + 3))
    splits = MEASURED["splits"] | {"dev": 100, "test": 50}
    assert run_seconds(MEASURED | {"splits": splits}, Length(3)) == pytest.approx(5 + 2 + 0.5 + 3 * (20 + 2 + 1 + 3))


def test_seconds_of_a_run_that_ends_by_steps_or_is_evaluated_within_epochs():
    # 1,000 examples by 30: 34 steps an epoch. 50 steps: 1.47 epochs and two evaluations; every 10 steps: 10 to 40.
    trained = 50 / 34 * 20
    assert run_seconds(MEASURED, Length(3, max_steps=50, batch=30)) == pytest.approx(5 + 2 + trained + 2 * 5)
    within = Length(3, max_steps=50, batch=30, within=10)
    assert run_seconds(MEASURED, within) == pytest.approx(5 + 2 + trained + (2 + 4) * 5)
    # A quarter of 68 steps: 17 and 51, as 34 and 68 end an epoch.
    assert run_seconds(MEASURED, Length(2, batch=30, within=0.25)) == pytest.approx(5 + 2 + 2 * 20 + (2 + 2) * 5)


def test_runs_that_differ_in_seeds_rates_damage_and_epochs_are_of_one_kind(write_sweep):
    grid = {"seed": [0, 1], "learning_rate": [1e-4, 1e-5], "corrupt_level": [0, 0.5], "num_train_epochs": [2, 5]}
    (kind,) = read_kinds(write_sweep(grid=grid))
    assert sorted(length.epochs for length in kind.lengths) == [2] * 8 + [5] * 8


def test_steps_and_evaluations_are_those_of_each_run(write_sweep):
    base = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "eval_strategy": "steps"}
    (kind,) = read_kinds(write_sweep(base=base | {"eval_steps": 3}, grid={"max_steps": [7, 9]}))
    assert kind.lengths == [Length(kind.lengths[0].epochs, steps, 8, 3) for steps in (7, 9)]


@pytest.mark.parametrize(
    "grid",
    (
        {"bf16": [True, False]},
        {"healing": ["full", "bias_only"]},
        {"per_device_train_batch_size": [4, 8]},
        {"max_train_samples": [10, 20]},
        {"corrupt_method": ["drop_layers", "kaiming_uniform"]},
        {"healing": ["damaged_only"], "corrupt_layers": ["0", "2"]},  # which layers are hit says what trains
    ),
    ids=lambda grid: next(iter(grid)),
)
def test_runs_that_take_other_steps_are_of_other_kinds(write_sweep, grid):
    base = {} if "corrupt_layers" in grid else {"corrupt_layers": "0,1"}
    kinds = read_kinds(write_sweep(base=base, grid=grid | {"seed": [0, 1, 2]}))
    assert [len(kind.lengths) for kind in kinds] == [3, 3]


@pytest.mark.parametrize(
    "healing, message",
    [
        ("gradual_unfreezing", "opens layers by and by"),
        ("two_phase", "opens layers by and by"),
        ("longer", "says itself when training ends"),
        ("bias_only,longer", "says itself when training ends"),
    ],
)
def test_what_a_few_steps_do_not_show_is_not_projected(write_sweep, healing, message):
    (kind,) = read_kinds(write_sweep(base={"corrupt_level": 0.5}, grid={"healing": [healing]}))
    with pytest.raises(UserError, match=message):
        check(kind.arguments)


@pytest.mark.slow
def test_a_sweep_is_projected_with_its_price(write_sweep, tmp_path):
    grid = {"healing": ["full", "linear_probe"], "seed": [0, 1, 2]}
    kinds, told = read_kinds(write_sweep(base={"num_train_epochs": 2}, grid=grid)), []
    (tmp_path / "out").mkdir()
    found = project(kinds, 2, 1.5, tmp_path / "out", told.append)
    (measured,) = found["measurements"]
    (entry,) = found["projection"]["datasets"]
    assert (entry["dataset"], entry["runs"], entry["projected_runs"]) == ("train", 6, 3)
    assert entry["hours"] == pytest.approx(3 * run_seconds(measured, kinds[0].lengths[0]) / 3600)
    assert entry["cost"] == pytest.approx(1.5 * entry["hours"])
    assert found["projection"]["total"] == {name: value for name, value in entry.items() if name != "dataset"}
    (left_out,) = found["projection"]["left_out"]
    assert "3 runs" in left_out and "linear_probe" in left_out
    for text in (as_text(found), as_markdown(found)):
        assert "linear\\_probe" in text or "linear_probe" in text
        assert "cost" in text
    assert len([line for line in told if line.startswith("kind ")]) == 2
    json.dumps(found)


def test_a_sweep_with_faults_is_refused(write_sweep, tmp_path):
    with pytest.raises(UserError, match="no_such"):
        read_kinds(write_sweep(grid={"no_such": [1]}))
    with pytest.raises(UserError, match="level"):
        read_kinds(write_sweep(grid={"corrupt_level": [7]}))
    with pytest.raises(UserError, match=r"nowhere\.yaml"):
        read_kinds(str(tmp_path / "nowhere.yaml"))


@pytest.mark.parametrize("kind", ["multiple_choice", "retrieval", "question_answering"])
def test_types_of_several_sequences_are_not_measured(monkeypatch, kind):
    arguments = make_arguments(output_dir="x")
    monkeypatch.setattr(type(arguments), "task_type", property(lambda self: TASK_TYPES[kind]))
    with pytest.raises(UserError, match=f"an example of --task_type {kind} is not one sequence of tokens"):
        check(arguments)


def test_types_that_a_plain_trainer_does_not_train_stand_alone():
    tags = types.SimpleNamespace(task_type=TASK_TYPES["token_classification"])
    with pytest.raises(UserError, match="of --task_type token_classification; say --against none"):
        check_against(tags, ["stock"])
    check_against(tags, [])
    check_against(types.SimpleNamespace(task_type=TASK_TYPES["regression"]), ["stock"])
