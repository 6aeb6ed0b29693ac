"""Sweeps that are stopped and started again, and two at once."""

import json
import os
import random
import signal
import time

import psutil
import pytest
from helpers.small import run_module
from helpers.sweeps import (
    LONG,
    at_work,
    command_line,
    finished,
    kill_group,
    metrics,
    start_sweep,
    sweep,
    training_in,
    wait_for,
)


@pytest.mark.slow
def test_ctrl_c_stops_soon_and_says_how_to_go_on(write_sweep, tmp_path):
    include = [{"seed": 1}, {"seed": 2, "num_train_epochs": LONG}]
    path, folder = write_sweep(include=include), tmp_path / "results"
    process = start_sweep(path, folder, "--workers", "1")
    try:
        wait_for(lambda: finished(folder) and training_in(folder, "seed2"))
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        kill_group(process)
    assert process.returncode == 130
    assert "interrupted: 1 of 2 runs finished; the same command goes on" in output
    assert "Traceback" not in output
    assert len(finished(folder)) == 1
    listed = run_module("ls", folder, "--json")
    assert sorted(row["status"] for row in json.loads(listed.stdout)) == ["completed", "interrupted"]


@pytest.mark.slow
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
        output, _ = process.communicate(timeout=60)
    finally:
        kill_group(process)
    assert process.returncode == 130 and "Traceback" not in output, output
    assert "interrupted: 0 of 1 run finished; the same command goes on" in output
    assert not worker.is_running()


def workers_of(process):
    children = psutil.Process(process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_ctrl_c_twice_during_start_up_shows_no_traceback(write_sweep, tmp_path):
    path, folder = write_sweep(include=[{"seed": 1, "num_train_epochs": LONG}]), tmp_path / "results"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start_sweep(path, folder, "--workers", "1")
    signal.signal(signal.SIGINT, before)
    try:
        wait_for(lambda: "libtorch_python" in maps_of(process))  # in the middle of the imports
        for _ in range(5):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        output, _ = process.communicate(timeout=60)
    finally:
        kill_group(process)
    assert process.returncode == 130 and "Traceback" not in output, output
    assert [line for line in output.splitlines() if line.startswith("interrupted: ")] == output.splitlines()[-1:]


def maps_of(process):
    try:
        with open(f"/proc/{process.pid}/maps") as file:
            return file.read()
    except OSError:
        return ""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.slow)])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_signals_during_the_end_do_not_break_into_it(write_sweep, tmp_path, engine, stop):
    if engine == "ray":
        pytest.importorskip("ray", reason="the ray extra is not installed")
    path, folder = write_sweep(include=[{"seed": 1, "num_train_epochs": LONG}]), tmp_path / "results"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start_sweep(path, folder, "--workers", "1", "--engine", engine)
    signal.signal(signal.SIGINT, before)
    try:
        wait_for(lambda: training_in(folder, "seed1"))
        children = psutil.Process(process.pid).children(recursive=True)
        while process.poll() is None:  # as somebody does who has no patience
            process.send_signal(stop)
            time.sleep(0.02)
        output, _ = process.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=15)
    finally:
        kill_group(process)
    expected = ("1 run, 0 done", "Token authentication is enabled")  # the second is Ray's
    said = [line for line in output.splitlines() if not line.startswith(expected)]
    assert process.returncode == 130 and not alive, output
    assert said == ["interrupted: 0 of 1 run finished; the same command goes on"]


@pytest.mark.slow
def test_sigterm_while_ray_starts_ends_the_sweep_as_any_other(write_sweep, tmp_path):
    pytest.importorskip("ray", reason="the ray extra is not installed")
    path, folder = write_sweep(include=[{"seed": 1, "num_train_epochs": LONG}]), tmp_path / "results"
    process = start_sweep(path, folder, "--workers", "1", "--engine", "ray")
    try:
        wait_for(lambda: any("gcs_server" in command_line(child) for child in psutil.Process(process.pid).children()))
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=15)
    finally:
        kill_group(process)
    assert process.returncode == 130 and not alive and "Traceback" not in output, output
    assert output.splitlines()[-1].startswith("interrupted: ")
