"""An interruption changes nothing."""

import os
import signal
import subprocess
import sys
import time

import pytest
from helpers.runs import EPOCHS, STEPS, rewind, run_with, same_outcome
from helpers.small import ROOT, to_flags


@pytest.mark.parametrize("epochs", range(1, EPOCHS + 1))
def test_run_continues_from_its_last_epoch(run, with_checkpoints, settings, tmp_path, epochs):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs)
    results = run_with(settings, output_dir=str(folder))
    assert results["resumed_from"] == f"checkpoint-{epochs * STEPS}"
    assert same_outcome(folder, run)


@pytest.mark.parametrize("left", [None, '{"epoch": 2.0, "best'], ids=["absent", "cut short"])
def test_checkpoint_killed_while_it_was_written_is_passed_over(run, with_checkpoints, settings, tmp_path, left):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    state = folder / f"checkpoint-{2 * STEPS}" / "trainer_state.json"
    state.unlink() if left is None else state.write_text(left)
    (state.parent / "model.safetensors").write_bytes(b"half")
    assert run_with(settings, output_dir=str(folder))["resumed_from"] == f"checkpoint-{STEPS}"
    assert same_outcome(folder, run)


def test_results_cut_short_do_not_count(run, run_copy, settings):
    (run_copy / "results.json").write_bytes((run / "results.json").read_bytes()[:500])
    run_with(settings, output_dir=str(run_copy))
    assert same_outcome(run_copy, run)


def test_moved_run_continues(run, with_checkpoints, settings, tmp_path):
    folder = rewind(with_checkpoints, tmp_path / "run", epochs=2)
    moved = folder.rename(tmp_path / "moved")
    run_with(settings, output_dir=str(moved))
    assert same_outcome(moved, run)


def _listen_to_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background inherits that it is ignored


def interrupt(settings, folder, number):
    """Starts the script, sends it a signal once its first checkpoint is whole; returns status and error output."""
    command = [sys.executable, str(ROOT / "run_corrupt_glue.py"), *to_flags(settings | {"output_dir": folder})]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=_listen_to_ctrl_c, **pipes) as process:
        until = time.monotonic() + 100
        while not list(folder.glob("checkpoint-*/trainer_state.json")) and process.poll() is None:
            assert time.monotonic() < until, "no checkpoint appeared"
            time.sleep(0.005)
        os.kill(process.pid, number)
        return process.wait(60), process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, status", [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 130)], ids=["KILL", "TERM", "INT"]
)
def test_interrupted_process_loses_nothing(settings, long_run, tmp_path, number, status):
    folder, more = tmp_path / "run", {"num_train_epochs": 8}
    found, errors = interrupt(settings | more, folder, number)
    assert found == status, errors
    assert not (folder / "results.json").exists()
    if number == signal.SIGINT:
        assert errors.strip().splitlines()[-1].startswith("interrupted: ") and "Traceback" not in errors
    results = run_with(settings | more, output_dir=str(folder))
    assert results["resumed_from"].startswith("checkpoint-")
    assert same_outcome(folder, long_run)


@pytest.fixture(scope="module")
def long_run(settings, tmp_path_factory):
    """The uninterrupted run of eight epochs."""
    folder = tmp_path_factory.mktemp("runs") / "long"
    run_with(settings, output_dir=str(folder), num_train_epochs=8)
    return folder
