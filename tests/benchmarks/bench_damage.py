"""Seconds and memory of every method of damage on a model of BERT-Base's size, its receipt included.

    python tests/benchmarks/bench_damage.py [METHOD[:OPTIONS] ...]

Each method has a process of its own, so that memory is its own: the peak above the model and torch. The goal is 4 s and
1.3 times the model's 438 MB on two cores. low_rank and orthogonal, which decompose 72 matrices, take longer.
"""

import os
import pathlib
import subprocess
import sys

ROOT = str(pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, ROOT)

MEASURE = """
import resource, sys, time, warnings
import torch
from transformers import BertConfig, BertModel
from healbert import CorruptionSpec, corrupt

warnings.simplefilter("ignore")
torch.manual_seed(0)
model = BertModel(BertConfig())
corrupt(model, CorruptionSpec(components="bias"), undoable=False)  # what is imported and allocated once
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
method, _, options = sys.argv[1].partition(":")
place = {"layers": "0-5"} if method == "drop_layers" else {"level": 1}
spec = CorruptionSpec(method=method, options=options or None, **place)
wall, cpu = time.perf_counter(), time.process_time()
corrupt(model, spec, undoable=False)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(wall, cpu, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
RATES = [f"bit_flip:rate={rate}" for rate in ("1e-9", "1e-6", "1e-4", "1e-2")]


def main():
    from healbert.damage.methods import METHODS

    plain = [name for name in METHODS if not METHODS[name].donor and name != "bit_flip"]
    print(f"{'method':<28} {'seconds':>8} {'CPU s':>8} {'MB more':>8}")
    for name in sys.argv[1:] or [*plain, *RATES, "magnitude_prune:scope=all", "random_prune:scope=all"]:
        command = [sys.executable, "-c", MEASURE, name]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": ROOT}
        )
        wall, cpu, memory = map(float, done.stdout.split()[-3:])
        print(f"{name:<28} {wall:8.2f} {cpu:8.2f} {memory:8.0f}", flush=True)


if __name__ == "__main__":
    main()
