"""Ray, Slurm and accelerate; what is refused, and how a machine is shared."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import types

import psutil
import pytest
from helpers.small import ROOT, run_module
from helpers.sweeps import (
    command_line,
    finished,
    kill_group,
    metrics,
    start_sweep,
    sweep,
    wait_for,
)

from healbert.results.read import load_results
from healbert.sweep.engines import Job, Options, start_engine
from healbert.sweep.engines.local import slots
from healbert.sweep.engines.ray_cluster import _connect, cores_of_a_run
from healbert.sweep.engines.slurm import SlurmEngine
from healbert.utils.errors import UserError


class Executor:
    """What submitit's does with arrays, without Slurm; an administrator allows two jobs in one."""

    def __init__(self):
        self.arrays = []

    def map_array(self, function, jobs):
        if len(jobs) > 2:
            raise RuntimeError("sbatch: error: Invalid job array specification")
        self.arrays.append(len(jobs))
        return [f"{len(self.arrays)}_{number}" for number in range(len(jobs))]


def test_slurm_gets_arrays_of_a_size_that_it_takes(monkeypatch):
    engine, jobs = SlurmEngine(Executor(), 10), [Job({}, "")] * 5
    with pytest.raises(UserError, match="jobs were not accepted: sbatch: error: Invalid job array"):
        engine.submit(jobs)
    monkeypatch.setattr("healbert.sweep.engines.slurm.ARRAY", 2)
    assert engine.submit(jobs) == ["1_0", "1_1", "2_0", "2_1", "3_0"]
    assert engine.executor.arrays == [2, 2, 1]


@pytest.mark.slow
def test_runs_of_two_processes_run_through_accelerate(write_sweep, tmp_path):
    path, folder = write_sweep(include=[{"seed": 1, "corrupt_level": 0.5}]), tmp_path / "results"
    status, output = sweep(path, folder, "--run_launcher", "accelerate", "--processes_per_run", "2", "--workers", "1")
    assert status == 0, output
    (run,) = folder.glob("*/results.json")
    assert json.loads(run.read_text())["environment"]["processes"] == 2
    assert sweep(path, folder, "--processes_per_run", "2")[0] == 0
    assert len(finished(folder)) == 1


@pytest.mark.slow
def test_submitit_runs_an_array_and_continues_a_requeued_run(write_sweep, tmp_path):
    pytest.importorskip("submitit", reason="the slurm extra is not installed")
    include = [{"seed": 1}, {"seed": 2, "num_train_epochs": 60}]
    path, folder = write_sweep(include=include, base={"corrupt_level": 0.5}), tmp_path / "results"
    process = start_sweep(path, folder, "--engine", "slurm", "--slurm", "cluster=local", "--workers", "2")
    try:
        wait_for(lambda: list(folder.glob("*seed2*/checkpoint-*/healbert_manifest.json")))
        jobs = [p for p in psutil.Process(process.pid).children(recursive=True) if "_submit" in command_line(p)]
        (run,) = (p for p in jobs if any("seed2" in f.path for f in p.open_files()))
        run.send_signal(signal.SIGUSR2)  # what Slurm sends before it takes a node away
        output, _ = process.communicate(timeout=200)
    finally:
        kill_group(process)
    assert process.returncode == 0, output
    table = load_results(folder).set_index("seed")
    assert (table["status"] == "completed").all()
    again = json.loads((pathlib.Path(table.loc[2, "folder"]) / "results.json").read_text())
    assert again["resumed_from"].startswith("checkpoint-")


@pytest.mark.slow
def test_ray_cluster_that_loses_a_node_finishes_the_sweep(write_sweep, tmp_path):
    pytest.importorskip("ray", reason="the ray extra is not installed")
    from ray.cluster_utils import Cluster

    path = write_sweep(
        grid={"seed": [1, 2, 3]}, base={"num_train_epochs": 60, "corrupt_level": 0.5, "torch_num_threads": 1}
    )
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    process = None
    try:
        lost = cluster.add_node(num_cpus=1)
        folder = tmp_path / "ray"
        options = ["--engine", "ray", "--ray_address", cluster.address, "--workers", "2"]
        process = start_sweep(path, folder, *options)
        # Both nodes are at work: runs last long enough for the second to start.
        wait_for(lambda: len({path.parent for path in folder.glob("*/checkpoint-*")}) == 2, seconds=300)
        assert process.poll() is None
        cluster.remove_node(lost, allow_graceful=False)
        output, _ = process.communicate(timeout=300)
    finally:
        if process:
            kill_group(process)
        cluster.shutdown()
    assert process.returncode == 0, output
    assert sweep(path, tmp_path / "local", "--workers", "2", timeout=400)[0] == 0
    assert metrics(folder) == metrics(tmp_path / "local")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, message",
    [
        (["--engine", "rai"], "engine 'rai' is not known; did you mean 'ray'"),
        (["--workers", "0"], "not a whole number of 1 or more"),
        (["--run_timeout", "-1"], "not a number of seconds above 0"),
        (["--run_timeout", "1h"], "'1h' is not a number of seconds above 0"),
        (["--run_launcher", "acelerate"], "did you mean 'accelerate'"),
        (["--set", "sede=1"], "unknown setting 'sede'; did you mean 'seed'"),
        (["--set", "corrupt_level=5"], "1 run cannot run"),
        (["--engine", "slurm", "--slurm", "cluster"], "--slurm cluster is not KEY=VALUE"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_refused_options(write_sweep, tmp_path, options, message):
    done = run_module("sweep", write_sweep(grid={"seed": [1]}), "--output_dir", tmp_path / "results", *options)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("error:")] == [done.stderr.splitlines()[-1]]
    assert message in done.stderr
    assert not finished(tmp_path / "results")


def test_results_folder_that_cannot_be_written_is_refused(write_sweep, tmp_path):
    (tmp_path / "file").write_text("")
    done = run_module("sweep", write_sweep(grid={"seed": [1]}), "--output_dir", tmp_path / "file" / "results")
    assert done.returncode == 2 and "cannot be written" in done.stderr, done.stderr


def test_ray_cluster_out_of_reach_is_refused(write_sweep, tmp_path):
    pytest.importorskip("ray", reason="the ray extra is not installed")
    with pytest.raises(UserError, match="no Ray cluster answers at 127.0.0.1:9"):
        start_engine("ray", Options(folder=str(tmp_path), ray_address="127.0.0.1:9"))


@pytest.mark.parametrize("engine, library", [("ray", "ray"), ("slurm", "submitit")])
def test_missing_library_says_what_to_install(engine, library, tmp_path):
    code = (
        f"import sys; sys.modules['{library}'] = None\n"
        "from healbert.sweep.engines import Options, start_engine\n"
        f"start_engine('{engine}', Options(folder={str(tmp_path)!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert f"run in the repository: pip install '.[{engine}]'" in done.stderr


def test_threads_are_divided_between_workers():
    cores = len(os.sched_getaffinity(0))
    assert slots(Options(folder="", workers=cores)) == [(1, None)] * cores
    assert slots(Options(folder="", workers=1)) == [(cores, None)]
    assert slots(Options(folder="", workers=1, processes_per_run=cores)) == [(1, None)]


def test_dry_run_runs_nothing(write_sweep, tmp_path):
    path = write_sweep(grid={"seed": [1, 2], "corrupt_region": ["bottom", "top"]})
    done = run_module("sweep", path, "--output_dir", tmp_path / "results", "--dry_run")
    assert done.returncode == 0 and "2 runs (2 more are the same experiments)" in done.stdout
    assert "unknown until a run is finished" in done.stdout
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_python_api_returns_the_table(write_sweep, tmp_path):
    code = (
        "from healbert import run_sweep\n"
        "if __name__ == '__main__':\n"
        f"    table = run_sweep({str(write_sweep(grid={'seed': [1]}))!r}, {str(tmp_path / 'results')!r}, workers=1)\n"
        "    print(table['status'].tolist())\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, timeout=300)
    assert done.stdout.splitlines()[-1] == "['completed']", done.stderr


@pytest.mark.parametrize(
    "nodes, runs, cores",
    [([16], 4, 4), ([8, 8], 1, 8), ([4, 12], 2, 6), ([4, 12], 4, 4), ([2, 2, 8], 8, 1), ([1, 1], 5, 1), ([], 1, 1)],
)
def test_a_run_finds_its_cores_on_one_node_of_a_cluster(nodes, runs, cores):
    assert cores_of_a_run([{"CPU": float(count)} for count in nodes], runs) == cores


def test_a_run_finds_its_cores_beside_its_gpus():
    head, worker = {"CPU": 64.0}, {"CPU": 16.0, "GPU": 4.0}
    assert cores_of_a_run([head, worker], 4, 1) == 4 and cores_of_a_run([head, worker], 8, 0.5) == 2
    assert cores_of_a_run([head, worker], 2, 2) == 8


def test_ray_sends_no_usage_statistics(monkeypatch):
    pytest.importorskip("ray", reason="the ray extra is not installed")
    from ray._common.usage.usage_lib import usage_stats_enabled

    enabled = []
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "")  # so that it is taken back
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    assert usage_stats_enabled()
    fake = types.SimpleNamespace(init=lambda **options: enabled.append(usage_stats_enabled()))
    _connect(fake, None)
    assert enabled == [False]
