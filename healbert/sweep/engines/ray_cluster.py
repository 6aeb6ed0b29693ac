"""Ray Core: one task a run, on one machine or many that share a file system.

Ray keeps the processes that ran a task for the next one, so that they keep what they loaded. A run whose worker or
node goes down is tried again by Ray, and continues from its last epoch.
"""

import contextlib
import os
import signal
import socket
import threading

from ...utils.errors import UserError
from ...utils.interrupts import CTRL_C
from ..engines import Failure, with_threads
from .worker import RunTimeout, run_one

NO_HANDLERS = "RAY_DISABLE_FAILURE_SIGNAL_HANDLER"
RETRIES = 2  # of a run whose worker died: a node that goes down is not the run's fault


def start(options):
    """Starts the engine; see `start_engine`.

    Raises:
        UserError: if Ray is not installed or the cluster cannot be reached.
    """
    try:
        ray = _import_ray()
    except ModuleNotFoundError as error:
        raise UserError("--engine ray needs Ray; run in the repository: pip install '.[ray]'") from error
    if not ray.is_initialized():
        _connect(ray, options.ray_address)
    return RayEngine(ray, options)


def _import_ray():
    """Ray without its handlers of fatal signals in this process, which it asks for when it is imported.

    At its end it would take away whatever handles SIGTERM, and for a second or two the next one would kill the sweep.
    """
    before = os.environ.get(NO_HANDLERS)
    os.environ[NO_HANDLERS] = "1"
    try:
        import ray
    finally:  # Ray's own processes keep theirs
        os.environ.pop(NO_HANDLERS) if before is None else os.environ.update({NO_HANDLERS: before})
    return ray


def _connect(ray, address):
    where = {"include_dashboard": False} if address is None else {"address": address}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing about a study goes to anybody unasked
    try:
        _require_listener(address)
        with _own_sigterm():
            ray.init(log_to_driver=False, configure_logging=False, **where)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"no Ray cluster answers at {address}: {' '.join(str(error).split())[:200]}; start one with "
            "'ray start --head', or leave out --ray_address to use this machine alone"
        ) from error


@contextlib.contextmanager
def _own_sigterm():
    """Keeps our handler of SIGTERM: Ray puts its own there when it starts, which ends the process."""
    ours = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as stopped:  # a SIGTERM came before ours was back
        if ours is not CTRL_C:
            raise
        CTRL_C()
        raise KeyboardInterrupt from stopped
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ours)


def _require_listener(address, timeout=10.0):
    # Ray itself waits for ten minutes and more.
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=timeout).close()


def cores_of_a_run(nodes, runs, gpus=None):
    """The most cores that each of so many runs can have at once: a run that finds not all of its own on a node waits.

    Args:
        nodes: the resources of each node, as Ray gives them: "CPU", and "GPU" where there are any.
        runs: how many shall run at once; where there are more of them than cores, each has one.
        gpus: of a run; None where runs take none.
    """

    def fit(node, cores):
        on_cores = int(node.get("CPU", 0)) // cores
        return on_cores if gpus is None else min(on_cores, int(node.get("GPU", 0) / gpus))

    most = max((int(node.get("CPU", 0)) for node in nodes), default=1)
    return next((cores for cores in range(most, 1, -1) if sum(fit(node, cores) for node in nodes) >= runs), 1)


class RayEngine:
    """Makes runs as Ray tasks."""

    def __init__(self, ray, options):
        self.ray = ray
        resources = ray.cluster_resources()
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cores, gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
        per_run = options.processes_per_run if options.processes_per_run > 1 else 1 / options.runs_per_gpu
        self.capacity = options.workers or max(1, int(gpus / per_run) if gpus else min(cores, len(nodes) * 4))
        cpus = cores_of_a_run(nodes, self.capacity, per_run if gpus else None)
        needs = {"num_cpus": cpus, **({"num_gpus": per_run} if gpus else {})}
        self.threads = options.threads or max(1, cpus // options.processes_per_run)
        self._task = ray.remote(max_retries=RETRIES, **needs)(run_one)

    def submit(self, jobs):
        return [self._task.remote(with_threads(job, self.threads)) for job in jobs]

    def wait(self, handles, timeout):
        handles = list(handles)
        ready, waiting = self.ray.wait(handles, timeout=timeout)
        return ready + (self.ray.wait(waiting, num_returns=len(waiting), timeout=0)[0] if waiting else [])

    def failure(self, handle):
        from ray.exceptions import RayError, RayTaskError

        try:
            self.ray.get(handle)
        except RayTaskError as error:
            kind = "timeout" if isinstance(error.cause, RunTimeout) else "exception"
            return Failure(kind, str(error.cause))
        except RayError as error:
            return Failure("killed", f"the worker died {RETRIES + 1} times ({type(error).__name__})")
        return None

    def stop(self):
        self.ray.shutdown()  # ends the tasks of this driver, and the cluster if it is this machine's own
