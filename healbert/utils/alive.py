"""Files that say that a process is alive: it holds a lock on them, which the operating system frees however it ends."""

import contextlib
import fcntl
import os
import pathlib
import re
import stat
import tempfile

from .files import RANDOM


@contextlib.contextmanager
def alive_file(folder, prefix, content=b""):
    """Yields the path of a new file of mode 0600 in ``folder``, locked while the block lasts and removed at its end."""
    handle, name = _locked_file(folder, prefix)
    try:
        os.write(handle, content)
        yield name
    finally:
        pathlib.Path(name).unlink(missing_ok=True)
        os.close(handle)


def _locked_file(folder, prefix):
    while True:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=folder)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody is looking whether it was left behind, and removes it
            os.close(handle)
            continue
        if os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)


def alive_files(folder, prefix):
    """The files of `alive_file` whose process is alive; those that a killed one left behind are removed.

    Somebody else's file is told by its name, which has not eight random characters, or by its mode.
    """
    return [
        path for path in sorted(pathlib.Path(folder).glob(prefix + "*")) if _is_ours(path, prefix) and _is_held(path)
    ]


def _is_ours(path, prefix):
    try:
        mode = path.lstat().st_mode
    except OSError:  # it is gone
        return False
    named = re.fullmatch(RANDOM, path.name.removeprefix(prefix))
    return bool(named) and stat.S_ISREG(mode) and stat.S_IMODE(mode) == 0o600


def _is_held(path):
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    except OSError:  # it is gone, or somebody else's
        return False
    return False
