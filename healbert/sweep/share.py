"""Sweeps on one machine share its cores; the runs of a sweep have one number of threads, whatever else goes on.

Two sweeps that each took all cores would take many times as long as one after the other: threads wait for threads that
do not run. A later number of threads would change the last digits, so what gives way is the number of workers.
"""

import contextlib
import os
import pathlib
import tempfile
import warnings

from ..utils.alive import alive_file, alive_files
from ..utils.files import read_json, write_json_once

THREADS = ".healbert-sweep.json"  # in the sweep's folder: {"healbert_sweep": {"schema": 1}, "threads": n}
PREFIX = "at-work-"


class Share:
    """How many sweeps are at work on this machine.

    Args:
        folder: where they leave a file each; None to see no others.
    """

    def __init__(self, folder):
        self.folder = folder

    def sweeps(self):
        """The number of sweeps and of runs of their own of this user that are at work here, this one among them."""
        return max(1, len(alive_files(self.folder, PREFIX))) if self.folder else 1


@contextlib.contextmanager
def at_work():
    """Says, while the block lasts, that this process makes use of the machine. Yields a `Share`."""
    try:
        folder = _machine_folder()
    except OSError as error:
        warnings.warn(f"other sweeps on this machine are not seen: {error}", stacklevel=3)
        yield Share(None)
        return
    with alive_file(folder, PREFIX, str(os.getpid()).encode()):
        yield Share(folder)


def _machine_folder():
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = own if os.access(own, os.W_OK) else tempfile.gettempdir()  # that of a login may be gone, or another's
    folder = pathlib.Path(parent) / f"healbert-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not folder.is_dir() or folder.is_symlink():
        raise OSError(f"{folder} is not this user's")
    return folder


def threads_of(folder, finished):
    """The number of CPU threads that the runs of a sweep have: what its folder says; None for a new sweep.

    Args:
        folder: the sweep's results folder.
        finished: dicts of results.json; of a folder of before, if all were made with one number, that is it.
    """
    known = {(results.get("environment") or {}).get("threads") for results in finished}
    before = known.pop() if len(known) == 1 else None
    return _written(folder) or (before if isinstance(before, int) and before > 0 else None)


def keep_threads(folder, threads):
    """Has the folder say ``threads``, unless it says a number already; returns what it says then."""
    write_json_once(pathlib.Path(folder) / THREADS, {"healbert_sweep": {"schema": 1}, "threads": threads})
    return _written(folder) or threads


def _written(folder):
    found = read_json(pathlib.Path(folder) / THREADS)
    threads = found.get("threads") if isinstance(found, dict) else None
    return threads if isinstance(threads, int) and threads > 0 else None
