"""Runs of a second or two, and what is read of their folders."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas

from healbert import make_arguments, run_experiment
from healbert.healing.checkpoints import MANIFEST

from .small import ROOT, to_flags

EPOCHS = 4


STEPS = 12  # of an epoch: 96 examples in batches of 8


METRICS = ("f1_weighted", "accuracy", "f1_macro", "loss")


def run_with(settings, cache=None, **more):
    return run_experiment(make_arguments(**settings | more), cache)


def read(folder, name="results.json"):
    return json.loads((pathlib.Path(folder) / name).read_text())


def predictions(folder, name="predictions.parquet"):
    return pandas.read_parquet(pathlib.Path(folder) / name)


def logits(folder):
    return np.stack(predictions(folder)["logits"])


def hand_metrics(frame):
    """Weighted F1, accuracy, macro F1 and loss from scratch."""
    label, predicted = frame["label"].to_numpy(), frame["prediction"].to_numpy()
    scores, weights = [], []
    for c in np.unique(np.concatenate([label, predicted])):
        hits = ((label == c) & (predicted == c)).sum()
        scores.append(2 * hits / ((label == c).sum() + (predicted == c).sum()))
        weights.append((label == c).sum())
    scaled = np.exp(np.stack(frame["logits"]).astype(float))
    chosen = scaled[np.arange(len(label)), label] / scaled.sum(1)
    return {
        "f1_weighted": np.average(scores, weights=weights),
        "accuracy": (label == predicted).mean(),
        "f1_macro": np.mean(scores),
        "loss": -np.log(chosen).mean(),
    }


def state_of(folder):
    """Every file with its content and time, to see that nothing was touched."""
    files = sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file())
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def same_outcome(folder, uninterrupted):
    """Whether two runs came to the same metrics and logits, bit for bit."""
    one, other = read(folder), read(uninterrupted)
    assert one["metrics"] == other["metrics"]
    assert one["best_epoch"] == other["best_epoch"]
    assert (logits(folder) == logits(uninterrupted)).all()
    assert not list(pathlib.Path(folder).glob("checkpoint-*"))
    return True


def rewind(with_checkpoints, folder, epochs):
    """A copy of the run as a kill after so many epochs would have left it."""
    shutil.copytree(with_checkpoints, folder)
    for name in ("results.json", "predictions.parquet", "trainer_state.json", "config.json", "model.safetensors"):
        (folder / name).unlink()
    for checkpoint in folder.glob("checkpoint-*"):
        if int(checkpoint.name.rpartition("-")[2]) > epochs * STEPS:
            shutil.rmtree(checkpoint)
    return folder


def _listen_to_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background inherits that it is ignored


def interrupt(settings, folder, number):
    """Starts the script, sends it a signal once its first checkpoint is whole; returns status and error output."""
    command = [sys.executable, str(ROOT / "run_corrupt_glue.py"), *to_flags(settings | {"output_dir": folder})]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=_listen_to_ctrl_c, **pipes) as process:
        until = time.monotonic() + 100
        while not list(folder.glob(f"checkpoint-*/{MANIFEST}")) and process.poll() is None:
            assert time.monotonic() < until, "no checkpoint appeared"
            time.sleep(0.005)
        os.kill(process.pid, number)
        return process.wait(60), process.stderr.read()
