"""A full report of 2,000 made-up runs: seconds and peak memory, processes that it starts included.

    python tests/benchmarks/bench_report.py

Five data sets of 872 to 7,600 evaluation examples and 2 to 20 classes, six kinds of damage method, all levels and
regions, three learning rates, three seeds; some runs failed, some diverged, some with probes and features. Exit status
1 if a target is missed.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import psutil
from helpers.report_runs import Maker, add_insides

RUNS, SECONDS, GIB = 2000, 30, 0.75
DATASETS = {
    "sst2": (["negative", "positive"], 872),
    "emotion": ("sadness joy love anger fear surprise".split(), 2000),
    "twitter_financial_news_topic": ([f"topic {i}" for i in range(20)], 4117),
    "dbpedia_14": ([f"class {i}" for i in range(14)], 5000),
    "ag_news": ("world sports business science".split(), 7600),
}
METHODS = ("kaiming_uniform", "kaiming_normal", "xavier_uniform", "zeros", "shuffle", "gaussian")
RATES = (1e-5, 2e-5, 5e-5)


def make_runs(folder):
    """Writes the runs: 2,000 with the failed and diverged ones."""
    maker = Maker(folder, DATASETS, epochs=10)
    maker.sweep(levels=(0,), rates=RATES)
    for method in METHODS:
        maker.sweep(levels=(0.25, 0.5, 0.75, 1), rates=RATES, corrupt_method=method)
    for run in sorted(folder.iterdir())[:24]:
        add_insides(run, examples=500, dimensions=64)
    seed = 10
    while maker.count < RUNS:
        status = ("failed", "diverged")[maker.count % 2]
        maker.run("sst2", 0.5, "top", 5e-5, seed + maker.count // 2, status=status)


def measure(command):
    """Runs a command; seconds, peak resident GiB of its process tree, exit status."""
    start, peak = time.perf_counter(), 0
    process = psutil.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        resident = 0
        for member in [process, *process.children(recursive=True)]:
            try:
                resident += member.memory_info().rss
            except psutil.NoSuchProcess:  # ended meanwhile
                continue
        peak = max(peak, resident)
        time.sleep(0.05)
    return time.perf_counter() - start, peak / 2**30, process.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", help="make the runs in this folder, or use those that are there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = pathlib.Path(options.keep or folder) / "runs"
        if not runs.exists():
            make_runs(runs)
        command = [sys.executable, "-m", "healbert", "report", str(runs), "-o", str(pathlib.Path(folder) / "report")]
        count = len(list(runs.iterdir()))
        seconds, gib, status = measure(command)
    print(f"{count:,} runs  {seconds:.1f} s (target {SECONDS})  {gib:.2f} GiB (target {GIB})")
    if status or seconds > SECONDS or gib > GIB:
        print("missed" if not status else f"failed with status {status}")
        sys.exit(1)


if __name__ == "__main__":
    main()
