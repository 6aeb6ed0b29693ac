"""What a sweep costs beside its runs, what a second worker brings, and how fast large grids are planned.

    python tests/benchmarks/bench_sweep.py

1. Fifty runs of a tiny model, one worker: wall time less the time inside the runs, at most 0.5 s a run.
2. Small runs of the embedded model (12 docstrings of 32 tokens, one epoch): two workers of half the threads each
   finish at least 1.5 times the runs per hour of one worker with all of them, counted from the first result on
   (the second with two workers), as starting is paid once. Rounds alternate; medians are compared. The larger the
   runs, the less a second worker brings: the matrix products of one run keep all cores busy, too.
3. 10,000 runs, half of them on disk: expanded, hashed and checked in at most 20 s.
4. `sweep --dry_run` of 100,000 runs: at most 60 s and 1 GB.
Exit status 1 if a target is missed.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.small import make_rows, save_tiny_bert, write_csv

PLAN = """
import sys, time
from healbert.sweep.plan import make_plan
from healbert.sweep.sweep_file import read_sweep
import transformers.training_args  # what any command pays
start = time.perf_counter()
plan = make_plan(read_sweep(sys.argv[1]), sys.argv[2])
print(len(plan.runs), len(plan.in_state("completed")), time.perf_counter() - start)
"""


def sweep_command(path, folder, workers):
    """Seconds of a whole `python -m healbert sweep`, the sum of the seconds inside its runs, and runs per hour."""
    command = [sys.executable, "-m", "healbert", "sweep", str(path), "--output_dir", str(folder)]
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "--workers", str(workers)], check=True, env=environment, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    results = list(pathlib.Path(folder).glob("*/results.json"))
    inside = sum(sum(json.loads(result.read_text())["timing"].values()) for result in results)
    ends = sorted(result.stat().st_mtime for result in results)[workers - 1 :]
    return wall, inside, 3600 * (len(ends) - 1) / (ends[-1] - ends[0])


def write_sweep(path, base, **grid):
    path.write_text(yaml.safe_dump({"base": {"use_cpu": True, "num_train_epochs": 1, **base}, "grid": grid}))
    return path


def own_cost(folder):
    base = {
        "model_name_or_path": save_tiny_bert(folder / "tiny"),
        "train_file": write_csv(folder / "train.csv", make_rows(96, 1)),
        "validation_file": write_csv(folder / "validation.csv", make_rows(42, 2)),
        "per_device_train_batch_size": 8,
        "corrupt_level": 0.5,
    }
    path = write_sweep(folder / "tiny.yaml", base, corrupt_region=["bottom", "top"], seed=list(range(25)))
    wall, inside, _ = sweep_command(path, folder / "own", workers=1)
    cost = (wall - inside) / 50
    print(f"50 tiny runs: {wall:.1f} s, inside the runs {inside:.1f} s: {cost:.2f} s a run (at most 0.5)")
    return cost > 0.5


def second_worker(folder, rounds, runs):
    base = {"max_train_samples": 12, "max_eval_samples": 12, "max_seq_length": 32, "corrupt_level": 0.5}
    path = write_sweep(folder / "small.yaml", base, seed=list(range(runs)))
    rates = {1: [], 2: []}
    for number in range(rounds):
        for workers, found in rates.items():
            wall, _, rate = sweep_command(path, folder / f"workers{workers}-{number}", workers)
            found.append(rate)
            whole = f"{3600 * runs / wall:.0f} with start and end"
            print(f"round {number + 1}  {workers} worker(s)  {rate:7.0f} runs/h ({whole})", flush=True)
    one, two = (statistics.median(rates[workers]) for workers in (1, 2))
    print(f"two workers reach {two / one:.2f} times the runs per hour of one (target: 1.5)")
    return two / one < 1.5


def large_plan(folder):
    seeds, rates = list(range(500)), [1e-5 * k for k in range(1, 11)]
    path = write_sweep(
        folder / "large.yaml", {"corrupt_level": 0.5}, corrupt_region=["bottom", "top"], learning_rate=rates, seed=seeds
    )
    plan(path, folder / "large", half=True)
    runs, done, seconds = plan(path, folder / "large")
    print(f"{runs} runs, {done} of them on disk: planned in {seconds:.1f} s (at most 20)")
    return seconds > 20 or runs != 10_000 or done != 5_000


def largest_plan(folder):
    axes = {"corrupt_region": ["bottom", "top"], "learning_rate": [1e-5 * k for k in range(1, 11)]}
    path = write_sweep(folder / "largest.yaml", {"corrupt_level": 0.5}, **axes, seed=list(range(5000)))
    command = [sys.executable, "-m", "healbert", "sweep", str(path), "--output_dir", str(folder / "none"), "--dry_run"]
    start = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds, cpu, memory = time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20
    print(f"100000 runs: planned in {seconds:.1f} s ({cpu:.1f} CPU s) and {memory:.2f} GB (at most 60 s and 1 GB)")
    return bool(status) or seconds > 60 or memory > 1


def plan(path, folder, half=False):
    if half:
        from healbert.sweep.plan import make_plan
        from healbert.sweep.sweep_file import read_sweep

        for run in make_plan(read_sweep(path), folder).runs[::2]:
            run.folder.mkdir(parents=True)
            results = {
                "schema_version": 1,
                "status": "completed",
                "config": run.arguments.settings(),
                "timing": {"heal": 1},
            }
            (run.folder / "results.json").write_text(json.dumps(results))
        return None
    command = [sys.executable, "-c", PLAN, str(path), str(folder)]
    done = subprocess.run(
        command, check=True, text=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    runs, finished, seconds = done.stdout.split()
    return int(runs), int(finished), float(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        missed = [
            large_plan(folder),
            largest_plan(folder),
            own_cost(folder),
            second_worker(folder, options.rounds, options.runs),
        ]
    sys.exit(int(any(missed)))


if __name__ == "__main__":
    main()
