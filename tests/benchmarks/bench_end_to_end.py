"""Whole processes, imports and all: a run, a sweep and probes here, beside a plain Trainer's script (stock.py).

    python tests/benchmarks/bench_end_to_end.py --data_root ../shared/data [--part run] [--repeats 3] [--examples 4000]

The same sentences of SST-2 for both, the embedded model, batch 32, rate 5e-5, one epoch, all CPU cores.
Both take turns; medians of wall seconds and of CPU seconds (which other work on the machine disturbs less), how many
times as fast as stock.py at its best flags in the same precision, and weighted F1 by seeds, of which each turn has one.

run     One run, evaluated before healing and after the epoch, against one stock.py, which evaluates once; in float32
        and bfloat16.
sweep   Eight damages (25, 50, 75, 100%, bottom and top) with --workers 2, against eight stock.py one after the other,
        of which --loop are run (they train alike, damaged or not); the rest is extrapolated from them.
probes  Linear probes of ten epochs, 3 rates x 3 seeds x 8 damages, as a sweep with --workers 2, against 72 stock.py
        with a frozen encoder, of which --loop are run; the rest is extrapolated.
default One run against stock.py as the example is by default: padded to 128 tokens, evaluated by 8.
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

import pandas
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from healbert.models.embedded import model_folder

RATE, PROBE_EPOCHS, SEED = 5e-5, 10, 0
LEVELS, REGIONS = [0.25, 0.5, 0.75, 1.0], ["bottom", "top"]
PRECISIONS = {"float32": [], "bfloat16": ["--bf16"]}


class Bench:
    """Processes in a folder of their own, with the data that both sides read."""

    def __init__(self, folder, options):
        self.folder, self.options, self.made = pathlib.Path(folder), options, 0
        source = pathlib.Path(options.data_root) / "sst2"
        self.files = {name: self.folder / f"{name}.parquet" for name in ("train", "validation")}
        for name, path in self.files.items():
            rows = pandas.read_parquet(source / f"{name}.parquet")
            rows = rows.sample(options.examples, random_state=SEED) if name == "train" else rows
            rows[["sentence", "label"]].to_parquet(path)

    def stock(self, *flags, seed=0):
        """Wall and CPU seconds of stock.py, and its weighted F1."""
        files = [part for name, path in self.files.items() for part in (f"--{name}", path)]
        where = ["--model", model_folder(), *files, "--output_dir", self._new()]
        command = [ROOT / "tests" / "benchmarks" / "stock.py", *where, "--seed", seed, "--learning_rate", RATE, *flags]
        *seconds, printed = self._timed(command)
        return *seconds, json.loads(printed.splitlines()[-1])["f1_weighted"]

    def run(self, *flags, seed=0):
        """The same of one run here, undamaged."""
        out = self._new()
        given = {**self._base(), "num_train_epochs": 1, "learning_rate": RATE, "seed": seed, "output_dir": out}
        given = [part for name, value in given.items() for part in (f"--{name}", value)]
        *seconds, _ = self._timed([ROOT / "run_corrupt_glue.py", *given, *flags])
        return *seconds, json.loads((out / "results.json").read_text())["metrics"]["healed"]["f1_weighted"]

    def sweep(self, base, **grid):
        """The same of a sweep; the mean of the weighted F1 of its runs."""
        out, path = self._new(), self._new().with_suffix(".yaml")
        damages = {"corrupt_level": LEVELS, "corrupt_region": REGIONS}
        path.write_text(yaml.safe_dump({"base": self._base() | base, "grid": damages | grid}))
        *seconds, _ = self._timed(["-m", "healbert", "sweep", path, "--output_dir", out, "--workers", 2])
        results = [json.loads(found.read_text()) for found in out.glob("*/results.json")]
        return *seconds, statistics.mean(found["metrics"]["healed"]["f1_weighted"] for found in results)

    def _base(self):
        names = {"train_file": "train", "validation_file": "validation"}
        files = {flag: str(self.files[name]) for flag, name in names.items()}
        return {**files, "text_column_names": "sentence", "use_cpu": True, "disable_tqdm": True}

    def _new(self):
        self.made += 1
        return self.folder / f"out{self.made}"

    def _timed(self, command):
        began, printed = time.perf_counter(), self.folder / "printed"
        with printed.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, *map(str, command)],
                stdout=stream,
                env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
            )
            _, status, used = os.wait4(process.pid, 0)  # with what its own processes used
        if status:
            sys.exit(f"{' '.join(map(str, command))} ended with status {status}")
        return time.perf_counter() - began, used.ru_utime + used.ru_stime, printed.read_text()


def part_run(bench):
    ways = {}
    for precision, flags in PRECISIONS.items():
        ways[f"one run, {precision}"] = lambda seed, flags=flags: bench.run(*flags, seed=seed)
        ways[f"stock at its best, {precision}"] = lambda seed, flags=flags: bench.stock(*flags, seed=seed)
    found = in_turn(ways, bench.options.repeats)
    for precision in PRECISIONS:
        report({name: found[name] for name in found if precision in name}, f"stock at its best, {precision}")


def part_sweep(bench):
    for precision, flags in PRECISIONS.items():
        base = {"num_train_epochs": 1, "learning_rate": RATE, "bf16": bool(flags)}
        ways = {
            f"sweep of 8, {precision}": lambda _, base=base: bench.sweep(base),
            f"8 of stock, {precision}": lambda seed, flags=flags: bench_loop(bench, 8, flags, seed),
        }
        report(in_turn(ways, bench.options.repeats), f"8 of stock, {precision}")


def part_probes(bench):
    base = {"num_train_epochs": PROBE_EPOCHS, "healing": "linear_probe"}
    axes = {"learning_rate": [1e-3, 3e-3, 1e-2], "seed": [0, 1, 2]}
    flags = ["--frozen", "--epochs", PROBE_EPOCHS, "--learning_rate", 3e-3]
    ways = {
        "72 probes": lambda _: bench.sweep(base, **axes),
        "72 of stock, frozen": lambda seed: bench_loop(bench, 72, flags, seed),
    }
    report(in_turn(ways, bench.options.repeats), "72 of stock, frozen")


def part_default(bench):
    for precision, flags in PRECISIONS.items():
        ways = {
            f"one run, {precision}": lambda seed, flags=flags: bench.run(*flags, seed=seed),
            f"stock by default, {precision}": lambda seed, flags=flags: bench.stock("--plain", *flags, seed=seed),
        }
        report(in_turn(ways, bench.options.repeats), f"stock by default, {precision}")


def bench_loop(bench, count, flags, seed):
    """What a loop of stock.py takes, from the first of them: wall and CPU seconds of all, mean weighted F1."""
    done = [bench.stock(*flags, seed=seed + place) for place in range(min(count, bench.options.loop))]
    wall, cpu, score = (statistics.mean(values) for values in zip(*done, strict=True))
    return wall * count, cpu * count, score


def in_turn(ways, repeats):
    """{name: list of (wall seconds, CPU seconds, weighted F1)}, each way once in every turn."""
    found = {name: [] for name in ways}
    for turn in range(repeats):
        for name, way in ways.items():
            found[name].append(way(turn))
            wall, cpu, score = found[name][-1]
            print(f"turn {turn + 1}  {name:<34} {wall:8.1f} s {cpu:8.1f} CPU s  F1 {score:.4f}", flush=True)
    return found


def report(found, base):
    """Prints the medians, and how many times as fast each way is as that which is called ``base``."""
    medians = {
        name: [statistics.median(values) for values in zip(*turns, strict=True)] for name, turns in found.items()
    }
    for name, (wall, cpu, _) in medians.items():
        scores = [score for *_, score in found[name]]
        ratios = f"{medians[base][0] / wall:5.2f} times as fast, by CPU seconds {medians[base][1] / cpu:5.2f}"
        spread = f"F1 {statistics.mean(scores):.4f} ({min(scores):.4f} to {max(scores):.4f})"
        print(f"median  {name:<34} {wall:8.1f} s {cpu:8.1f} CPU s  {ratios}; {spread}", flush=True)


PARTS = {"run": part_run, "sweep": part_sweep, "probes": part_probes, "default": part_default}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_root", required=True)
    parser.add_argument("--part", choices=PARTS, help="this one alone")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--examples", type=int, default=4000)
    parser.add_argument("--loop", type=int, default=2, help="processes of a loop of stock.py that are run (default: 2)")
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.2f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder, options)
        for name, part in PARTS.items():
            if options.part in (None, name):
                part(bench)


if __name__ == "__main__":
    main()
