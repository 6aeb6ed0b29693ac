"""Processes that draw a large report's figures, and lay out features, while this one goes on."""

import concurrent.futures
import functools
import multiprocessing

from ..utils.machine import cpu_cores

MOST = 4


class Workers:
    """As a context: hands work to other processes, once they are started; else it is done here when it is asked for."""

    def __init__(self):
        self._pool = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def start(self):
        """Starts a process for every core; what they draw with is imported meanwhile."""
        count = min(cpu_cores(), MOST)
        if self._pool is None and count > 1:
            self._pool = concurrent.futures.ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))
            for _ in range(count):
                self._pool.submit(_import)

    def submit(self, function, *given):
        """A function without arguments that gives ``function(*given)``; of other processes once it is there."""
        if self._pool:
            return self._pool.submit(function, *given).result
        return functools.cache(functools.partial(function, *given))


def _import():
    from .figures import static  # noqa: F401


def draw(figure):
    """A `Figure` as `figures.base.Drawn`; what draws it is imported in the process that does."""
    from .figures import static

    return static.draw(figure)
