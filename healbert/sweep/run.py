"""Running a sweep: what is not done goes to an engine, what happens is written down."""

import collections
import contextlib
import pathlib
import tempfile
import time
import warnings

from ..arguments.marker import is_marker
from ..experiment.folder import read_marker, tidy_finished
from ..results.read import load_results, log_tail
from ..results.schema import LOG_NAME, SCHEMA_VERSION, TEACHERS, count_teachers, error_message
from ..utils.errors import UserError, check_choice
from ..utils.files import write_json
from ..utils.text import duration, one_line
from .check import check_runs, warn_of_lacking_models
from .engines import LAUNCHERS, Job, Options, is_of_this_machine, start_engine
from .plan import make_plan
from .progress import Progress, count_runs
from .share import Share, at_work, keep_threads, threads_of
from .sweep_file import check_size, read_sweep, source_of
from .tokens import token_files, without_tokens
from .until import run_until

MAX_RUNS = 100_000  # of one sweep; more is most likely a mistake
MAX_SEEDS = 20  # that a dataset and damage get where seeds are added


class SweepStopped(KeyboardInterrupt):
    """Ctrl-C during a sweep; its text says how to go on."""


def run_sweep(
    sweep,
    output_dir,
    engine="local",
    retry_failed=False,
    progress=True,
    assignments=(),
    max_runs=MAX_RUNS,
    until_width=None,
    max_seeds=MAX_SEEDS,
    **options,
):
    """Runs every run of a sweep that is not done.

    Args:
        sweep: a sweep file, or a dict with ``base``, ``grid``, ``zip``, ``include``, ``exclude``.
        output_dir: the sweep's results folder; each run gets a folder in it.
        engine: a name in `healbert.sweep.engines.ENGINES`.
        retry_failed: run failed runs again.
        progress: show what happens.
        assignments: ``KEY=VALUE`` texts that replace settings of the sweep.
        max_runs: a sweep that describes more is refused.
        until_width, max_seeds: add seeds until the intervals of what is lost are no wider, see `run_until`.
        options: fields of `healbert.sweep.engines.Options`.

    Returns:
        pandas.DataFrame: what `load_results` says of the folder.

    Raises:
        UserError: if the sweep, a run of it, the folder or the engine cannot be used; nothing has run then.
    """
    plan = prepare(sweep, output_dir, assignments, options.get("processes_per_run", 1), max_runs)
    if plan.doubt():
        warnings.warn(plan.doubt(), stacklevel=2)
    run_prepared(plan, output_dir, engine, retry_failed, progress, until_width, max_seeds, **options)
    return load_results(output_dir)


def run_prepared(plan, output_dir, engine, retry_failed, progress, until_width=None, max_seeds=MAX_SEEDS, **options):
    """Runs a `Plan`, in rounds where seeds are to be added; returns the `Plan` of all runs. See `run_sweep`."""

    def run(part, until=None):
        again = retry_failed and part is plan  # once, not in every round
        run_plan(part, output_dir, engine, again, Progress(part) if progress else None, until, **options)

    if until_width is not None:
        told = print if progress else (lambda line: None)
        return run_until(plan, output_dir, until_width, max_seeds, run, options.get("processes_per_run", 1), told)
    run(plan)
    return plan


def prepare(sweep, output_dir, assignments=(), processes=1, max_runs=MAX_RUNS):
    """The `Plan` of a sweep file or dict; see `run_sweep`."""
    read = read_sweep(sweep, assignments)
    if is_marker(read_marker(pathlib.Path(output_dir))):
        raise UserError(f"{output_dir} is the folder of a run, and a sweep's holds runs; choose another --output_dir")
    check_size(read, max_runs)
    plan = make_plan(read, output_dir, processes)
    plan.source, plan.name = source_of(sweep, assignments)
    return plan


def run_plan(plan, output_dir, engine="local", retry_failed=False, progress=None, until=None, **options):
    """Runs what is to do of a `Plan`; see `run_sweep`, and of ``until`` `Plan.write`."""
    options = Options(folder=str(output_dir), **options)
    check_choice("run launcher", options.run_launcher, LAUNCHERS)
    todo = plan.in_state("todo", "failed") if retry_failed else plan.in_state("todo")
    warn_of_lacking_models(plan)
    if not todo:
        with contextlib.suppress(OSError):  # what is finished may lie where nothing can be written
            plan.write(output_dir, until)
        return
    _prepare_folder(pathlib.Path(output_dir), lambda: plan.write(output_dir, until))
    for run in plan.in_state("completed", "diverged"):
        _tidy(run)
    check_runs(todo, options.processes_per_run)
    needed = {run.arguments.model.token for run in todo}
    with _share(engine, options) as share, token_files(output_dir, needed) as tokens:
        options.sweeps = share.sweeps()
        runner = _Runner(plan, options, _start(engine, options, plan), progress, tokens, share)
        try:
            runner.run(todo)
        except KeyboardInterrupt as stopped:
            done = len(plan.in_state("completed", "diverged"))
            how = f"{done} of {count_runs(len(plan.runs))} finished; the same command goes on"
            raise SweepStopped(how) from stopped
        finally:
            runner.close()


def _share(engine, options):
    return at_work() if is_of_this_machine(engine, options) else contextlib.nullcontext(Share(None))


def _start(name, options, plan):
    """The engine, whose runs have the number of threads that the folder's have."""
    options.threads = threads_of(options.folder, [run.results for run in plan.in_state("completed", "diverged")])
    engine = start_engine(name, options)
    threads = getattr(engine, "threads", None)
    try:
        kept = keep_threads(options.folder, threads) if threads else threads
    except OSError as error:
        engine.stop()
        raise UserError(f"results folder {options.folder} cannot be written: {error.strerror}") from error
    if kept != threads:  # another sweep has just begun here with others
        engine.stop()
        return _start(name, options, plan)
    return engine


def _tidy(run):
    try:
        tidy_finished(run.folder, keep_checkpoints=run.results["config"].get("save_model"))
    except UserError as error:  # the others do not wait for it
        warnings.warn(str(error), stacklevel=2)


def _prepare_folder(folder, write_plan):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # it can be written to
        write_plan()
    except OSError as error:
        raise UserError(f"results folder {folder} cannot be written: {error.strerror}") from error


class _Runner:
    """The loop of a sweep: gives runs to the engine and takes note of how they ended."""

    def __init__(self, plan, options, engine, progress, tokens=None, share=None):
        self.plan, self.options, self.engine, self.progress = plan, options, engine, progress
        self.tokens = tokens or {}  # from a token to the file that it is handed over in
        self.waiting, self.running, self.elsewhere = collections.deque(), {}, []
        self.share, self.sweeps = share or Share(None), 1

    def run(self, runs):
        for run in runs:
            run.state = "todo"  # a failed one that is tried again is not done
        self.waiting.extend(runs)
        self._show("start", self.engine.capacity)
        while self.waiting or self.running or self.elsewhere:
            self._fill()
            self._collect()
            self._look_elsewhere()

    def close(self):
        self._show("stop")
        self.engine.stop()

    def _fill(self):
        batch, later, most = [], [], self._at_a_time()
        while self.waiting and len(self.running) + len(batch) < most:
            run = self.waiting.popleft()
            if run.teacher and run.teacher.state == "todo":  # it is ahead in the queue, or being run
                later.append(run)
            elif self._settled(run):
                self._show("finished", run)
            elif run.runs_elsewhere():
                self.elsewhere.append(run)
            else:
                run.state = "todo"  # its file may say that it failed, before
                batch.append(run)
        self.waiting.extendleft(reversed(later))
        handles = self.engine.submit([self._job(run) for run in batch]) if batch else []
        for handle, run in zip(handles, batch, strict=True):
            self.running[handle] = run
            self._show("running", run)

    def _at_a_time(self):
        """How many runs this sweep may make at a time: fewer while others are at work on the machine."""
        sweeps = self.share.sweeps()
        most = max(1, self.engine.capacity // sweeps)
        if sweeps != self.sweeps:
            self.sweeps = sweeps
            self._show("shared", sweeps, most)
        return most

    def _settled(self, run):
        """Whether another sweep has dealt with the run since the plan was made."""
        known, state = run.written, run.look()
        return state in ("completed", "diverged") or (state == "failed" and run.written != known)

    def _job(self, run):
        options = self.options
        return Job(
            settings={
                **without_tokens(run.settings),
                "plugin": run.arguments.run.plugin,
                "output_dir": str(run.folder.resolve()),
                "disable_tqdm": True,
            },
            directory=str(pathlib.Path.cwd()),
            timeout=options.run_timeout,
            launcher=options.run_launcher,
            processes=options.processes_per_run,
            plugins=run.arguments.plugins,
            token_file=self.tokens.get(run.arguments.model.token),
        )

    def _collect(self):
        if not self.running:
            time.sleep(1.0 if self.elsewhere else 0)
            return
        for handle in self.engine.wait(list(self.running), timeout=1.0):
            run, failure = self.running.pop(handle), self.engine.failure(handle)
            if run.runs_elsewhere():
                self.elsewhere.append(run)
                continue
            if run.look() not in ("completed", "diverged") and failure:
                _record_failure(run, failure)
            if run.state == "todo":  # given up by whoever had it
                self.waiting.append(run)
            else:
                self._show("finished", run)
        self._show("tick")

    def _look_elsewhere(self):
        for run in list(self.elsewhere):
            if not run.runs_elsewhere():
                self.elsewhere.remove(run)
                self.waiting.append(run)

    def _show(self, event, *details):
        if self.progress:
            getattr(self.progress, event)(*details)


def _record_failure(run, failure):
    message = failure.message
    run.state = "failed"
    run.results = {
        "schema_version": SCHEMA_VERSION,
        "status": "failed",
        "config": run.arguments.settings(),
        "error": {"kind": failure.kind, "message": message, "log_tail": log_tail(run.folder)},
    }
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        write_json(run.folder / "results.json", run.results)
    except OSError as error:  # a full disk: the sweep still says which runs failed
        run.results["error"]["message"] = f"{message}; {run.folder} cannot be written: {error.strerror}"


def describe_plan(plan, output_dir, workers):
    """How many runs there are, how many are done, which failed, and how long the rest will take, as text."""
    counts = {state: len(plan.in_state(state)) for state in ("completed", "diverged", "failed", "todo")}
    same = f" ({plan.duplicates} more are the same experiments)" if plan.duplicates else ""
    lines = [
        f"{count_runs(len(plan.runs))}{same} in {output_dir}: " + ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    ]
    for run in plan.in_state("failed"):
        why = error_message(run.results) or "no reason given"
        lines.append(f"failed: {run.name}: {why} (log: {run.folder / LOG_NAME})")
    if counts["failed"]:
        lines.append("--retry_failed runs failed runs again")
    teachers = count_teachers(output_dir)
    if teachers:
        lines.append(f"beside them, in {TEACHERS}: {count_runs(teachers)} without damage that others learn from")
    if counts["todo"]:
        left = plan.seconds_left(workers)
        known = duration(left) if left is not None else "unknown until a run is finished"
        lines.append(f"time left with {workers} at a time: {known}")
    return "\n".join(map(one_line, lines))
