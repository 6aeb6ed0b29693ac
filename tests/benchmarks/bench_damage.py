"""Seconds and memory of every method of damage on a model of BERT-Base's size, its receipt included.

    python tests/benchmarks/bench_damage.py [METHOD[:OPTIONS] ...]

Each method has a process of its own, so that memory is its own: the peak above the model and torch. The goal is 4 s and
1.3 times the model's 438 MB on two cores.

Then, side by side, other ways to flip each bit of the encoder with the probability 1e-6: a mask with a random
number for each bit; a loop over the weights, on a sample (both written out here); and pytorchfi 0.6.0, which flips in
one weight at a time in a copy of the model, where it can be imported (PYTHONPATH). The last two are extrapolated.
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

FLIPS = """
import random, time, warnings
import numpy as np
import torch
from transformers import BertConfig, BertModel
from healbert import CorruptionSpec, corrupt

warnings.simplefilter("ignore")
RATE, SAMPLE, generator = 1e-6, 300_000, np.random.default_rng(0)
model = BertModel(BertConfig())
weights = [p.data for p in model.encoder.parameters()]
total = sum(w.numel() for w in weights)


def mask():
    for weight in weights:
        codes = weight.flatten().numpy().view(np.uint32)
        for bit in range(32):
            codes ^= (generator.random(codes.size, dtype=np.float32) < RATE).astype(np.uint32) << np.uint32(bit)


def loop():
    codes = weights[0].flatten()[:SAMPLE].clone().numpy().view(np.uint32)
    for index in range(codes.size):
        for bit in range(32):
            if random.random() < RATE:
                codes[index] ^= np.uint32(1 << bit)


def one_with_pytorchfi():
    def flipped(weight, place):
        return torch.tensor(np.float32(weight[place].item()).view(np.uint32) ^ np.uint32(1 << 7)).view(torch.float32)

    injector.declare_weight_fi(function=flipped, layer_num=[3], k=[5], dim1=[7], dim2=[None], dim3=[None])


def measure(name, run, times=1):
    cpu = time.process_time()
    run()
    print(f"{name:<40} {(time.process_time() - cpu) * times:10.1f}", flush=True)


corrupt(model, CorruptionSpec(components="bias"), undoable=False)
spec = CorruptionSpec(level=1, method="bit_flip", strength=RATE)
measure("bit_flip, its receipt included", lambda: corrupt(model, spec, undoable=False))
measure("a mask of random bits", mask)
measure("a loop over the weights (extrapolated)", loop, total / SAMPLE)
try:
    from pytorchfi.core import fault_injection
except ImportError:
    print("pytorchfi cannot be imported")
else:
    class Encoder(torch.nn.Module):  # pytorchfi runs its model once, on numbers that BERT does not take
        def __init__(self):
            super().__init__()
            self.encoder = model.encoder

        def forward(self, values):
            return values

    injector = fault_injection(Encoder(), 1, [1], layer_types=[torch.nn.Linear])
    measure("pytorchfi (extrapolated)", one_with_pytorchfi, total * 32 * RATE)
"""


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
    if not sys.argv[1:]:
        print(f"\n{'flips of 1e-6 of all bits':<40} {'CPU s':>10}", flush=True)
        path = os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
        subprocess.run([sys.executable, "-c", FLIPS], check=True, env=os.environ | {"PYTHONPATH": path})


if __name__ == "__main__":
    main()
