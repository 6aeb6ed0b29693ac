"""Time and memory of reading a CSV of one million short rows (about 120 MB) and turning its labels into classes.

    python tests/benchmarks/bench_reading.py

Also measured: the file read again from the cache, and a whole task whose two splits it is.

Compared with `datasets.load_dataset("csv")`, which checks nothing: at most 3 s and 300 MB more. Each way is a fresh
process with an empty cache, the two in turn, three times; the medians count. Exit status 1 if the target is missed.
"""

import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

ROWS = 1_000_000

MORE_SECONDS, MORE_MB = 3, 300

# The highest resident memory holds the imports, too, which are the same in both.
MEASURE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
import datasets, pyarrow
datasets.disable_progress_bars()
file, cache = sys.argv[2:]
start, cpu = time.perf_counter(), time.process_time()
{way}
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
print(json.dumps([seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(rows)]))
"""

DATASETS = """
rows = datasets.load_dataset("csv", data_files=file, cache_dir=cache, keep_default_na=False, split="train")
"""

HEALBERT = """
from healbert.tasks.files.store import read_file
from healbert.tasks.labels import encode_labels, find_classes
rows, _ = read_file(file, cache_dir=cache)
encode_labels(rows, find_classes(rows), "train")
"""

TASK = """
from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.tasks.load import load_task
task = load_task(DataArguments(train_file=file, validation_file=file), ModelArguments(cache_dir=cache))
rows = task.splits["train"]
"""

AGAIN = HEALBERT.replace(
    "rows, _ =", "read_file(file, cache_dir=cache)\nstart, cpu = time.perf_counter(), time.process_time()\nrows, _ ="
)


def write_rows(path):
    rng = random.Random(0)
    words = "the film was good bad and we saw it once more with a great cast of people in town".split()
    texts = [" ".join(rng.choices(words, k=24)) for _ in range(10_000)]
    with open(path, "w", encoding="utf-8") as file:
        file.write("text,label\n")
        file.writelines(f"{texts[i % 10_000]} {i},{i % 3}\n" for i in range(ROWS))


def measure(way, file):
    """Seconds, those of the processor, and the highest resident memory in MB, of one fresh process."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", MEASURE.format(way=way), str(ROOT), str(file), cache]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, cpu, memory, rows = json.loads(done.stdout.splitlines()[-1])
    if rows != ROWS:
        raise SystemExit(f"{rows} rows were read, not {ROWS}")
    return seconds, cpu, memory


def main():
    ways = {"datasets, unchecked": DATASETS, "healbert": HEALBERT, "healbert, from cache": AGAIN}
    ways["healbert, whole task"] = TASK  # with a fingerprint of all texts; torch and transformers are imported within
    measured = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "rows.csv"
        write_rows(file)
        print(f"{file.stat().st_size / 1e6:.0f} MB, {ROWS:,} rows")
        for _ in range(3):
            for name, way in ways.items():
                measured[name].append(measure(way, file))
    middle = {
        name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in measured.items()
    }
    for name, (seconds, cpu, memory) in middle.items():
        print(f"{name:<22} {seconds:5.2f} s ({cpu:5.2f} s of the processor), {memory:5.0f} MB")
    more = [ours - theirs for ours, theirs in zip(middle["healbert"], middle["datasets, unchecked"], strict=True)]
    print(
        f"reading and checking costs {more[0]:+.2f} s (at most {MORE_SECONDS}), {more[2]:+.0f} MB (at most {MORE_MB})"
    )
    sys.exit(int(more[0] > MORE_SECONDS or more[2] > MORE_MB))


if __name__ == "__main__":
    main()
