"""Sweeps whose runs fail, die and hang."""

import json
import os
import pathlib
import re
import shutil
import signal

import psutil
import pytest
from helpers.small import save_tiny_bert
from helpers.sweeps import (
    LONG,
    finished,
    kill_group,
    start_sweep,
    sweep,
    training_in,
    wait_for,
)

from healbert.results.read import load_results


@pytest.fixture(scope="module")
def broken_model(tmp_path_factory):
    """A model whose weights are damaged: nothing but loading them tells."""
    folder = pathlib.Path(save_tiny_bert(tmp_path_factory.mktemp("broken") / "broken-bert"))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    return folder


@pytest.fixture
def mixed(write_sweep, broken_model):
    include = [
        {"model_name_or_path": str(broken_model), "seed": 3},
        {"learning_rate": 1e30, "seed": 4, "max_grad_norm": 0},
    ]
    return write_sweep("mixed", grid={"corrupt_level": [0, 0.5], "seed": [1, 2]}, include=include)


@pytest.mark.slow
def test_failures_are_recorded_and_the_sweep_goes_on(mixed, tmp_path):
    folder = tmp_path / "results"
    status, output = sweep(mixed, folder, "--workers", "2")
    table = load_results(folder).set_index("seed").sort_index()
    assert status == 1, output
    assert len(table) == 6 and (table.loc[[1, 2], "status"] == "completed").all()
    assert table.loc[4, "status"] == "diverged" and "NaN or infinite" in table.loc[4, "error"]
    assert table.loc[3, "status"] == "failed" and "do not belong together" in table.loc[3, "error"]
    failed = json.loads((pathlib.Path(table.loc[3, "folder"]) / "results.json").read_text())
    assert failed["error"]["kind"] == "exception" and "do not belong together" in failed["error"]["log_tail"]
    diverged = json.loads((pathlib.Path(table.loc[4, "folder"]) / "results.json").read_text())
    assert diverged["error"]["kind"] == "diverged"
    assert re.search(r"^\[6/6\] ", output, re.M) and "6 runs in" in output
    assert "failed: broken-bert-train" in output and "--retry_failed" in output
    assert not list(folder.glob("*/checkpoint-*")) and not list(folder.glob("*/model.safetensors"))

    before = finished(folder)
    status, output = sweep(mixed, folder)
    assert (status, finished(folder)) == (1, before), "failed ones are left alone"


@pytest.mark.slow
def test_retry_runs_failed_runs_alone(write_sweep, tmp_path):
    path, folder = write_sweep(grid={"seed": [1, 2]}), tmp_path / "results"
    assert sweep(path, folder, "--run_timeout", "0.01", "--workers", "1")[0] == 1
    kinds = [json.loads(p.read_text())["error"]["kind"] for p in folder.glob("*/results.json")]
    assert kinds == ["timeout", "timeout"]
    first = min(folder.glob("tiny*"))
    shutil.rmtree(first)
    assert sweep(path, folder, "--workers", "1")[0] == 1
    before = finished(folder)
    status, output = sweep(path, folder, "--retry_failed", "--workers", "1")
    assert status == 0 and "2 runs, 1 done; 1 at a time" in output and "[2/2]" in output, output
    after = finished(folder)
    assert after[first.name] == before[first.name], "what was finished is not run again"
    assert (load_results(folder)["status"] == "completed").all()


@pytest.mark.slow
def test_killed_and_hanging_runs_fail_and_workers_are_replaced(write_sweep, tmp_path):
    include = [{"seed": 1, "num_train_epochs": LONG}, {"seed": 2}]
    path, folder = write_sweep(include=include), tmp_path / "results"
    process = start_sweep(path, folder, "--workers", "1")
    try:
        wait_for(lambda: training_in(folder, "seed1"))
        _, worker = max((child.cpu_times().user, child.pid) for child in psutil.Process(process.pid).children())
        os.kill(worker, signal.SIGKILL)
        output, _ = process.communicate(timeout=120)
    finally:
        kill_group(process)
    table = load_results(folder).set_index("seed")
    assert process.returncode == 1
    assert (table.loc[1, "status"], table.loc[2, "status"]) == ("failed", "completed"), output
    assert "SIGKILL" in table.loc[1, "error"]


@pytest.mark.slow
def test_sweep_on_a_full_disk_says_which_runs_failed_and_goes_on_later(write_sweep, small_disk):
    folder, make_room = small_disk
    path = write_sweep(grid={"seed": [1, 2]}, base={"corrupt_level": 0.5, "num_train_epochs": 2})
    (folder / "ballast").write_bytes(b"0" * 900_000)
    status, output = sweep(path, folder / "runs", "--workers", "1")
    assert status == 1 and "disk is full" in output and "Traceback" not in output, output
    make_room()
    status, output = sweep(path, folder / "runs", "--workers", "1", "--retry_failed")
    assert status == 0, output
    assert load_results(folder / "runs")["status"].tolist() == ["completed"] * 2


@pytest.mark.slow
def test_run_whose_folder_is_removed_has_failed(write_sweep, tmp_path):
    path, folder = write_sweep(include=[{"seed": 1, "num_train_epochs": 60}]), tmp_path / "results"
    process = start_sweep(path, folder, "--workers", "1")
    try:
        wait_for(lambda: training_in(folder, "seed1") and list(folder.glob("*/checkpoint-*")))
        (run,) = folder.glob("tiny*")
        (run / "settings.json").unlink()  # the checkpoints may be in the middle of being written
        shutil.rmtree(run, ignore_errors=True)
        output, _ = process.communicate(timeout=120)
    finally:
        kill_group(process)
    assert process.returncode == 1, output
    (row,) = load_results(folder).to_dict("records")
    assert row["status"] == "failed" and ("was removed" in row["error"] or "cannot be written" in row["error"])
