"""How CPU time and memory grow with the examples, the length of the texts, the layers and the runs of a sweep.

    python tests/benchmarks/bench_growth.py OUTPUT.png

Whole processes, imports and all, of a small BERT with random weights on made-up sentences; one axis grows at a time.
CPU seconds and not those of a clock: other work on the machine changes them little. Of each axis the exponent between
its last two points is printed, less what the smallest costs: 1 is growth in proportion. Exit status 1 if one is above
its target, or if memory grows with the runs.
"""

import argparse
import json
import math
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import yaml
from helpers.small import ROOT, make_rows, save_tiny_bert, write_csv

SIZES = {"hidden_size": 128, "intermediate_size": 512, "max_position_embeddings": 512}
BASE = {"examples": 1000, "length": 16, "layers": 2, "runs": 1}
AXES = {
    "examples": (1000, 4000, 16_000, 64_000),
    "length": (16, 64, 256, 512),
    "layers": (2, 6, 12, 24),
    "runs": (10, 100, 1000),
}
MOST = {"examples": 1.15, "length": 1.4, "layers": 1.15, "runs": 1.15}  # exponents; attention grows with the square
MORE_MEMORY = 1.5  # of the most runs, over that of the fewest


def measure(command):
    """CPU seconds of a command and its processes, and the most memory (MiB) that one of them held."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    quiet = os.open(os.devnull, os.O_WRONLY)
    process = os.posix_spawn(command[0], command, environment, file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1)])
    os.close(quiet)
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def command_of(folder, examples, length, layers, runs):
    """The command of one point, and what it needs on disk."""
    model = folder / f"bert-{layers}"
    if not model.exists():
        save_tiny_bert(model, num_hidden_layers=layers, **SIZES)
    rows = [(" ".join([text] * math.ceil(length / 8)), label) for text, label in make_rows(examples)]
    settings = {
        "model_name_or_path": str(model),
        "train_file": write_csv(folder / f"train-{examples}-{length}.csv", rows),
        "validation_file": write_csv(folder / f"validation-{length}.csv", rows[:100]),
        "max_seq_length": length,
        "num_train_epochs": 1,
        "corrupt_level": 0.5,
        "use_cpu": True,
        "torch_num_threads": 1,
        "disable_tqdm": True,
    }
    results = str(folder / f"results-{examples}-{length}-{layers}-{runs}")
    if runs == 1:
        flags = [f"--{name}={value}" for name, value in settings.items()]
        return [sys.executable, "-m", "healbert", "run", *flags, f"--output_dir={results}"]
    sweep = folder / f"sweep-{runs}.yaml"
    settings["max_train_samples"] = 32
    sweep.write_text(yaml.safe_dump({"base": settings, "grid": {"seed": list(range(runs))}}))
    return [sys.executable, "-m", "healbert", "sweep", str(sweep), "--output_dir", results, "--workers", "1"]


def draw(found, path):
    """Draws CPU seconds and memory over each axis."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    for column, (axis, points) in enumerate(found.items()):
        for row, title in enumerate(("CPU seconds", "peak memory, MiB")):
            panel = figure.add_subplot(2, len(found), row * len(found) + column + 1)
            panel.plot(list(points), [point[row] for point in points.values()], "o-")
            panel.set(xscale="log", yscale="log" if row == 0 else "linear", xlabel=axis, title=title)
            panel.set_xticks(list(points), labels=[f"{value:,}" for value in points])
            panel.xaxis.set_minor_locator(NullLocator())
            if row == 0:
                panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                panel.yaxis.set_minor_locator(NullLocator())
            else:
                panel.set_ylim(0, 1.1 * max(memory for _, memory in points.values()))
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
            panel.grid(True, alpha=0.3)
    figure.savefig(path, dpi=80)


def growth(points):
    """The exponent of CPU seconds between the last two points, each less those of the first."""
    (smallest, _), *_ = points.values()
    (x, (y, _)), (last_x, (last_y, _)) = [*points.items()][-2:]
    return math.log((last_y - smallest) / (y - smallest)) / math.log(last_x / x)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", help="the picture; the figures lie beside it as .json")
    parser.add_argument("--axis", nargs="+", choices=AXES, default=list(AXES), help="which grow (default: all)")
    options = parser.parse_args()
    found, failed = {}, False
    with tempfile.TemporaryDirectory() as folder:
        for axis in options.axis:
            found[axis] = {}
            for value in AXES[axis]:
                cpu, memory = measure(command_of(pathlib.Path(folder), **BASE | {axis: value}))
                found[axis][value] = (cpu, memory)
                print(f"{axis} {value:,}: {cpu:.1f} CPU s, {memory:,.0f} MiB", flush=True)
            exponent, memories = growth(found[axis]), [memory for _, memory in found[axis].values()]
            flat = memories[-1] / memories[0]
            print(f"{axis}: grows by the power of {exponent:.2f} (target {MOST[axis]}), memory {flat:.2f} times")
            failed |= exponent > MOST[axis] or (axis == "runs" and flat > MORE_MEMORY)
    draw(found, options.output)
    pathlib.Path(options.output).with_suffix(".json").write_text(json.dumps(found, indent=2))
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
