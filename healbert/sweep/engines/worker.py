"""What a worker does: one run after the other, keeping what the next one can use.

Imports nothing heavy: the environment has to be set before numpy and torch read it.
"""

import contextlib
import gc
import os
import pathlib
import signal
import subprocess
import sys
import threading

import tqdm

from ...utils.errors import UserError
from ...utils.output import format_exception, guard_output, safe
from ...utils.processes import end_with
from ..tokens import read_token

_shared = {}


class RunTimeout(TimeoutError):
    """The run took longer than it may."""


class _Rang(BaseException):
    """What the alarm raises inside the run: nothing there may take it for an error of its own, such as of a file."""


class RunFailed(Exception):
    """What a run raised, as text: not every exception survives the way to another process."""


def prepare(parent, threads, device=None):
    """Runs once in a new worker: its share of the machine, and an end when its parent ends.

    Args:
        parent: process id of the sweep.
        threads: CPU threads for the worker.
        device: the GPU that the worker may see.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(threads)
    # Where others are at work, too, a thread that spins while it waits keeps the one it waits for from the core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(device)
    tqdm.tqdm.set_lock(threading.RLock())  # its own has a semaphore, which a worker that is ended may leave behind
    end_with(parent)


def run_one(job):
    """Runs a run; its output goes to ``log.txt`` in its folder.

    Args:
        job: a `Job`.

    Returns:
        str: the run's status ("completed", "diverged"), or "busy" if another process is at work on it.

    Raises:
        RunTimeout: if it took longer than ``job.timeout``.
        RunFailed: if it raised anything else.
    """
    from ...results.schema import LOG_NAME

    os.chdir(job.directory)  # a worker on another node starts elsewhere
    folder = pathlib.Path(job.settings["output_dir"])
    folder.mkdir(parents=True, exist_ok=True)
    with _log_to(folder / LOG_NAME), _alarm(job.timeout):
        _check_plugins(job)
        if job.launcher == "accelerate" or job.processes > 1:
            return _launch(job)
        return _run_here(job)


def _check_plugins(job):
    # The folder is named after what the plugins were when the sweep was planned.
    from ...arguments.plugins import load_plugins

    found = load_plugins(job.settings.get("plugin"))
    changed = [name for name, content in found.items() if job.plugins.get(name) != content]
    if changed:
        raise UserError(f"plugin {changed[0]} has changed since the sweep began; start the sweep again")


def _run_here(job):
    from ...arguments.parser import make_arguments
    from ...experiment.folder import RunBusy
    from ...experiment.loading import LoadCache
    from ...experiment.run import run_experiment
    from ...utils.machine import give_memory_back, switches_put_back

    if "cache" not in _shared:
        _shared["cache"] = LoadCache()
        gc.freeze()  # what was imported stays: each collection would walk through all of it
    try:
        settings = job.settings | {"token": read_token(job.token_file)}
        with switches_put_back():  # which the arguments already set
            return run_experiment(make_arguments(**settings), _shared["cache"])["status"]
    except RunBusy:
        return "busy"
    finally:
        gc.collect()  # a model and its trainer hold each other
        give_memory_back()


def _launch(job):
    from ...arguments.meaningless import STEPS
    from ...arguments.parser import known_flags, to_argv
    from ...results.read import read_results

    begin = os.fstat(1).st_size  # of the log
    several = ["--multi_gpu"] if job.processes > 1 else []
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(job.processes), *several]
    launch += ["--main_process_port", "0", "--module", "healbert", "run"]
    environment = {**os.environ, "HEALBERT_PARENT": str(os.getpid())}
    if job.token_file:
        environment["HF_TOKEN"] = read_token(job.token_file)
    settings = {name: value for name, value in job.settings.items() if name not in STEPS}  # which a file may hold
    process = subprocess.Popen([*launch, *to_argv(settings, known_flags())], env=environment)
    try:
        code = process.wait()
    except BaseException:
        _kill_tree(process)
        raise
    if code:
        raise UserError(_last_error(job, begin) or f"accelerate launch ended with status {code}")
    return read_results(job.settings["output_dir"])["status"]


def _kill_tree(process):
    # accelerate launch does not take its children with it.
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait()


def _last_error(job, begin):
    from ...results.schema import LOG_NAME

    with open(pathlib.Path(job.settings["output_dir"]) / LOG_NAME, encoding="utf-8", errors="replace") as log:
        log.seek(begin)
        errors = [line.removeprefix("error: ").strip() for line in log if line.startswith("error: ")]
    return errors[-1] if errors else None


@contextlib.contextmanager
def _alarm(seconds):
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_):
        raise _Rang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _Rang as rang:
        raise RunTimeout(f"the run took longer than {seconds:g} s") from rang
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _log_to:  # noqa: N801 - reads as a context manager
    """Sends this process's output, of libraries in C and of child processes too, to a file; a traceback as well.

    An error leaves it as a `RunFailed`.
    """

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        guard_output()
        sys.stdout.flush()
        sys.stderr.flush()
        self.kept = [os.dup(1), os.dup(2)]
        log = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)

    def __exit__(self, kind, error, trace):
        sys.stdout.flush()
        if error is not None:
            print(format_exception(error), end="", file=sys.stderr)
        sys.stderr.flush()
        for target, kept in zip((1, 2), self.kept, strict=True):
            os.dup2(kept, target)
            os.close(kept)
        if isinstance(error, Exception) and not isinstance(error, RunTimeout):
            raise RunFailed(describe_error(error)) from None


def describe_error(error):
    """An exception as one line; of a `UserError`, its message alone."""
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    return safe(kind + " ".join(str(error).split()))
