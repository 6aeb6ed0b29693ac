"""Each measurement in a process of its own: nothing of one is left for the next, neither memory nor settings."""

import multiprocessing

WORKER = "healbert.bench.measure"


def in_own_process(function, *args):
    """What a function returns in a process of its own, which ends then; it is killed where we are interrupted.

    Raises:
        pebble.ProcessExpired: if the process was killed.
        Exception: what the function raised.
    """
    from pebble import ProcessPool

    pool = ProcessPool(max_workers=1, context=_context())
    try:
        return pool.schedule(function, args=args).result()
    finally:
        pool.stop()
        pool.join()


def _context():
    # The server imports the libraries once; its children have them and nothing that was done with them.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([WORKER])
    return context
