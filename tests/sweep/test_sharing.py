"""Sweeps on one machine share its cores; the runs of one sweep have one number of threads."""

import json
import os
import re
import subprocess
import sys
import tempfile

import pytest
from helpers.small import ROOT
from helpers.sweeps import kill_group, start_sweep, sweep, training_in, wait_for

from healbert.results.read import load_results
from healbert.sweep.engines import Options, is_of_this_machine, start_engine
from healbert.sweep.engines.local import slots, threads_of_new
from healbert.sweep.share import THREADS, at_work, keep_threads, threads_of
from healbert.utils.alive import alive_file, alive_files

CORES = len(os.sched_getaffinity(0))
AT_WORK = """
import time
from healbert.sweep.share import at_work

with at_work():
    print(1, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / f"healbert-{os.getuid()}"


def test_sweeps_at_work_are_counted_and_killed_ones_are_not(machine):
    with at_work() as share:
        assert share.sweeps() == 1
        with subprocess.Popen([sys.executable, "-c", AT_WORK], stdout=subprocess.PIPE, cwd=ROOT) as other:
            other.stdout.readline()
            assert share.sweeps() == 2 and len(list(machine.iterdir())) == 2
            other.kill()
        assert share.sweeps() == 1
    assert not list(machine.iterdir()), "the killed one's file went, too"


def test_folder_of_somebody_else_is_not_used(machine, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    machine.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(UserWarning, match="other sweeps on this machine are not seen"), at_work() as share:
        assert share.sweeps() == 1
    assert not list((tmp_path / "elsewhere").iterdir())


def test_place_of_a_login_that_is_gone_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with at_work() as share:
        assert share.folder == tmp_path / f"healbert-{os.getuid()}"


def test_file_is_held_as_long_as_its_block(tmp_path):
    left = tmp_path / "a-left0_42"
    left.touch(0o600)
    with alive_file(tmp_path, "a-", b"said") as name:
        assert [str(path) for path in alive_files(tmp_path, "a-")] == [name]
        with open(name) as file:
            assert file.read() == "said"
        assert not left.exists()
    assert not list(tmp_path.iterdir())


def test_run_of_its_own_counts(machine):
    from healbert.cli.run import _counted

    with _counted(), at_work() as share:
        assert share.sweeps() == 2


@pytest.mark.parametrize(
    "cores, workers, sweeps, threads",
    [
        (2, 2, 1, 1),
        (2, 1, 1, 2),
        (2, 1, 2, 1),
        (2, 2, 2, 1),
        (16, 4, 1, 4),
        (16, 4, 2, 4),
        (16, 1, 2, 8),
        (16, 4, 9, 1),
    ],
)
def test_threads_of_a_new_sweep(monkeypatch, cores, workers, sweeps, threads):
    monkeypatch.setattr("healbert.sweep.engines.local.cpu_cores", lambda: cores)
    assert threads_of_new(workers, Options("", sweeps=sweeps)) == threads


def test_workers_follow_from_the_threads_that_a_sweep_has(monkeypatch):
    monkeypatch.setattr("healbert.sweep.engines.local.cpu_cores", lambda: 8)
    assert slots(Options("", threads=4)) == [(4, None)] * 2
    assert slots(Options("", threads=16)) == [(16, None)]
    assert slots(Options("", threads=2, workers=3)) == [(2, None)] * 3


def test_which_engines_use_this_machine():
    ours = [("local", {}), ("ray", {}), ("slurm", {"slurm": {"cluster": "local"}})]
    assert all(is_of_this_machine(name, Options("", **more)) for name, more in ours)
    theirs = [("ray", {"ray_address": "host:1"}), ("slurm", {}), ("of_a_plugin", {})]
    assert not any(is_of_this_machine(name, Options("", **more)) for name, more in theirs)


# ---------------------------------------------------------------- the threads of a sweep


def results_with(*threads):
    return [{"environment": {"threads": number}} for number in threads]


def test_number_of_threads_is_kept(tmp_path):
    assert threads_of(tmp_path, []) is None
    assert keep_threads(tmp_path, 3) == 3 and keep_threads(tmp_path, 5) == 3
    assert threads_of(tmp_path, results_with(7)) == 3
    assert [path.name for path in tmp_path.iterdir()] == [THREADS]


def test_number_of_threads_of_a_folder_of_before_is_that_of_its_runs(tmp_path):
    assert threads_of(tmp_path, results_with(7, 7)) == 7
    assert threads_of(tmp_path, results_with(7, 8)) is None
    assert threads_of(tmp_path, [{}, {"environment": None}]) is None


@pytest.mark.parametrize("text", ["", "[]", '{"threads": 0}', '{"threads": "4"}', '{"thr'])
def test_damaged_number_of_threads(tmp_path, text):
    (tmp_path / THREADS).write_text(text)
    assert threads_of(tmp_path, results_with(2)) == 2
    keep_threads(tmp_path, 2)


@pytest.mark.parametrize(
    "kept, slurm, processes, threads",
    [
        (None, {}, 1, None),
        (None, {"slurm_cpus_per_task": 4}, 1, 4),
        (None, {"cpus_per_task": 6}, 2, 3),
        (5, {"slurm_cpus_per_task": 4}, 1, 5),
    ],
)
def test_threads_of_runs_on_a_slurm_cluster(monkeypatch, tmp_path, kept, slurm, processes, threads):
    submitit = pytest.importorskip("submitit", reason="the slurm extra is not installed")
    plain = submitit.AutoExecutor
    # No Slurm is here: submitit's local executor takes the same parameters.
    monkeypatch.setattr(submitit, "AutoExecutor", lambda folder, cluster: plain(folder=folder, cluster="local"))
    options = Options(str(tmp_path), threads=kept, slurm=slurm, processes_per_run=processes)
    assert start_engine("slurm", options).threads == threads


@pytest.mark.slow
def test_slurm_jobs_have_the_threads_that_the_folder_keeps(write_sweep, tmp_path):
    pytest.importorskip("submitit", reason="the slurm extra is not installed")
    folder = tmp_path / "runs"
    assert sweep(write_sweep(grid={"seed": [1]}), folder, "--workers", "2")[0] == 0
    threads = json.loads((folder / THREADS).read_text())["threads"]
    options = "--engine", "slurm", "--slurm", "cluster=local", "--workers", str(threads + 1)
    assert sweep(write_sweep(grid={"seed": [1, 2]}), folder, *options)[0] == 0
    runs = [json.loads(path.read_text()) for path in folder.glob("*/results.json")]
    assert [run["environment"]["threads"] for run in runs] == [threads] * 2


@pytest.mark.slow
def test_resumed_sweep_has_the_threads_that_it_began_with(write_sweep, tmp_path):
    folder = tmp_path / "results"
    assert sweep(write_sweep(grid={"seed": [1]}), folder, "--workers", str(CORES))[0] == 0
    assert json.loads((folder / THREADS).read_text())["threads"] == 1
    assert sweep(write_sweep(grid={"seed": [1, 2]}), folder, "--workers", "1")[0] == 0
    runs = [json.loads(path.read_text()) for path in folder.glob("*/results.json")]
    assert [run["environment"]["threads"] for run in runs] == [1, 1]


@pytest.mark.slow
def test_second_sweep_is_seen_by_both_and_both_say_so(write_sweep, tmp_path):
    path = write_sweep(grid={"seed": [1, 2, 3, 4, 5, 6]}, base={"num_train_epochs": 10})
    first = start_sweep(path, tmp_path / "first", "--workers", "2")
    second = None
    try:
        wait_for(lambda: training_in(tmp_path / "first", "seed"))
        second = start_sweep(path, tmp_path / "second", "--workers", "2")
        outputs = [process.communicate(timeout=400)[0] for process in (first, second)]
    finally:
        for process in filter(None, (first, second)):
            kill_group(process)
    assert [first.returncode, second.returncode] == [0, 0], outputs
    for name, output in zip(("first", "second"), outputs, strict=True):
        assert re.search("^this sweep shares this machine with 1 more: 1 at a time$", output, re.M), output
        assert load_results(tmp_path / name)["status"].tolist() == ["completed"] * 6
