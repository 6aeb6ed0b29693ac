"""Processes that draw a large report's figures, and lay out features, while this one goes on."""

import concurrent.futures
import functools
import multiprocessing

from ..utils.machine import cpu_cores

MOST = 4  # processes, this one among them


class Workers:
    """As a context: hands work to other processes, once they are started.

    What none of them has begun when it is asked for is done here.
    """

    def __init__(self):
        self._pool = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def start(self):
        """Starts a process for every core but this process's own; what they draw with is imported meanwhile."""
        count = min(cpu_cores(), MOST) - 1
        if self._pool is None and count:
            self._pool = concurrent.futures.ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))
            for _ in range(count):
                self._pool.submit(_import)

    def submit(self, function, *given):
        """A function without arguments that gives ``function(*given)``; of other processes once it is there."""
        here = functools.partial(function, *given)
        if not self._pool:
            return functools.cache(here)
        future = self._pool.submit(function, *given)
        return functools.cache(lambda: here() if future.cancel() else future.result())


def _import():
    from .figures import static  # noqa: F401


def draw(figure):
    """A `Figure` as `figures.base.Drawn`; what draws it is imported in the process that does."""
    from .figures import static

    return static.draw(figure)
