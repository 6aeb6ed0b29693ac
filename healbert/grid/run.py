"""Running a sweep: what is not done goes to an engine, what happens is written down."""

import collections
import pathlib
import time

from ..cell import LOG_NAME, SCHEMA_VERSION, log_tail, remove_checkpoints
from ..engines import LAUNCHERS, Job, Options, start_engine
from ..errors import UserError, check_choice
from ..files import write_json
from ..results import load_results
from .cells import make_plan
from .check import check_cells
from .progress import Progress, count_cells, format_seconds
from .sweep_file import read_sweep


class SweepStopped(KeyboardInterrupt):
    """Ctrl-C during a sweep; its text says how to go on."""


def run_grid(sweep, output_dir, engine="local", retry_failed=False, progress=True, assignments=(), **options):
    """Runs every cell of a sweep that is not done.

    Args:
        sweep: a sweep file, or a dict with ``base``, ``grid``, ``include``, ``exclude``.
        output_dir: the sweep's results folder; each cell gets a folder in it.
        engine: a name in `healbert.engines.ENGINES`.
        retry_failed: run failed cells again.
        progress: show what happens.
        assignments: ``KEY=VALUE`` texts that replace settings of the sweep.
        options: fields of `healbert.engines.Options`.

    Returns:
        pandas.DataFrame: what `load_results` says of the folder.

    Raises:
        UserError: if the sweep, a cell of it, the folder or the engine cannot be used; nothing has run then.
    """
    plan = prepare(sweep, output_dir, assignments, options.get("cell_processes", 1))
    run_plan(plan, output_dir, engine, retry_failed, Progress(plan) if progress else None, **options)
    return load_results(output_dir)


def prepare(sweep, output_dir, assignments=(), processes=1):
    """The `Plan` of a sweep file or dict; see `run_grid`."""
    return make_plan(read_sweep(sweep, assignments), output_dir, processes)


def run_plan(plan, output_dir, engine="local", retry_failed=False, progress=None, **options):
    """Runs what is to do of a `Plan`; see `run_grid`."""
    options = Options(folder=str(output_dir), **options)
    check_choice("cell launcher", options.cell_launcher, LAUNCHERS)
    todo = plan.in_state("todo", "failed") if retry_failed else plan.in_state("todo")
    if not todo:
        return
    _require_writable(pathlib.Path(output_dir))
    for cell in plan.in_state("completed", "diverged"):
        if not cell.results["config"].get("save_model"):
            remove_checkpoints(cell.folder)  # a kill may have come between the results and this
    check_cells(todo, options.cell_processes)
    runner = _Runner(plan, options, start_engine(engine, options), progress)
    try:
        runner.run(todo)
    except KeyboardInterrupt as stopped:
        done = len(plan.in_state("completed", "diverged"))
        raise SweepStopped(f"{done} of {count_cells(len(plan.cells))} finished; the same command goes on") from stopped
    finally:
        runner.close()


def _require_writable(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another sweep may have been quicker
    except OSError as error:
        raise UserError(f"results folder {folder} cannot be written: {error.strerror}") from error


class _Runner:
    """The loop of a sweep: gives cells to the engine and takes note of how they ended."""

    def __init__(self, plan, options, engine, progress):
        self.plan, self.options, self.engine, self.progress = plan, options, engine, progress
        self.waiting, self.running, self.elsewhere = collections.deque(), {}, []

    def run(self, cells):
        self.waiting.extend(cells)
        self._show("start", self.engine.capacity)
        while self.waiting or self.running or self.elsewhere:
            self._fill()
            self._collect()
            self._look_elsewhere()

    def close(self):
        self._show("stop")
        self.engine.stop()

    def _fill(self):
        batch = []
        while self.waiting and len(self.running) + len(batch) < self.engine.capacity:
            cell = self.waiting.popleft()
            if self._settled(cell):
                self._show("finished", cell)
            elif cell.runs_elsewhere():
                self.elsewhere.append(cell)
            else:
                cell.state = "todo"  # also a failed one that is tried again
                batch.append(cell)
        handles = self.engine.submit([self._job(cell) for cell in batch]) if batch else []
        for handle, cell in zip(handles, batch, strict=True):
            self.running[handle] = cell
            self._show("running", cell)

    def _settled(self, cell):
        """Whether another sweep has dealt with the cell since the plan was made."""
        known, state = cell.written, cell.look()
        return state in ("completed", "diverged") or (state == "failed" and cell.written != known)

    def _job(self, cell):
        settings = {**cell.settings, "output_dir": str(cell.folder.resolve()), "disable_tqdm": True}
        options = self.options
        directory = str(pathlib.Path.cwd())
        return Job(settings, directory, options.cell_timeout, options.cell_launcher, options.cell_processes)

    def _collect(self):
        if not self.running:
            time.sleep(1.0 if self.elsewhere else 0)
            return
        for handle in self.engine.wait(list(self.running), timeout=1.0):
            cell, failure = self.running.pop(handle), self.engine.failure(handle)
            if cell.runs_elsewhere():
                self.elsewhere.append(cell)
                continue
            if cell.look() not in ("completed", "diverged") and failure:
                _record_failure(cell, failure)
            if cell.state == "todo":  # given up by whoever had it
                self.waiting.append(cell)
            else:
                self._show("finished", cell)
        self._show("tick")

    def _look_elsewhere(self):
        for cell in list(self.elsewhere):
            if not cell.runs_elsewhere():
                self.elsewhere.remove(cell)
                self.waiting.append(cell)

    def _show(self, event, *details):
        if self.progress:
            getattr(self.progress, event)(*details)


def _record_failure(cell, failure):
    message = failure.message
    cell.state = "failed"
    cell.results = {
        "schema_version": SCHEMA_VERSION,
        "status": "failed",
        "config": cell.arguments.settings(),
        "error": {"kind": failure.kind, "message": message, "log_tail": log_tail(cell.folder)},
    }
    try:
        cell.folder.mkdir(parents=True, exist_ok=True)
        write_json(cell.folder / "results.json", cell.results)
    except OSError as error:  # a full disk: the sweep still says which cells failed
        cell.results["error"]["message"] = f"{message}; {cell.folder} cannot be written: {error.strerror}"


def run_sweep(file, set, output_dir, dry_run, retry_failed, save_model, engine, slurm, **options):
    """``python -m healbert sweep``: plans, runs, prints; returns the exit status (1 if a cell failed).

    Raises:
        UserError: as `run_grid`.
    """
    output_dir = output_dir or str(pathlib.Path("runs") / pathlib.Path(file).stem)
    assignments = [*set, *(["save_model=true"] if save_model else [])]
    plan = prepare(file, output_dir, assignments, options["cell_processes"])
    if not dry_run:
        options["slurm"] = dict(map(_parse_parameter, slurm))
        run_plan(plan, output_dir, engine, retry_failed, Progress(plan), **options)
    print(describe_plan(plan, output_dir, options["workers"] or 1))
    return int(bool(plan.in_state("failed")) and not dry_run)


def describe_plan(plan, output_dir, workers):
    """How many cells there are, how many are done, which failed, and how long the rest will take, as text."""
    counts = {state: len(plan.in_state(state)) for state in ("completed", "diverged", "failed", "todo")}
    same = f" ({plan.duplicates} more are the same experiments)" if plan.duplicates else ""
    lines = [
        f"{count_cells(len(plan.cells))}{same} in {output_dir}: "
        + ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    ]
    for cell in plan.in_state("failed"):
        lines.append(f"failed: {cell.name}: {cell.results['error']['message']} (log: {cell.folder / LOG_NAME})")
    if counts["failed"]:
        lines.append("--retry_failed runs failed cells again")
    if counts["todo"]:
        left = plan.seconds_left(workers)
        known = format_seconds(left) if left is not None else "unknown until a cell is finished"
        lines.append(f"time left with {workers} at a time: {known}")
    return "\n".join(lines)


def _parse_parameter(text):
    key, separator, value = text.partition("=")
    if not separator:
        raise UserError(f"--slurm {text} is not KEY=VALUE, such as --slurm slurm_partition=gpu")
    return key, int(value) if value.isdecimal() else value
