"""Sweeps as users start them, and planned ones."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil

from healbert.results.read import is_locked
from healbert.sweep.plan import make_plan
from healbert.sweep.sweep_file import read_sweep
from helpers.small import ROOT

QUICK = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "learning_rate": 1e-3, "use_cpu": True}
LONG = 10_000  # epochs that no test waits for


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


def plan(sweep, folder, *assignments):
    return make_plan(read_sweep(sweep, assignments), folder)


def varying(plan, *flags):
    return [tuple(run.arguments.settings()[flag] for flag in flags) for run in plan.runs]
