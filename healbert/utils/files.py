"""Files written atomically: a reader sees the old content or the new, never a part of it."""

import contextlib
import json
import math
import os
import pathlib
import re
import stat
import tempfile


@contextlib.contextmanager
def atomic_path(path):
    """Yields a temporary path beside ``path`` that takes its place when the block ends without an error."""
    path = pathlib.Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        yield name
        pathlib.Path(name).chmod(0o666 & ~_umask())
        sync(name)
        os.replace(name, path)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)  # its folder may have been removed
        raise
    sync(path.parent)  # without it a power cut may take the new name back


RANDOM = "[a-z0-9_]{8}"  # what tempfile puts into a name


def is_left_over(name, files):
    """Whether ``name`` is what a process that was killed in `atomic_path` left beside one of ``files`` (names)."""
    suffixes = {file: re.escape(pathlib.PurePath(file).suffix) for file in files if name.startswith(f".{file}.")}
    return any(re.fullmatch(rf"\.{re.escape(file)}\.{RANDOM}{end}", name) for file, end in suffixes.items())


def sync(path):
    """Has the disk hold what is in a file, or the names in a folder, before anything else happens."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def jsonable(value):
    """A copy of ``value`` that JSON can hold: tuples become lists; NaN and infinities, which JSON lacks, None."""
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path, value):
    """Writes ``value`` as JSON, atomically."""
    with atomic_path(path) as name:
        pathlib.Path(name).write_text(
            json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def write_json_once(path, value):
    """Writes ``value`` as JSON unless there is a file that is JSON; of two processes at once, one does."""
    import filelock

    path = pathlib.Path(path)
    if read_json(path) is not None:
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        write_json(name, value)
        try:
            os.link(name, path)
        except OSError:  # another process was first, what is there was cut short, or the disk has no hard links
            with filelock.FileLock(path.with_name(f".{path.name}.lock")):
                if read_json(path) is None:
                    os.replace(name, path)
    finally:
        pathlib.Path(name).unlink(missing_ok=True)


def file_state(path):
    """What changes when a file does: (size in bytes, time of change, time of the inode's change), both in ns."""
    found = pathlib.Path(path).stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read_json(path):
    """The value in ``path``, or None if there is no such file, or it cannot be read or is not JSON."""
    try:
        return json.loads(read_file(path))
    except (OSError, ValueError, RecursionError):
        return None


def read_file(path):
    """The bytes of a file.

    Raises:
        ValueError: if something else stands there: opening a pipe would wait for ever.
        OSError: if it cannot be read.
    """
    path = pathlib.Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path.name} is not a file")
    return path.read_bytes()
