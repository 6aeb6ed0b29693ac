"""Launches beside each other that want the same file or folder made: one makes it, the others wait."""

import contextlib

from ..utils.errors import UserError

LOOK = 10.0  # seconds until processes of one launch agree again on who waits


def agreed(found, training):
    """What the first process of a launch found: the disk may have changed until the others looked."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([found])[0] if training.world_size > 1 else found


@contextlib.contextmanager
def turn(path, training, what, doing):
    """Lets one launch at a time make ``path``; yields whether it had to wait for another.

    The operating system frees the lock of a process that is killed. The processes of a launch wait together, and look
    up now and then, as none of them waits for the others for longer than a while.

    Args:
        path: the file or folder; the lock, which goes in the end, lies beside it.
        training: `transformers.TrainingArguments`.
        what: what it is, for messages: "teacher".
        doing: what is done to it, for messages: "fine-tuning".

    Raises:
        UserError: if the folder that it lies in cannot be written.
    """
    import filelock

    place, waited = path.with_name(f"{path.name}.lock"), False
    lock = filelock.FileLock(place)
    while True:
        main = training.process_index == 0
        if agreed(main and _acquired(lock, place, LOOK if waited else 0.0, what), training):
            break
        if not waited and main:
            print(f"waiting for the {what} in {path}, which another process is {doing}", flush=True)
        waited = True
    try:
        yield waited
    finally:
        if training.process_index == 0:
            place.unlink(missing_ok=True)
            lock.release()


def _acquired(lock, path, timeout, what):
    import filelock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=timeout)
    except filelock.Timeout:
        return False
    except OSError as error:
        raise UserError(f"{path.parent}, where {what}s are kept, cannot be written: {error.strerror}") from error
    return True
