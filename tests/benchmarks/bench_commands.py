"""Time and memory of the commands that a new user types first.

    python tests/benchmarks/bench_commands.py

The default command: at most 120 s and 2.5 GB over all its processes. --help and a wrong flag: at most 8 s.
Corruption with its receipt: less than loading the model, both in the same fresh process.
Exit status 1 if a target is missed.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

import psutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = str(ROOT / "run_corrupt_glue.py")
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", SCRIPT]

LOAD_AND_CORRUPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from transformers import AutoModel
from healbert.damage.spec import CorruptionSpec
from healbert.damage.apply import corrupt
from healbert.models.embedded import model_folder
folder = model_folder()
start = time.perf_counter()
model = AutoModel.from_pretrained(folder)
loaded = time.perf_counter()
corrupt(model, CorruptionSpec(level=1.0))
print(loaded - start, time.perf_counter() - loaded)
"""


def measure(command):
    """Seconds, and the highest resident memory in MB of the process and its children together."""
    start, highest = time.perf_counter(), 0
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        highest = max(highest, resident(process))
        time.sleep(0.2)
    return time.perf_counter() - start, highest / 1e6


def resident(process):
    try:
        return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def main():
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        default = [*LAUNCH, "--corrupt_level", "0.5", "--corrupt_region", "bottom", "--output_dir", f"{folder}/run"]
        rows = [
            ("default command", default, 120, 2500),
            ("--help", [sys.executable, SCRIPT, "--help"], 8, None),
            ("--help, launched", [*LAUNCH, "--help"], 8, None),
            ("wrong flag", [sys.executable, SCRIPT, "--corupt_level", "1"], 8, None),
        ]
        for name, command, seconds, memory in rows:
            took, highest = measure(command)
            print(f"{name:<18} {took:6.1f} s (at most {seconds}), {highest:6.0f} MB (at most {memory})", flush=True)
            missed |= took > seconds or (memory is not None and highest > memory)
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_CORRUPT, str(ROOT)], capture_output=True, text=True, check=True
    )
    load, damage = map(float, done.stdout.split())
    print(f"loading {load:.2f} s, corruption of the whole encoder with receipt {damage:.2f} s")
    sys.exit(int(missed or damage >= load))


if __name__ == "__main__":
    main()
