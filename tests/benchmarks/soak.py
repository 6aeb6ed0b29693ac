"""Kills, at random, what makes the runs of a sweep, damages files in between, and looks for what was lost.

    python tests/benchmarks/soak.py --kills 300 --minutes 60 --seed 0

Rounds of one small sweep (a tiny model, runs of a few seconds): sweeps, their workers and single runs are ended by
kill -9 at random moments; when nothing is alive any more, files of unfinished and finished runs are cut short, emptied
or deleted. Then the sweep runs to its end, and is compared with one that nobody disturbed. A fault is: a finished run
that is made again or lost, other figures, a traceback of a sweep, a process that stays, a file that does not belong.
Prints counts. Exit status 1 if there is a fault; the folder of its round is kept then.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import psutil
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.small import make_rows, save_tiny_bert, to_flags, write_csv

MARK = "HEALBERT_SOAK"  # in the environment of all that is started here, by which it is found again
ENDING = 15.0  # seconds in which what belongs to a killed process has to be gone
SPOIL = ("cut", "empty", "delete")
OF_CHECKPOINTS = (
    *("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "config.json"),
    *("healbert_manifest.json", "training_args.bin"),
)


class Soak:
    """One long attack on one sweep after the other."""

    def __init__(self, folder, seed):
        self.folder, self.random, self.counts = folder, random.Random(seed), collections.Counter()
        self.faults, self.sweep_file, self.spoiled = [], folder / "sweep.yaml", set()
        (folder / "tmp").mkdir()
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), MARK: str(folder)}
        self.environment["XDG_RUNTIME_DIR"] = str(folder / "tmp")
        self.environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        self.base = {
            "model_name_or_path": save_tiny_bert(folder / "model"),
            "train_file": write_csv(folder / "train.csv", make_rows(96, seed=1)),
            "validation_file": write_csv(folder / "validation.csv", make_rows(42, seed=2)),
            "num_train_epochs": 20,
            "per_device_train_batch_size": 8,
            "learning_rate": 1e-3,
            "use_cpu": True,
            "torch_num_threads": 1,
        }
        grid = {"corrupt_level": [0, 0.5, 1], "seed": [1, 2, 3]}
        self.sweep_file.write_text(yaml.safe_dump({"base": self.base, "grid": grid}))
        self.calm = folder / "calm"
        assert self.start_sweep(self.calm).wait() == 0, (folder / "calm.log").read_text()
        self.runs = {path.parent.name: read(path)["config"] for path in self.calm.glob("*/results.json")}

    def start_sweep(self, output_dir):
        options = ["--workers", "3", "--retry_failed"]
        return self._start(output_dir, "sweep", str(self.sweep_file), "--output_dir", str(output_dir), *options)

    def start_run(self, output_dir, name):
        config = self.runs[name]
        settings = self.base | {"corrupt_level": config["corrupt_level"], "seed": config["seed"]}
        return self._start(output_dir, "run", *to_flags(settings | {"output_dir": output_dir / name}))

    def _start(self, output_dir, *command):
        with open(f"{output_dir}.log", "a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "healbert", *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )

    # ---------------------------------------------------------------- one round

    def attack(self, number, kills, until):
        """One sweep, killed and damaged until it is done, or until there were enough kills; then its comparison."""
        folder, known = self.folder / f"round{number}", {}
        while self.kills() < kills and time.monotonic() < until:
            if self._done(folder) == self.runs.keys():
                break
            (self._attack_run if self.random.random() < 0.2 else self._attack_sweep)(folder)
            self._wait_for_the_end(folder)
            known = self._look_at_finished(folder, known)
            self._damage(folder, known)
            print(f"{self.kills()} kills, {len(known)} of {len(self.runs)} runs finished", flush=True)
        process = self.start_sweep(folder)
        if process.wait() != 0:
            self._fault(folder, f"the sweep ended with status {process.returncode}")
        self._wait_for_the_end(folder)
        self._look_at_finished(folder, known)
        self._compare(folder)
        self.counts["rounds"] += 1

    def _attack_sweep(self, folder):
        process = self.start_sweep(folder)
        self.counts["sweeps started"] += 1
        for _ in range(self.random.choice((2, 4, 8, 12))):
            # While a worker imports, or some time into its runs.
            seconds = self.random.uniform(0, 2) if self.random.random() < 0.5 else self.random.uniform(5, 25)
            if not self._wait(process, seconds):
                break
            workers = workers_of(process)
            for worker in self.random.sample(workers, min(len(workers), self.random.choice((1, 2, 3)))):
                self._kill(worker, "worker killed")
        if process.poll() is None:
            self._kill(psutil.Process(process.pid), "sweep killed")
        process.wait()

    def _attack_run(self, folder):
        left = sorted(self.runs.keys() - self._done(folder))
        process = self.start_run(folder, self.random.choice(left))
        self.counts["single runs started"] += 1
        if self._wait(process, 6 + self.random.expovariate(1 / 4)):
            self._kill(psutil.Process(process.pid), "run killed")
        process.wait()

    def _wait(self, process, seconds):
        """Whether a process is still there after so many seconds."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _kill(self, process, kind):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return
        self.counts[kind] += 1

    def kills(self):
        return sum(self.counts[kind] for kind in KILLS)

    # ---------------------------------------------------------------- damage

    def _damage(self, folder, known):
        for _ in range(self.random.choice((0, 1, 2, 4))):
            places = sorted(path for path in folder.glob("*") if path.is_dir())
            going = [path for path in places if any(path.glob("checkpoint-*"))]
            places = going if going and self.random.random() < 0.7 else places
            if places:
                self._damage_one(self.random.choice(places), known)

    def _damage_one(self, run, known):
        """Spoils one file of a run; what a run needs to go on from is spoiled in one place at a time."""
        checkpoints = sorted(run.glob("checkpoint-*"))
        place = self.random.choice([run, *checkpoints])
        path = place / self.random.choice(("results.json", "settings.json") if place == run else OF_CHECKPOINTS)
        if not path.is_file():
            return
        how, content = self.random.choice(SPOIL), path.read_bytes()
        if how == "delete":
            path.unlink()
        else:
            path.write_bytes(content[: self.random.randrange(len(content))] if how == "cut" and content else b"")
        self.counts[f"{path.name} {how}"] += 1
        if path.name == "settings.json" and run.name in known:
            self.spoiled.add(path)  # nothing writes into a finished run
        if path.name == "results.json":
            known.pop(run.name, None)  # it is to be made again

    # ---------------------------------------------------------------- what must hold

    def _done(self, folder):
        return {path.parent.name for path in folder.glob("*/results.json") if is_completed(path)}

    def _look_at_finished(self, folder, known):
        """Finished runs by name, with what tells one writing from another; none of those known may have changed."""
        now = {name: state_of(folder / name / "results.json") for name in self._done(folder)}
        for name in known.keys() - now.keys():
            self._fault(folder, f"the finished run {name} is lost")
        for name in known.keys() & now.keys():
            if known[name] != now[name]:
                self._fault(folder, f"the finished run {name} was made again")
        return now

    def _wait_for_the_end(self, folder):
        until = time.monotonic() + ENDING
        while left := ours(self.folder):
            if time.monotonic() > until:
                for process in left:
                    self._fault(folder, f"still there: {process.pid} {' '.join(process.cmdline())[:200]}")
                    process.kill()
                return
            time.sleep(0.05)

    def _compare(self, folder):
        for name in sorted(self.runs):
            calm, wild = self.calm / name, folder / name
            results = read(wild / "results.json")
            self.counts["runs compared"] += 1
            self.counts["of them resumed"] += bool(results and results.get("resumed_from"))
            for part in ("status", "metrics", "best_epoch", "corruption"):
                if not results or results.get(part) != read(calm / "results.json")[part]:
                    self._fault(folder, f"{name}: {part} differs")
            here, there = ({p.relative_to(f).as_posix() for p in f.rglob("*")} - {"log.txt"} for f in (wild, calm))
            if (wild / "settings.json") in self.spoiled and results:
                there.discard("settings.json")
                here.discard("settings.json")
            if here != there:
                self._fault(folder, f"{name}: files left {sorted(here - there)}, missing {sorted(there - here)}")
        more = {path.name for path in folder.iterdir()} ^ {path.name for path in self.calm.iterdir()}
        if more:
            self._fault(folder, f"in the sweep's folder: {sorted(more)}")
        left = sorted(path.name for path in (self.folder / "tmp").iterdir())
        if left:
            self.counts["temporary files of killed processes"] += len(left)
            for name in left:
                path = self.folder / "tmp" / name
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        logs = [pathlib.Path(f"{folder}.log"), *folder.glob("*/log.txt")]
        texts = [log.read_text(errors="replace") for log in logs]
        self.counts["checkpoints set aside"] += sum(text.count("; set aside as ") for text in texts)
        for log, text in zip(logs, texts, strict=True):
            # A worker that was just starting finds its sweep killed: Python's own words, before any of ours.
            if text.count("Traceback") > text.count("EOFError: Ran out of input\n"):
                self._fault(folder, f"a traceback in {log}")

    def _fault(self, folder, what):
        self.faults.append(f"{folder.name}: {what}")
        print("FAULT", self.faults[-1], flush=True)


KILLS = ("sweep killed", "worker killed", "run killed")


def read(path):
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def is_completed(path):
    results = read(path)
    return isinstance(results, dict) and results.get("status") == "completed"


def state_of(path):
    return path.stat().st_ino, path.stat().st_mtime_ns


def workers_of(process):
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.Error:
        return []


def ours(folder):
    """The processes that carry our mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    folder = pathlib.Path(tempfile.mkdtemp(prefix="healbert-soak-"))
    soak, rounds = Soak(folder, options.seed), 0
    try:
        while soak.kills() < options.kills and time.monotonic() < until:
            faults = len(soak.faults)
            soak.attack(rounds, options.kills, until)
            if len(soak.faults) == faults:
                shutil.rmtree(folder / f"round{rounds}")
            rounds += 1
            print(f"round {rounds}: {dict(sorted(soak.counts.items()))}, {len(soak.faults)} faults", flush=True)
    finally:
        for process in ours(folder):
            process.kill()
    print(json.dumps({**dict(sorted(soak.counts.items())), "faults": soak.faults}, indent=2))
    if soak.faults:
        sys.exit(f"{len(soak.faults)} faults; see {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
