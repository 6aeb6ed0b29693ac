"""Sweeps as users start them: real workers that fail, die, hang and are stopped."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
import yaml
from helpers.small import ROOT, run_module, save_tiny_bert

from healbert.results.read import is_locked, load_results
from healbert.sweep.engines import Job, Options, start_engine
from healbert.sweep.engines.local import slots
from healbert.sweep.engines.slurm import SlurmEngine
from healbert.sweep.engines.worker import RunFailed, RunTimeout, _kill_tree, _log_to
from healbert.utils.errors import UserError

QUICK = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "learning_rate": 1e-3, "use_cpu": True}
LONG = 10_000  # epochs that no test waits for


@pytest.fixture
def write_sweep(tiny_bert, csv_files, tmp_path):
    """Writes a sweep file of runs of a second or so; returns its path."""

    def write(name="sweep", base=(), **sections):
        path = tmp_path / f"{name}.yaml"
        common = {"model_name_or_path": tiny_bert, **csv_files, **QUICK, **dict(base)}
        path.write_text(yaml.safe_dump({"base": common, **sections}), encoding="utf-8")
        return path

    return write


def start_sweep(path, output_dir, *options):
    command = [sys.executable, "-m", "healbert", "sweep", str(path), "--output_dir", str(output_dir), *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, text=True, env=environment, start_new_session=True, **pipes)


def sweep(path, output_dir, *options, timeout=200):
    """Runs a sweep to its end: (exit status, output)."""
    process = start_sweep(path, output_dir, *options)
    try:
        output, _ = process.communicate(timeout=timeout)
    finally:
        kill_group(process)
    return process.returncode, output


def kill_group(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
    return value


def command_line(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def finished(folder):
    """The finished runs of a sweep: a dict from name to what tells one writing of results.json from another."""
    found = pathlib.Path(folder).glob("*/results.json")
    return {path.parent.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def metrics(folder):
    found = pathlib.Path(folder).glob("*/results.json")
    return {path.parent.name: json.loads(path.read_text())["metrics"] for path in found}


def at_work(folder):
    """Whether some process runs a run of a sweep."""
    return any(is_locked(path.parent) for path in pathlib.Path(folder).glob("*/settings.json"))


def training_in(folder, name):
    """Whether a run has been damaged and is healing."""
    return any((path / "settings.json").exists() for path in pathlib.Path(folder).glob(f"*{name}*"))


# ---------------------------------------------------------------- a sweep with everything in it


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


def test_failures_are_recorded_and_the_sweep_goes_on(mixed, tmp_path):
    folder = tmp_path / "results"
    status, output = sweep(mixed, folder, "--workers", "2")
    table = load_results(folder).set_index("seed").sort_index()
    assert status == 1, output
    assert len(table) == 6 and (table.loc[[1, 2], "status"] == "completed").all()
    assert table.loc[4, "status"] == "diverged" and "NaN or infinite" in table.loc[4, "error"]
    assert table.loc[3, "status"] == "failed" and "cannot be loaded" in table.loc[3, "error"]
    failed = json.loads((pathlib.Path(table.loc[3, "folder"]) / "results.json").read_text())
    assert failed["error"]["kind"] == "exception" and "cannot be loaded" in failed["error"]["log_tail"]
    diverged = json.loads((pathlib.Path(table.loc[4, "folder"]) / "results.json").read_text())
    assert diverged["error"]["kind"] == "diverged"
    assert re.search(r"^\[6/6\] ", output, re.M) and "6 runs in" in output
    assert "failed: broken-bert-train" in output and "--retry_failed" in output
    assert not list(folder.glob("*/checkpoint-*")) and not list(folder.glob("*/model.safetensors"))

    before = finished(folder)
    status, output = sweep(mixed, folder)
    assert (status, finished(folder)) == (1, before), "failed ones are left alone"


def test_retry_runs_failed_runs_alone(write_sweep, tmp_path):
    path, folder = write_sweep(grid={"seed": [1, 2]}), tmp_path / "results"
    assert sweep(path, folder, "--run_timeout", "0.2", "--workers", "1")[0] == 1
    kinds = [json.loads(p.read_text())["error"]["kind"] for p in folder.glob("*/results.json")]
    assert kinds == ["timeout", "timeout"]
    first = next(iter(sorted(folder.iterdir())))
    shutil.rmtree(first)
    assert sweep(path, folder, "--workers", "1")[0] == 1
    before = finished(folder)
    status, output = sweep(path, folder, "--retry_failed", "--workers", "1")
    assert status == 0, output
    after = finished(folder)
    assert after[first.name] == before[first.name], "what was finished is not run again"
    assert (load_results(folder)["status"] == "completed").all()


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


# ---------------------------------------------------------------- stopping, restarting, two at once


def test_ctrl_c_stops_soon_and_says_how_to_go_on(write_sweep, tmp_path):
    include = [{"seed": 1}, {"seed": 2, "num_train_epochs": LONG}]
    path, folder = write_sweep(include=include), tmp_path / "results"
    process = start_sweep(path, folder, "--workers", "1")
    try:
        wait_for(lambda: finished(folder) and training_in(folder, "seed2"))
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=10)
    finally:
        kill_group(process)
    assert process.returncode == 130
    assert "interrupted: 1 of 2 runs finished; the same command goes on" in output
    assert "Traceback" not in output
    assert len(finished(folder)) == 1
    listed = run_module("ls", folder, "--json")
    assert sorted(row["status"] for row in json.loads(listed.stdout)) == ["completed", "interrupted"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_sweep_stopped_while_its_worker_starts_leaves_no_traceback(write_sweep, tmp_path, stop):
    path, folder = write_sweep(include=[{"seed": 1, "num_train_epochs": LONG}]), tmp_path / "results"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if stop == signal.SIGTERM else signal.default_int_handler)
    process = start_sweep(path, folder, "--workers", "1")  # to end by SIGTERM, it is started as a background job
    signal.signal(signal.SIGINT, before)
    try:
        (worker,) = wait_for(lambda: workers_of(process))
        if stop == signal.SIGINT:  # a terminal sends it to the workers as well
            worker.send_signal(stop)
        process.send_signal(stop)
        output, _ = process.communicate(timeout=10)
    finally:
        kill_group(process)
    assert process.returncode == 130 and "Traceback" not in output, output
    assert "interrupted: 0 of 1 run finished; the same command goes on" in output
    assert not worker.is_running()


def workers_of(process):
    children = psutil.Process(process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_workers_end_with_their_sweep(write_sweep, tmp_path):
    path, folder = write_sweep(include=[{"seed": 1, "num_train_epochs": LONG}]), tmp_path / "results"
    process = start_sweep(path, folder, "--workers", "1")
    try:
        wait_for(lambda: training_in(folder, "seed1"))
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
    finally:
        kill_group(process)


def test_two_sweeps_at_once_run_each_run_once(write_sweep, tmp_path):
    path, folder = write_sweep(grid={"seed": [1, 2, 3, 4]}, base={"num_train_epochs": 3}), tmp_path / "results"
    processes = [start_sweep(path, folder, "--workers", "1") for _ in range(2)]
    try:
        outputs = [process.communicate(timeout=200)[0] for process in processes]
    finally:
        for process in processes:
            kill_group(process)
    assert [process.returncode for process in processes] == [0, 0], outputs
    runs = [log.read_text().count("train_runtime") for log in folder.glob("*/log.txt")]
    assert runs == [1, 1, 1, 1]


@pytest.mark.slow
@pytest.mark.timeout(1500)  # it starts twelve sweeps
def test_sweep_killed_ten_times_gives_what_an_undisturbed_one_gives(write_sweep, tmp_path):
    grid = {"corrupt_level": [0, 0.5, 1], "seed": [1, 2]}
    path = write_sweep(grid=grid, base={"num_train_epochs": 12, "torch_num_threads": 1})
    assert sweep(path, tmp_path / "calm", "--workers", "2")[0] == 0
    folder, rng, seen = tmp_path / "wild", random.Random(0), {}
    for _ in range(10):
        process = start_sweep(path, folder, "--workers", "2")
        wait_for(lambda process=process: at_work(folder) or process.poll() is not None)
        time.sleep(rng.uniform(0, 3))
        process.kill()  # its workers are left behind, at work
        process.communicate()
        now = finished(folder)
        assert seen.items() <= now.items(), "a finished run was run again"
        seen = now
    status, output = sweep(path, folder, "--workers", "2")
    assert status == 0, output
    assert seen.items() <= finished(folder).items()
    assert metrics(folder) == metrics(tmp_path / "calm")


# ---------------------------------------------------------------- workers


def test_error_that_cannot_be_sent_reaches_the_sweep_as_text(tmp_path):
    class Local(Exception):  # cannot be pickled
        pass

    with pytest.raises(RunFailed, match="^Local: no such thing$"), _log_to(tmp_path / "log.txt"):
        raise Local("no such\nthing")
    with pytest.raises(RunFailed, match="^try 3$"), _log_to(tmp_path / "log.txt"):
        raise UserError("try 3")
    with pytest.raises(RunTimeout), _log_to(tmp_path / "log.txt"):
        raise RunTimeout("too long")


def test_processes_under_a_launcher_end_with_it():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    launcher = subprocess.Popen([sys.executable, "-c", code])
    children = wait_for(lambda: psutil.Process(launcher.pid).children())
    _kill_tree(launcher)
    assert not psutil.wait_procs(children, timeout=10)[1] and launcher.poll() is not None


def test_worker_has_no_semaphore_that_could_be_left_behind():
    code = (
        "import os, healbert.engines.worker as worker; worker.prepare(os.getpid(), 1)\n"
        "from tqdm.auto import tqdm; list(tqdm(range(3))); print(type(tqdm.get_lock()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "<class '_thread.RLock'>\n", done.stderr


def test_worker_that_dies_between_two_runs_is_replaced(run_flags, tmp_path):
    engine = start_engine("local", Options(folder=str(tmp_path), workers=1))
    try:
        for name in ("first", "second"):
            settings = run_flags | {"output_dir": str(tmp_path / name), "num_train_epochs": 1}
            (handle,) = engine.submit([Job(settings, str(tmp_path))])
            wait_for(lambda handle=handle: engine.wait([handle], timeout=1))
            assert engine.failure(handle) is None
            for worker in psutil.Process().children():
                if "spawn_main" in " ".join(worker.cmdline()):
                    worker.kill()
            time.sleep(1)  # until pebble has seen it
    finally:
        engine.stop()
    assert sorted(finished(tmp_path)) == ["first", "second"]


# ---------------------------------------------------------------- other engines


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
    monkeypatch.setattr("healbert.engines.slurm.ARRAY", 2)
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
        wait_for(lambda: list(folder.glob("*seed2*/checkpoint-*/trainer_state.json")))
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


# ---------------------------------------------------------------- refusals and shares


@pytest.mark.parametrize(
    "options, message",
    [
        (["--engine", "rai"], "engine 'rai' is not known; did you mean 'ray'"),
        (["--workers", "0"], "not a whole number of 1 or more"),
        (["--run_timeout", "-1"], "not a number of seconds above 0"),
        (["--run_timeout", "1h"], "'1h' is not a number of seconds above 0"),
        (["--run_launcher", "acelerate"], "did you mean 'accelerate'"),
        (["--set", "sede=1"], "unknown setting 'sede'; did you mean 'seed'"),
        (["--set", "corrupt_level=5"], "runs cannot run"),
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
        "from healbert.engines import Options, start_engine\n"
        f"start_engine('{engine}', Options(folder={str(tmp_path)!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert f"pip install 'healbert[{engine}]'" in done.stderr


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
