"""Seconds of a scan of 100 points on 500 sentences of SST-2 with the embedded model.

    python tests/benchmarks/bench_scan.py [DATA_ROOT] [POINTS]

A process for each of: all layers x components (as many strengths as make POINTS points), and the same without taking
layers below the damage from memory. The goal is 4 minutes on two quiet cores, loading included. CPU seconds stand
beside, as other work on the machine lengthens the wall clock (and, through shared caches, CPU seconds a little).
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOAL = 240  # seconds
CODE = """
import json, sys
from healbert.arguments.scan import make_scan
from healbert.experiment import scan, scan_skip

if sys.argv[2] == "whole":
    scan_skip.ROOM = 0
print(len(scan.run_scan(make_scan(json.loads(sys.argv[1])))["points"]))
"""


def main():
    data = sys.argv[1] if len(sys.argv) > 1 else str(ROOT.parent / "shared" / "data")
    points = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    print(f"{'evaluation':<24} {'points':>6} {'seconds':>8} {'CPU s':>8}   (goal: {GOAL} s for 100 points)")
    files = [measure(how, data, points) for how in ("from the damage on", "whole")]
    print("figures are " + ("the same" if files[0] == files[1] else "NOT THE SAME"))


def measure(how, data, points):
    """Prints one line; returns what scan.json says of the points."""
    with tempfile.TemporaryDirectory() as folder:
        asked = {"task_name": "sst2", "data_root": data, "max_train_samples": 1000, "max_eval_samples": 500}
        asked |= {"corrupt_method": "gaussian_noise", "strengths": ",".join(f"{s / 10}" for s in strengths(points))}
        asked |= {"use_cpu": True, "output_dir": f"{folder}/scan"}
        command = [sys.executable, "-c", CODE, json.dumps(asked), how]
        wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        if done.returncode:
            sys.exit(done.stderr)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{how:<24} {done.stdout.split()[-1]:>6} {time.perf_counter() - wall:8.1f} {cpu:8.1f}", flush=True)
        return json.loads(pathlib.Path(folder, "scan", "scan.json").read_text())["points"]


def strengths(points):
    """As many strengths as bring 62 places (6 layers x 10 components, embeddings, pooler) to ``points`` or more."""
    return range(1, -(-points // 62) + 1)


if __name__ == "__main__":
    main()
