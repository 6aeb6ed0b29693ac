"""Fingerprints of files and of repositories on the Hub."""

import functools
import pathlib

from ..utils.errors import UserError
from ..utils.files import file_state
from .reach import resolve_commit


def of_commit(*what):
    """``commit:...`` of a repository on the Hub, or None if it is not known; ``what`` is for `resolve_commit`."""
    commit = resolve_commit(*what)
    return commit and f"commit:{commit}"


def of_files(paths):
    """``files:...``, a hash of the names and contents of files, in the order given.

    Raises:
        UserError: if one cannot be read.
    """
    try:
        return "files:" + _digest(tuple((str(path), *file_state(path)) for path in paths))
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error


@functools.lru_cache(maxsize=256)  # a sweep asks for the same files thousands of times
def _digest(files):
    import xxhash

    digest = xxhash.xxh3_128()
    # Names without folders: a copy of the files elsewhere is the same data.
    for path, size, *_ in files:
        digest.update(f"{pathlib.PurePath(path).name}\0{size}\0".encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
