"""What a worker does and leaves behind."""

import subprocess
import sys
import time

import psutil
import pytest
from helpers.small import ROOT
from helpers.sweeps import finished, sweep, wait_for

from healbert.sweep.engines import Job, Options, start_engine
from healbert.sweep.engines.worker import RunFailed, RunTimeout, _alarm, _kill_tree, _log_to
from healbert.utils.errors import UserError


def test_error_that_cannot_be_sent_reaches_the_sweep_as_text(tmp_path):
    class Local(Exception):  # cannot be pickled
        pass

    with pytest.raises(RunFailed, match="^Local: no such thing$"), _log_to(tmp_path / "log.txt"):
        raise Local("no such\nthing")
    with pytest.raises(RunFailed, match="^try 3$"), _log_to(tmp_path / "log.txt"):
        raise UserError("try 3")
    with pytest.raises(RunTimeout), _log_to(tmp_path / "log.txt"):
        raise RunTimeout("too long")


def test_no_run_takes_the_alarm_for_an_error_of_its_own():
    began = time.monotonic()
    with pytest.raises(RunTimeout, match=r"^the run took longer than 0\.2 s$"), _alarm(0.2):
        try:
            time.sleep(30)
        except Exception as error:  # as of a file, or of the network: RunTimeout is an OSError
            raise UserError("the model cannot be loaded") from error
    assert time.monotonic() - began < 20


def test_processes_under_a_launcher_end_with_it():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    launcher = subprocess.Popen([sys.executable, "-c", code])
    children = wait_for(lambda: psutil.Process(launcher.pid).children())
    _kill_tree(launcher)
    assert not psutil.wait_procs(children, timeout=10)[1] and launcher.poll() is not None


def test_worker_has_no_semaphore_that_could_be_left_behind():
    code = (
        "import os, healbert.sweep.engines.worker as worker; worker.prepare(os.getpid(), 1)\n"
        "from tqdm.auto import tqdm; list(tqdm(range(3))); print(type(tqdm.get_lock()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "<class '_thread.RLock'>\n", done.stderr


PLUGIN = """
import healbert, torch

@healbert.register("method", "told", norms="keep", biases="keep")
def told(original, module, generator):
    print("deterministic:", torch.are_deterministic_algorithms_enabled())
    return original * 0.5
"""


def test_what_one_run_switches_on_is_off_for_the_next(write_sweep, tmp_path):
    (tmp_path / "told.py").write_text(PLUGIN)
    base = {"plugin": [str(tmp_path / "told.py")], "corrupt_method": "told", "corrupt_level": 0.5, "max_steps": 1}
    status, output = sweep(
        write_sweep(base=base, grid={"full_determinism": [True, False]}), tmp_path / "runs", "--workers", "1"
    )
    assert status == 0, output
    logs = sorted((tmp_path / "runs").glob("*/log.txt"), key=lambda path: path.stat().st_mtime)
    told = [[line for line in path.read_text().splitlines() if line.startswith("deterministic")] for path in logs]
    assert len(told) == 2 and told[0] and set(told[1]) == {"deterministic: False"}


@pytest.mark.slow
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


def test_worker_that_is_just_starting_when_its_sweep_ends_says_nothing(tmp_path, monkeypatch, capfd):
    import pebble.pool.process as pools

    def stop_late(process, stop=pools.stop_process):
        process.join(30)  # as on a busy machine, where it goes on starting until the signal reaches it
        stop(process)

    monkeypatch.setattr(pools, "stop_process", stop_late)
    engine = start_engine("local", Options(folder=str(tmp_path), workers=1))
    engine.submit([Job({"no_such_flag": 1}, str(tmp_path))])  # ends at once, should it begin
    engine.stop()
    assert capfd.readouterr().err == ""
