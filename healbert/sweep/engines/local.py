"""Worker processes on this machine, on pebble's pools: one pool of one process for each slot.

A slot is a share of the CPU's threads, or a place on a GPU. Its worker keeps what it loaded from run to run; pebble
ends it when a run takes too long and starts another in its place.
"""

import concurrent.futures
import contextlib
import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
from concurrent.futures.process import BrokenProcessPool

from ...utils.interrupts import CTRL_C
from ...utils.machine import cpu_cores
from ..engines import Failure, with_threads
from .worker import RunFailed, describe_error, prepare, run_one

MOST_CPU_WORKERS = 4
GRACE = 5.0  # seconds in which a run may end by itself once its time is over


def start(options):
    """Starts the engine; see `start_engine`."""
    return LocalEngine(options)


def slots(options):
    """The slots of this machine: a list of (CPU threads, GPU or None).

    Args:
        options: `Options`; ``workers`` limits or, without a GPU, sets their number.
    """
    cores = cpu_cores()
    devices = _gpus()
    if devices and options.processes_per_run == 1:
        places = [device for _ in range(options.runs_per_gpu) for device in devices][: options.workers]
    elif devices:  # a run of several processes takes all of them
        places = [",".join(map(str, devices))]
    else:
        places = [None] * (options.workers or min(max(1, cores // (options.threads or 1)), MOST_CPU_WORKERS))
    threads = options.threads or threads_of_new(len(places), options)
    return [(threads, place) for place in places]


def threads_of_new(workers, options):
    """The CPU threads of each run of a new sweep: its share of this machine's cores, over those it makes at a time."""
    cores, at_once = cpu_cores(), max(1, workers // options.sweeps)
    return max(1, min(cores // workers, cores // options.sweeps // at_once) // options.processes_per_run)


def _gpus():
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return visible.split(",")[:count] if visible and count else list(range(count))


class LocalEngine:
    """Makes runs in processes of this machine."""

    def __init__(self, options):
        self.slots = slots(options)
        self.capacity, self.threads = len(self.slots), self.slots[0][0]
        self._idle = dict.fromkeys(range(self.capacity))  # slot -> its pool, once it has one
        self._busy = {}  # handle -> (slot, pool)

    def submit(self, jobs):
        return [self._submit(job) for job in jobs]

    def _submit(self, job):
        # Broken into half-way, the worker would find nothing where it looks for its task, and say so with a traceback.
        with CTRL_C.held_back(), _ctrl_c_held_back():
            slot, pool = self._idle.popitem()
            if pool and not pool.active:  # its worker died between two runs
                _end(pool)
                pool = None
            pool = pool or self._new_pool(*self.slots[slot])
            limit = job.timeout and job.timeout + GRACE
            handle = pool.schedule(run_one, args=[with_threads(job, self.slots[slot][0])], timeout=limit)
            self._busy[handle] = (slot, pool)
        return handle

    def _new_pool(self, threads, device):
        from pebble import ProcessPool

        return ProcessPool(
            max_workers=1,
            initializer=prepare,
            initargs=[os.getpid(), threads, device],
            context=_Context(),
        )

    def wait(self, handles, timeout):
        done = concurrent.futures.wait(handles, timeout, concurrent.futures.FIRST_COMPLETED).done
        for handle in done:
            slot, pool = self._busy.pop(handle)
            if handle.exception() is not None:  # its memory and its GPU may be in any state
                _end(pool)
                pool = None
            self._idle[slot] = pool
        return list(done)

    def failure(self, handle):
        from pebble import ProcessExpired

        error = handle.exception()
        if error is None:
            return None
        if isinstance(error, TimeoutError):
            return Failure("timeout", "the run took longer than --run_timeout")
        if isinstance(error, ProcessExpired):
            return Failure("killed", f"the worker died ({_describe_exit(error.exitcode)})")
        if isinstance(error, BrokenProcessPool):
            return Failure("killed", "the worker died before it began the run")
        return Failure("exception", str(error) if isinstance(error, RunFailed) else describe_error(error))

    def stop(self):
        pools = [pool for pool in self._idle.values() if pool] + [pool for _, pool in self._busy.values()]
        with concurrent.futures.ThreadPoolExecutor(self.capacity) as threads:  # each takes up to three seconds
            list(threads.map(_end, pools))


class _Context(multiprocessing.context.SpawnContext):
    """Keeps a pool's locks as long as the pool.

    pebble takes them away before it ends the workers: one that was just starting would not find them, and say so with
    a traceback.
    """

    def __init__(self):
        self._locks = []

    def RLock(self):  # noqa: N802 - multiprocessing's name
        self._locks.append(super().RLock())
        return self._locks[-1]


@contextlib.contextmanager
def _ctrl_c_held_back():
    # A worker that is just starting would answer it, and the end of who starts it, with a traceback; it inherits this.
    multiprocessing.resource_tracker.ensure_running()  # lifts the block when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(pool):
    pool.stop()
    pool.join()


def _describe_exit(code):
    if code is not None and code < 0:
        hint = "; out of memory?" if -code == signal.SIGKILL else ""
        return f"signal {signal.Signals(-code).name}{hint}"
    return f"exit status {code}"
