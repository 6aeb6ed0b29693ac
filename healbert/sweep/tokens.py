"""Hub tokens of a sweep's runs: handed over in files that only their owner reads, and in nothing else.

A job, a command line or a pickle shows what is in it to whoever may look at processes, logs or the folder.
"""

import contextlib
import fcntl
import os
import pathlib
import tempfile

PREFIX = ".token-"  # of a file in the sweep's folder, which all nodes see
TOKENS = ("token", "hub_token")  # settings; nothing in a sweep pushes, so nothing needs the second


def without_tokens(settings):
    """A copy of settings, without tokens."""
    return {name: value for name, value in settings.items() if name not in TOKENS}


@contextlib.contextmanager
def token_files(folder, tokens):
    """Writes each token into a file of its own, mode 0600, and removes the files at the end.

    Those that a killed sweep has left behind are removed first. The lock on a file says that its sweep is alive.

    Args:
        folder: the sweep's results folder.
        tokens: texts; None among them is left out.

    Yields:
        dict from token to path.
    """
    folder, files = pathlib.Path(folder), {}
    _remove_left(folder)
    with contextlib.ExitStack() as stack:
        for token in sorted({token for token in tokens if token}):
            files[token] = stack.enter_context(_token_file(folder, token))
        yield files


@contextlib.contextmanager
def _token_file(folder, token):
    handle, name = _locked_file(folder)
    try:
        os.write(handle, token.encode())
        yield name
    finally:
        pathlib.Path(name).unlink(missing_ok=True)
        os.close(handle)


def _locked_file(folder):
    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)  # mode 0600
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another sweep is looking whether it was left behind, and removes it
            os.close(handle)
            continue
        if os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)


def _remove_left(folder):
    for path in folder.glob(PREFIX + "*"):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            path.unlink(missing_ok=True)


def read_token(path):
    """The token in a file of `token_files`, or None where ``path`` is None."""
    return pathlib.Path(path).read_text(encoding="utf-8") if path else None
