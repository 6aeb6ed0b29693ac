"""Runs of a sweep that learn from an intact one: planned, held back, made once, with every engine."""

import json
import shutil
import tempfile

import pytest
from helpers.sweeps import finished, plan, sweep

from healbert.results.read import load_results
from healbert.results.schema import TEACHERS
from healbert.sweep.run import describe_plan

GRID = {"corrupt_level": [0.5, 0], "healing": ["full", "distill"]}


def test_intact_run_of_the_sweep_comes_first_and_keeps_its_model(base, tmp_path):
    runs = plan({"base": base, "grid": GRID | {"seed": [1, 2]}}, tmp_path).runs
    assert [run.settings.get("save_model", False) for run in runs] == [True, True] + [False] * 6
    for run in runs:
        settings = run.arguments.settings()
        if settings["healing"] == "distill":
            assert run.teacher.arguments.settings()["seed"] == settings["seed"] and run.teacher in runs[:2]
        else:
            assert run.teacher is None
    plain = plan({"base": base | {"save_model": True}, "grid": GRID | {"seed": [1, 2]}}, tmp_path).runs
    assert {run.name for run in plain} == {run.name for run in runs}


def test_a_traced_intact_run_is_the_teacher_of_the_others(base, tiny_bert, tmp_path):
    traced = {"trace_healing": True, "trace_reference": tiny_bert}
    found = plan({"base": base | traced, "grid": GRID}, tmp_path)
    intact = next(run for run in found.runs if run.damage == "intact" and run.settings["healing"] == "full")
    assert [run.teacher for run in found.runs if run.settings["healing"] == "distill"] == [intact] * 2


def test_sweep_without_distillation_is_planned_as_ever(base, tmp_path):
    runs = plan({"base": base, "grid": {"corrupt_level": [0.5, 0]}}, tmp_path).runs
    assert [run.settings["corrupt_level"] for run in runs] == [0.5, 0]
    assert not any(run.teacher or run.settings.get("save_model") for run in runs)


def teachers_of(folder):
    results = [json.loads((folder / name / "results.json").read_text()) for name in finished(folder)]
    return {(r["healing"].get("teacher") or {}).get("name") for r in results}


@pytest.mark.slow
def test_runs_wait_for_the_sweeps_own_intact_run(write_sweep, tmp_path):
    path, folder = write_sweep(grid=GRID), tmp_path / "results"
    status, output = sweep(path, folder, "--workers", "2", timeout=500)
    assert status == 0, output
    (intact,) = (name for name in finished(folder) if (folder / name / "config.json").exists())
    assert teachers_of(folder) == {None, intact} and not (folder / TEACHERS).exists()


ENGINES = {
    "local": ("--workers", "2"),
    "ray": ("--engine", "ray", "--workers", "2"),
    "slurm": ("--engine", "slurm", "--slurm", "cluster=local", "--workers", "2"),
}


@pytest.fixture
def scratch(monkeypatch):
    """A folder for Ray's sockets, whose paths have to be short, and no cluster of somebody else's."""
    folder = tempfile.mkdtemp(prefix="hb")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_teacher_that_is_no_run_of_the_sweep_is_made_once(write_sweep, tmp_path, scratch, engine):
    pytest.importorskip({"ray": "ray", "slurm": "submitit"}.get(engine, "healbert"))
    grid = {"corrupt_level": [0.25, 0.5, 0.75], "healing": ["distill"]}
    path, folder = write_sweep(grid=grid, base={"num_train_epochs": 3}), tmp_path / "results"
    status, output = sweep(path, folder, *ENGINES[engine], timeout=500)
    assert status == 0, output
    (teacher,) = (folder / TEACHERS).glob("[!.]*")  # beside the scores of what it started from
    assert teachers_of(folder) == {teacher.name} and len(load_results(folder)) == 3
    logs = "".join(path.read_text() for path in folder.glob("*/log.txt"))
    assert logs.count("the teacher is the intact model, fine-tuned in") >= 1
    assert "beside them, in .teachers: 1 run without damage" in output


def test_plan_says_how_many_teachers_there_are(base, tmp_path):
    made = plan({"base": base | {"healing": "distill"}, "grid": {"corrupt_level": [0.5]}}, tmp_path)
    assert "others learn from" not in describe_plan(made, tmp_path, 1)
    (tmp_path / TEACHERS / "intact").mkdir(parents=True)
    (tmp_path / TEACHERS / "intact" / "results.json").write_text("{}")
    assert "beside them, in .teachers: 1 run without damage that others learn from" in describe_plan(made, tmp_path, 1)
