"""Hub tokens of a sweep's runs: handed over in files that only their owner reads, and in nothing else.

A job, a command line or a pickle shows what is in it to whoever may look at processes, logs or the folder.
"""

import contextlib
import pathlib

from ..utils.alive import alive_file, alive_files

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
    files = {}
    alive_files(folder, PREFIX)  # removes the others
    with contextlib.ExitStack() as stack:
        for token in sorted({token for token in tokens if token}):
            files[token] = stack.enter_context(alive_file(folder, PREFIX, token.encode()))
        yield files


def read_token(path):
    """The token in a file of `token_files`, or None where ``path`` is None."""
    return pathlib.Path(path).read_text(encoding="utf-8") if path else None
