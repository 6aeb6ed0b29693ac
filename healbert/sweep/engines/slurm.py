"""Slurm, through submitit: array jobs, requeued by Slurm and continued from the last epoch."""

import pathlib
import time

from ...utils.errors import UserError
from ..engines import Failure, with_threads
from .local import threads_of_new
from .worker import run_one

POLL = 1.0  # seconds between looks at the jobs


ARRAY = 1000  # jobs of one array: Slurm's MaxArraySize is 1001 unless an administrator raised it


def start(options):
    """Starts the engine; see `start_engine`.

    Raises:
        UserError: if submitit is not installed, there is no Slurm here, or it does not know a parameter.
    """
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise UserError("--engine slurm needs submitit; run in the repository: pip install '.[slurm]'") from error
    parameters = dict(options.slurm)
    cluster = parameters.pop("cluster", "slurm")
    folder = pathlib.Path(options.folder).resolve() / ".submitit"
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        at_once = {"slurm_array_parallelism": options.workers} if options.workers else {}
        executor.update_parameters(name="healbert", **at_once, **parameters)
    except (RuntimeError, ValueError, TypeError, NameError) as error:
        what = " ".join(str(error).split())
        raise UserError(f"--engine slurm: {what} (without Slurm: --slurm cluster=local)") from error
    if cluster == "slurm":
        return SlurmEngine(executor, capacity=10**6, threads=options.threads or _threads(options))  # Slurm queues
    workers = options.workers or 1
    return SlurmEngine(executor, workers, threads=options.threads or threads_of_new(workers, options))


def _threads(options):
    """The threads of each run of a new sweep: the cores that its job is given; None where nothing says how many."""
    cores = options.slurm.get("slurm_cpus_per_task", options.slurm.get("cpus_per_task"))
    return max(1, cores // options.processes_per_run) if isinstance(cores, int) else None


class SlurmEngine:
    """Makes runs as jobs of an array."""

    def __init__(self, executor, capacity, threads=None):
        self.executor, self.capacity, self.threads = executor, capacity, threads
        self._jobs = []

    def submit(self, jobs):
        jobs, handles = [with_threads(job, self.threads) for job in jobs], []
        for start in range(0, len(jobs), ARRAY):
            try:
                handles += self.executor.map_array(SlurmRun(), jobs[start : start + ARRAY])
            except (RuntimeError, OSError) as error:  # sbatch refuses a parameter, or Slurm does not answer
                raise UserError(
                    f"--engine slurm: the jobs were not accepted: {' '.join(str(error).split())}"
                ) from error
            self._jobs += handles[start:]
        return handles

    def wait(self, handles, timeout):
        until = time.monotonic() + timeout
        while True:
            done = [handle for handle in handles if handle.done()]
            if done or time.monotonic() >= until:
                return done
            time.sleep(min(POLL, timeout))

    def failure(self, handle):
        from submitit.core.utils import FailedJobError

        error = handle.exception()
        if error is None:
            return None
        last = str(error).strip().splitlines()[-1]
        if not isinstance(error, FailedJobError):
            return Failure("killed", last)
        raised, _, message = last.partition(": ")
        return Failure("timeout" if "RunTimeout" in raised else "exception", message or last)

    def stop(self):
        for handle in self._jobs:
            if not handle.done():
                handle.cancel()


class SlurmRun:
    """What a job calls. Slurm's warning before it ends a job makes submitit call `checkpoint` and queue it again."""

    def __call__(self, job):
        return run_one(job)

    def checkpoint(self, job):
        import submitit

        return submitit.helpers.DelayedSubmission(self, job)
