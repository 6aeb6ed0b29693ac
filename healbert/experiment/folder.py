"""The folder of a run: what is in it, and when it may be written."""

import contextlib
import pathlib
import shutil

from ..arguments.marker import differences, is_marker, marker
from ..healing.checkpoints import is_checkpoint
from ..results.read import read_results, read_sound
from ..results.schema import (
    CHECKPOINT,
    LOCK,
    LOG_NAME,
    MODEL_FILES,
    RUN_FILES,
    SETTINGS_COPY,
    SHARD,
    TEXT_STAGE,
    NewerSchema,
)
from ..utils.errors import UserError
from ..utils.files import atomic_path, is_left_over, read_file, read_json, write_json
from .disk import require_free_places

SETTINGS = ("settings.json", SETTINGS_COPY)


def finished_results(output_dir, arguments):
    """The results of a finished run of the same settings in ``output_dir``, or None if there is something to run.

    Raises:
        UserError: if the folder holds a run of other settings (named), or files that are no run's.
    """
    try:
        there = output_dir.exists()
    except OSError as error:  # a name that is too long
        raise UserError(f"--output_dir {output_dir} cannot be used: {error.strerror}") from error
    if not there:
        return None
    if not output_dir.is_dir():
        raise UserError(f"--output_dir {output_dir} is a file; name a folder")
    try:
        if _never_began(output_dir):
            return None
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be read: {error.strerror}") from error
    settings = read_marker(output_dir)
    if not is_marker(settings):
        _refuse_foreign(output_dir, arguments.run.overwrite_output_dir)
    require_free_places(output_dir)
    if arguments.run.overwrite_output_dir:
        _spare_named_checkpoint(output_dir, arguments.training.resume_from_checkpoint)
        return None
    differing = differences(settings, arguments)
    if differing:
        raise UserError(
            f"{output_dir} holds a run of other settings: {', '.join(differing[:8])}; "
            "choose another --output_dir, or replace the run with --overwrite_output_dir"
        )
    try:
        results = read_sound(output_dir)
    except NewerSchema as error:
        raise UserError(f"{output_dir}: {error}") from error
    except (FileNotFoundError, ValueError):  # nothing, or not what a run writes: it is made again
        return None
    except OSError as error:
        raise UserError(f"{output_dir} cannot be read: {error.strerror}") from error
    if results["status"] == "failed":
        return None
    if arguments.run.save_model and not (output_dir / "config.json").exists():
        raise UserError(f"{output_dir} was finished without --save_model; run it again with --overwrite_output_dir")
    return results


def read_marker(output_dir):
    """What marks the folder as a run's: settings.json, or its copy where a disk has lost the end or all of it."""
    settings = read_json(output_dir / "settings.json")
    if settings is not None:
        return settings
    try:
        written = (output_dir / "settings.json").exists() and read_file(output_dir / "settings.json") or b""
        is_ours = read_file(output_dir / SETTINGS_COPY).startswith(written)  # somebody's own, in its place, is not
    except (OSError, ValueError):
        return None
    return read_json(output_dir / SETTINGS_COPY) if is_ours else None


def _never_began(output_dir):
    """Whether a folder is empty but for a sweep's log, a failure before the damage, or a write that was cut short."""
    names = {path.name for path in output_dir.iterdir() if not path.name.startswith(".")}
    if names - {LOG_NAME} != {"results.json"}:
        return names <= {LOG_NAME}
    try:
        return read_results(output_dir)["status"] == "failed"
    except (OSError, ValueError):
        return False


def _spare_named_checkpoint(output_dir, named):
    """Refuses to go on from a checkpoint that goes with the run that is replaced."""
    if named and pathlib.Path(named).resolve().parent == output_dir.resolve():
        raise UserError(
            f"--resume_from_checkpoint {named} lies in {output_dir}, whose run --overwrite_output_dir removes; choose "
            "another --output_dir"
        )


def _refuse_foreign(output_dir, overwrite):
    """Refuses a folder that no settings.json of ours marks, unless a run may and can be added to what is there."""
    mine = sorted(path.name for path in output_dir.iterdir() if _may_be_of_a_run(path.name))
    if not mine and overwrite:
        return
    named = ", ".join(mine[:8]) + (f" and {len(mine) - 8} more" if len(mine) > 8 else "")
    holds = f"{named}, which a run would replace and which are not of a HealBERT run" if mine else "other files"
    add = "" if mine else ", or add to them with --overwrite_output_dir"
    raise UserError(f"{output_dir} holds {holds}; choose another --output_dir{add}")


def _may_be_of_a_run(name):
    return name in (*RUN_FILES, *MODEL_FILES, "tensorboard") or bool(
        SHARD.fullmatch(name) or CHECKPOINT.fullmatch(name)
    )


class RunBusy(UserError):
    """Another process is at work on the run."""


@contextlib.contextmanager
def open_run(output_dir, arguments, receipt):
    """Makes the folder, keeps other processes out of it, and writes settings.json and corruption.json.

    A context; the first process of a launch holds the lock until it ends. The operating system frees the lock of a
    process that is killed. Yields the results if another process has finished the run in the meantime, else None.

    Raises:
        RunBusy: if another process is at work on the run.
        UserError: if the folder cannot be written, or holds the checkpoints of something else.
    """
    if arguments.training.process_index != 0:
        yield None
        return
    with lock_folder(output_dir):
        finished = finished_results(output_dir, arguments)
        _remove_left_over(output_dir)
        if not finished:
            _write_start(output_dir, arguments, receipt)
        yield finished


@contextlib.contextmanager
def lock_folder(output_dir):
    """Makes a folder and keeps other processes out of it: a context.

    Raises:
        RunBusy: if another process is at work in it.
        UserError: if it cannot be written.
    """
    import filelock

    path = output_dir / LOCK
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path, timeout=1)  # `is_locked` holds it for a moment
        lock.acquire()
    except filelock.Timeout as error:
        raise RunBusy(f"{output_dir} is being run by another process; wait for it, or stop it") from error
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def _write_start(output_dir, arguments, receipt):
    if arguments.run.overwrite_output_dir:
        _remove_run(output_dir)
    try:
        (output_dir / "results.json").unlink(missing_ok=True)  # of a failed run that is tried again
        for name in reversed(SETTINGS):
            write_json(output_dir / name, marker(arguments))
        write_json(output_dir / "corruption.json", receipt.to_dict())
    except OSError as error:
        raise UserError(f"--output_dir {output_dir} cannot be written: {error.strerror}") from error


def _remove_run(output_dir):
    """Removes what a run wrote, by exact name, from a folder that its settings.json marks as ours."""
    if not is_marker(read_marker(output_dir)):
        return  # nothing that a run writes is there: see `_refuse_foreign`
    (output_dir / "results.json").unlink(missing_ok=True)  # first: what is left of a kill here must not look finished
    for path in output_dir.iterdir():
        ours = path.name in (*RUN_FILES, *MODEL_FILES) or SHARD.fullmatch(path.name)
        if ours and path.name not in SETTINGS:  # nor like another program's; they are written anew
            path.unlink()
    shutil.rmtree(output_dir / "tensorboard", ignore_errors=True)
    remove_text_stage(output_dir)
    remove_checkpoints(output_dir)


def remove_checkpoints(output_dir):
    """Deletes a run's checkpoints, by exact name; another process may be at it, too.

    What only has the name of one stays: a link, and a folder in which nothing is that training writes.
    """
    for folder in pathlib.Path(output_dir).iterdir():
        if CHECKPOINT.fullmatch(folder.name) and is_checkpoint(folder):
            shutil.rmtree(folder, onerror=_unless_gone)


def remove_text_stage(output_dir):
    """Deletes the checkpoints of training on text, and their folder unless something else lies in it."""
    folder = pathlib.Path(output_dir) / TEXT_STAGE
    if folder.is_dir() and not folder.is_symlink():
        remove_checkpoints(folder)
        with contextlib.suppress(OSError):  # it is not empty, or another process was quicker
            folder.rmdir()


def tidy_finished(output_dir, keep_checkpoints):
    """Removes from the folder of a finished run what a kill between its results and its end has left there.

    Raises:
        UserError: if it cannot be removed.
    """
    output_dir = pathlib.Path(output_dir)
    try:
        _restore_settings(output_dir)
        if any(path.name == LOCK or is_left_over(path.name, RUN_FILES) for path in output_dir.iterdir()):
            with contextlib.suppress(RunBusy), lock_folder(output_dir):  # it goes with the lock
                _remove_left_over(output_dir)
        remove_text_stage(output_dir)
        if not keep_checkpoints:
            remove_checkpoints(output_dir)
    except OSError as error:
        raise UserError(f"{output_dir} cannot be put in order: {error.strerror}") from error


def _restore_settings(output_dir):
    sizes = [path.stat().st_size if path.is_file() else 0 for path in map(output_dir.joinpath, SETTINGS)]
    if sizes[0] < sizes[1] and is_marker(found := read_marker(output_dir)):
        write_json(output_dir / "settings.json", found)


def _remove_left_over(output_dir):
    for path in output_dir.iterdir():
        if is_left_over(path.name, RUN_FILES):
            path.unlink(missing_ok=True)


def _unless_gone(_, path, raised):
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]


def write_table(path, columns):
    """Writes {column: values (examples,)} as parquet, atomically."""
    import pandas

    with atomic_path(path) as name:
        pandas.DataFrame(columns).to_parquet(name, index=False)
